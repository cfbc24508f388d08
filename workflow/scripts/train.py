"""One run, from its spec to its model. `teacher`, `student`, ... are this script under their own names."""

from pathlib import Path

from sepflow.job import job

with job(snakemake.log[0], snakemake.threads):
    import torch

    from sepflow.training.train import train

    torch.set_num_threads(snakemake.threads)
    out = Path(snakemake.output.model).parent
    config = snakemake.config
    train(snakemake.params.spec, out, device=config["device"], workers=config["workers"], progress=True)
