"""A corpus on disk, or synthesised, as a manifest and one packed file."""

from pathlib import Path

from sepflow.errors import SepflowError
from sepflow.jobs.job import job

with job(snakemake.log[0], snakemake.threads):
    from sepflow import corpora
    from sepflow.corpora import catalogue, kinds
    from sepflow.corpora.presence import folder_of

    label, checkout = snakemake.params.label, Path(snakemake.scriptdir).parents[1]
    paths = snakemake.config.get("corpora") or {}
    out = Path(snakemake.output.manifest).parent
    if kinds.find(snakemake.params.recipe["kind"]).on_disk and not paths.get(label):
        raise SepflowError(
            f"config/config.yaml: corpora.{label} is not set: give the directory of its recordings"
            f"{catalogue.hint(label, checkout)}"
        )
    corpora.build(snakemake.params.recipe, out, folder_of(label, paths, checkout), snakemake.threads)
