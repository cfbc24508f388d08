"""One run, from its spec to its model. `teacher`, `student`, ... are this script under their own names."""

from pathlib import Path

from sepflow.jobs.cards import claimed
from sepflow.jobs.job import job
from sepflow.jobs.requeue import when_warned

out = Path(snakemake.output.model).parent
with (
    job(snakemake.log[0], snakemake.threads),
    when_warned(out / "checkpoint" / "last.ckpt"),
    claimed(snakemake.resources.get("gpu", 0)),
):
    import torch

    from sepflow.networks.places import Places
    from sepflow.training.machine import Machine
    from sepflow.training.making import make

    machine = Machine.of(snakemake.config)
    torch.set_num_threads(max(1, snakemake.threads // machine.devices))
    places = Places(Path(snakemake.scriptdir).parents[1], snakemake.config)
    make(snakemake.params.spec, out, machine=machine, progress=True, places=places)
