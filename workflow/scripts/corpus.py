"""A corpus, on disk or synthesised, as a manifest and one packed file; or, before it, a table of its own."""

from pathlib import Path

from sepflow.errors import SepflowError
from sepflow.jobs.job import job

with job(snakemake.log[0], snakemake.threads):
    from sepflow import corpora
    from sepflow.corpora import catalogue, kinds
    from sepflow.corpora.presence import folder_of

    recipe, label = snakemake.params.recipe, snakemake.params.label
    checkout, paths = Path(snakemake.scriptdir).parents[1], snakemake.config.get("corpora") or {}
    out, table = Path(snakemake.output[0]).parent, snakemake.params.get("table")
    if kinds.find(recipe["kind"]).on_disk and not paths.get(label):
        raise SepflowError(
            f"config/config.yaml: corpora.{label} is not set: give the directory of its recordings"
            f"{catalogue.hint(label, checkout)}"
        )
    path = folder_of(label, paths, checkout)
    if table:
        corpora.build_table(recipe, out, path, table)
    else:
        corpora.build(recipe, out, path, snakemake.threads)
