"""A table of a paper, joined from scores."""

from pathlib import Path

from sepflow.job import job

with job(snakemake.log[0], snakemake.threads):
    from sepflow import provenance
    from sepflow.tables import write_table

    context = snakemake.params.context | provenance.stamp("numpy", "pandas", "matplotlib")
    write_table(snakemake.params.table, context, Path("results"), Path(snakemake.output[0]))
