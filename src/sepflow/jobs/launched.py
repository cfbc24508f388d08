"""How this process was started: by itself, or by srun or torchrun as one of several that share a training."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Launch:
    """`processes` were started `by` "srun", "torchrun" or "" (then one); `rank` is this one's place.

    `group` is what the processes of one launch have in common, and no others. A process that Lightning has
    started beside the first one is alone in its group, too, and has another rank than 0.
    """

    by: str
    processes: int
    rank: int
    group: str


def launch() -> Launch:
    """What the environment of this process says."""
    said = os.environ.get
    if "TORCHELASTIC_RUN_ID" in os.environ:
        group = f"{said('TORCHELASTIC_RUN_ID')} {said('MASTER_ADDR')}:{said('MASTER_PORT')}"
        return Launch("torchrun", int(os.environ["WORLD_SIZE"]), int(os.environ["RANK"]), group)
    # Of the step, which srun alone says: a batch script has the job's SLURM_NTASKS, and is one process.
    tasks = int(said("SLURM_STEP_NUM_TASKS", "1"))
    if tasks > 1:
        group = f"{said('SLURM_JOB_ID')}.{said('SLURM_STEP_ID')} {said('SLURM_RESTART_COUNT', '0')}"
        return Launch("srun", tasks, int(os.environ["SLURM_PROCID"]), group)
    return Launch("", 1, int(said("LOCAL_RANK", "0")), "")
