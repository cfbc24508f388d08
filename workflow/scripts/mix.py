"""The plan of a mix: which utterances, at which level."""

from pathlib import Path

from sepflow.job import job

with job(snakemake.log[0], snakemake.threads):
    from sepflow.corpora.packed import read_manifest
    from sepflow.files import write_text
    from sepflow.simulation.decide import decide

    manifest = read_manifest(Path(snakemake.input[0]).parent)
    table = decide(snakemake.params.recipe, manifest, snakemake.input[0])
    write_text(snakemake.output[0], table.to_csv(index=False))
