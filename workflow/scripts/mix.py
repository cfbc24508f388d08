"""The plan of a mix: which utterances, at which level."""

from pathlib import Path

from sepflow.jobs.job import job

with job(snakemake.log[0], snakemake.threads):
    from sepflow.corpora.presence import folder_of
    from sepflow.mixes.decide import decide_in
    from sepflow.mixes.listed import decide_listed
    from sepflow.mixes.mix import open_corpora, write_plan

    recipe, label = snakemake.params.recipe, snakemake.params.label
    if label:
        lists = folder_of(label, snakemake.config["corpora"], Path(snakemake.scriptdir).parents[1])
        table = decide_listed(recipe, lists, open_corpora(recipe, Path("results")))
    else:
        table = decide_in(recipe, Path("results"))
    write_plan(Path(snakemake.output[0]).parent, table)
