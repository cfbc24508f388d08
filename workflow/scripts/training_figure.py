"""A paper's figure of its trainings, from their histories."""

from pathlib import Path

from sepflow.jobs.job import job

with job(snakemake.log[0], snakemake.threads):
    from sepflow.reporting.figures.training import write_training

    context = {"scale": snakemake.wildcards.scale, "untrained": snakemake.params.untrained}
    out = Path(snakemake.output[0]).with_suffix("")
    write_training(snakemake.params.figure, context, Path("results"), out)
