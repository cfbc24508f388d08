"""The plan of a mix: which utterances, at which level."""

from pathlib import Path

from sepflow.jobs.job import job

with job(snakemake.log[0], snakemake.threads):
    from sepflow.corpora.presence import folder_of
    from sepflow.mixes.mix import decide, write_plan

    recipe, called = snakemake.params.recipe, snakemake.params.label
    lists = None
    if called:
        lists = folder_of(called, snakemake.config["corpora"], Path(snakemake.scriptdir).parents[1])
    write_plan(Path(snakemake.output[0]).parent, decide(recipe, Path("results"), lists))
