"""A run's estimates on a mix: a mix with pseudo-labels."""

from pathlib import Path

from sepflow.jobs.cards import claimed
from sepflow.jobs.job import job

with job(snakemake.log[0], snakemake.threads), claimed(snakemake.resources.get("gpu", 0)):
    import torch

    from sepflow.applying.estimates import write_estimates
    from sepflow.mixes.mix import open_mix

    torch.set_num_threads(snakemake.threads)
    recipe = snakemake.params.recipe
    files = snakemake.input
    mix = open_mix(recipe["mix"], Path("results"))
    out = Path(snakemake.output.mix).parent
    write_estimates(recipe, mix, Path(files.model), out, snakemake.config["device"])
