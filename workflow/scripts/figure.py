"""The pictures of a table: learning curves, spectrograms, distributions."""

from pathlib import Path

from sepflow.jobs.job import job

with job(snakemake.log[0], snakemake.threads):
    import torch

    from sepflow.mixes.mix import open_mix
    from sepflow.mixes.recipes import rate_of
    from sepflow.reporting.figures.write import write_figures

    torch.set_num_threads(snakemake.threads)
    params = snakemake.params
    mix = open_mix(params.recipe, Path("results"))
    context = {
        "scale": snakemake.wildcards.scale,
        "untrained": params.untrained,
        "rate": rate_of(params.recipe),
    }
    out = Path(snakemake.output[0].rsplit("_", 1)[0])
    write_figures(params.table, params.losses, mix, context, Path("results"), out)
