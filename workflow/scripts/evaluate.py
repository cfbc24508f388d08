"""A run on a test mix: one score a mixture, source and metric."""

from pathlib import Path

from sepflow.cards import claimed
from sepflow.job import job

with job(snakemake.log[0], snakemake.threads), claimed(snakemake.resources.get("gpu", 0)):
    import torch

    from sepflow.evaluation import evaluate
    from sepflow.simulation.mix import open_mix

    torch.set_num_threads(snakemake.threads)
    files = snakemake.input
    mix = open_mix(snakemake.params.recipe, Path("results"))
    evaluate(Path(files.model), mix, Path(snakemake.output[0]), snakemake.config["device"])
