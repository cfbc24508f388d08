"""The pictures of a table: learning curves, spectrograms, distributions."""

from pathlib import Path

from sepflow.job import job

with job(snakemake.log[0], snakemake.threads):
    import torch

    from sepflow.figures.write import write_figures
    from sepflow.simulation.mix import open_mix

    torch.set_num_threads(snakemake.threads)
    params = snakemake.params
    mix = open_mix(params.recipe, *(Path(file).parent for file in snakemake.input.mix[:2]))
    context = {
        "scale": snakemake.wildcards.scale,
        "untrained": params.untrained,
        "rate": params.recipe["corpus"]["rate"],
    }
    out = Path(snakemake.output[0].rsplit("_", 1)[0])
    write_figures(params.table, params.losses, mix, context, Path("results"), out)
