"""A part of a corpus that is free, from the web into data/."""

from pathlib import Path

from sepflow.jobs.job import job

with job(snakemake.log[0], snakemake.threads):
    from sepflow.corpora.catalogue import find_parts
    from sepflow.corpora.fetch import fetch_part

    checkout = Path(snakemake.scriptdir).parents[1]
    corpus, parts = find_parts("{name}/{part}".format(**snakemake.wildcards), checkout)
    fetch_part(corpus, parts[0], Path(snakemake.output[0]).parents[1])
