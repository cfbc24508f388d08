"""A part of a corpus, or a network, that is free, from the web into data/."""

from pathlib import Path

from sepflow.jobs.job import job

with job(snakemake.log[0], snakemake.threads):
    from sepflow.corpora.fetch import fetch_part
    from sepflow.networks.catalogue import find_parts

    checkout = Path(snakemake.scriptdir).parents[1]
    name = snakemake.wildcards.name.removeprefix("networks/")
    corpus, parts = find_parts(f"{name}/{snakemake.wildcards.part}", checkout)
    fetch_part(corpus, parts[0], Path(snakemake.output[0]).parents[1])
