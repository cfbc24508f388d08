"""A mix as a tree of files, for other tools."""

from pathlib import Path

from sepflow.jobs.job import job

with job(snakemake.log[0], snakemake.threads):
    from sepflow.mixes.export import export

    out = Path(snakemake.output[0]).parent
    export(snakemake.params.recipe, Path("results"), out, snakemake.threads)
