"""The pictures of a table: learning curves, spectrograms, distributions."""

from pathlib import Path

from sepflow.job import job

with job(snakemake.log[0], snakemake.threads):
    import torch

    from sepflow.figures.write import write_figures
    from sepflow.simulation.mix import open_mix
    from sepflow.simulation.recipes import rate_of

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
