"""A run's estimates on a mix: a mix with pseudo-labels."""

from pathlib import Path

from sepflow.cards import claimed
from sepflow.job import job

with job(snakemake.log[0], snakemake.threads), claimed(snakemake.resources.get("gpu", 0)):
    import torch

    from sepflow.labels import write_labels
    from sepflow.simulation.mix import open_mix

    torch.set_num_threads(snakemake.threads)
    recipe = snakemake.params.recipe
    files = snakemake.input
    mix = open_mix(recipe["mix"], Path("results"))
    out = Path(snakemake.output.mix).parent
    write_labels(recipe, mix, Path(files.model), out, snakemake.config["device"])
