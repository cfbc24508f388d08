"""A corpus on disk, or synthesised, as a manifest and one packed file."""

from pathlib import Path

from sepflow.errors import SepflowError
from sepflow.job import job

with job(snakemake.log[0], snakemake.threads):
    from sepflow import corpora
    from sepflow.corpora import catalogue

    path = (snakemake.config.get("corpora") or {}).get(snakemake.params.label)
    out = Path(snakemake.output.manifest).parent
    if snakemake.params.recipe["kind"] == "folder" and not path:
        key = f"corpora.{snakemake.params.label}"
        hint = catalogue.hint(snakemake.params.label, Path(snakemake.scriptdir).parents[1])
        raise SepflowError(
            f"config/config.yaml: {key} is not set: give the directory of its recordings{hint}"
        )
    corpora.build(snakemake.params.recipe, out, path and Path(path).expanduser(), snakemake.threads)
