"""A table of a paper, joined from scores."""

from pathlib import Path

from sepflow.jobs.job import job

with job(snakemake.log[0], snakemake.threads):
    from sepflow import provenance
    from sepflow.reporting.tables import write_table

    context = snakemake.params.context | provenance.stamp("numpy", "pandas", "matplotlib")
    write_table(snakemake.params.table, context, Path("results"), Path(snakemake.output[0]))
