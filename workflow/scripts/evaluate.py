"""A run on a test mix: one score a mixture, source and metric."""

from pathlib import Path

from sepflow.jobs.cards import claimed
from sepflow.jobs.job import job

with job(snakemake.log[0], snakemake.threads), claimed(snakemake.resources.get("gpu", 0)):
    import torch

    from sepflow import provenance
    from sepflow.applying.evaluation import evaluate
    from sepflow.mixes.mix import open_mix

    torch.set_num_threads(snakemake.threads)
    params, run = snakemake.params, snakemake.wildcards.run
    mix = open_mix(params.recipe, Path("results"))
    scorers = provenance.versions(params.scorers)  # those of this very process
    origin = provenance.stamp("torch", "numpy", "scipy") | {"code": params.code, "scorers": scorers}
    out, model = Path(snakemake.output.scores), Path(snakemake.input.model)
    evaluate(model, mix, out, snakemake.config["device"], run, origin)
