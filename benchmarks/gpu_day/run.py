"""All of a day on a GPU in one command, in the time it is given; README.md beside it says which.

    PYTHONPATH=src:benchmarks python -m gpu_day.run --out DIR --budget 500

Each stage is a process of its own, with a part of the budget, and writes what it finds as soon as it has
it: one that fails, hangs or is late takes nothing from the others. Called again with `--stages trainings
bring`, the trainings go on; `bring --parts 4 5 6 7` hands over the next parts of the runs.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from gpu_day.bring import write_parts
from gpu_day.unpack import unpack

STAGES = ("speed", "trainings", "sameness", "compiled", "bring")
_SPEED = 0.2  # of the budget
_END = 15.0  # seconds kept for handing over, at the end of the budget
_COMPILED = 15.0  # and for timing what was compiled


class Stage:
    """A process `python -m gpu_day.<name>`, its group ended when its time is up."""

    def __init__(self, name: str, *flags: object):
        self.name = name
        command = [sys.executable, "-u", "-m", f"gpu_day.{name}", *map(str, flags)]
        self.process = subprocess.Popen(command, start_new_session=True)

    def wait(self, until: float) -> None:
        """Until it ends, or it is `until` (monotonic)."""
        try:
            code = self.process.wait(max(0.0, until - time.monotonic()))
            print(f"== {self.name}: ended with {code}", flush=True)
        except subprocess.TimeoutExpired:
            print(f"== {self.name}: its time is up", flush=True)
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def run(options: argparse.Namespace) -> None:
    """The stages that were asked for."""
    start = time.monotonic()
    end = start + options.budget
    work, out = options.work, options.out
    out.mkdir(parents=True, exist_ok=True)
    results = work / "results"
    unpack(options.pack, results)
    print(f"== unpacked: {time.monotonic() - start:.1f} s", flush=True)
    cuda, gpu = ("cpu", "cpu") if options.device == "cpu" else ("cuda", "gpu")
    tiny = ["--tiny"] * options.tiny
    plan = options.pack / "plans.json"
    if "speed" in options.stages:
        seconds = _SPEED * options.budget
        flags = ["--out", work / "speed.json", "--device", cuda, "--seconds", seconds, *tiny]
        Stage("speed", *flags).wait(time.monotonic() + seconds + 20)
        print(f"== {time.monotonic() - start:.1f} s", flush=True)
    beside: list[Stage] = []
    free = work / "free"
    free.unlink(missing_ok=True)
    stop = end - _END - (_COMPILED if "compiled" in options.stages else 0.0)
    trainings = None
    if "trainings" in options.stages:
        flags = ["--out", work / "trainings.json", "--plan", plan, "--results", results]
        flags += ["--work", work / "trainings", "--device", gpu, "--seconds", stop - 3 - time.monotonic()]
        flags += ["--slots", options.slots, "--gain", options.gain]
        trainings = Stage("trainings", *flags)
        _until_chosen(work / "trainings" / "chosen.json", trainings, stop)
    if "sameness" in options.stages:
        shutil.rmtree(work / "sameness", ignore_errors=True)
        (work / "sameness").mkdir(parents=True)
        flags = ["--out", work / "sameness.json", "--plan", plan, "--results", results]
        beside.append(Stage("sameness", *flags, "--work", work / "sameness", "--device", gpu))
    if "compiled" in options.stages:
        compiled = Stage(
            "compiled", "--out", work / "compiled.json", "--device", cuda, "--after", free, *tiny
        )
    for stage in [*([trainings] if trainings else []), *beside]:
        stage.wait(stop)
    print(f"== {time.monotonic() - start:.1f} s", flush=True)
    if "compiled" in options.stages:
        free.touch()
        compiled.wait(end - _END)
    if "bring" in options.stages:
        write_parts(work, out, options.parts)
    print(f"== {time.monotonic() - start:.1f} s in all", flush=True)


def _until_chosen(chosen: Path, trainings: Stage, until: float) -> None:
    """What is measured of the trainings is measured alone."""
    while not chosen.exists() and trainings.process.poll() is None and time.monotonic() < until:
        time.sleep(0.1)


def main() -> None:
    """Read the arguments; keep a report of all that is printed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="for what comes back")
    parser.add_argument("--pack", type=Path, default=Path("build/gpu_day/pack"))
    parser.add_argument("--work", type=Path, default=Path("build/gpu_day/work"))
    parser.add_argument("--budget", type=float, default=500.0, help="seconds for all (default 500)")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument(
        "--parts", nargs="+", type=int, default=[0, 1, 2, 3], help="of the runs, to hand over"
    )
    parser.add_argument("--device", choices=["cpu", "gpu"], default="gpu")
    parser.add_argument("--slots", type=int, default=4, help="trainings at once (default 4)")
    parser.add_argument("--gain", type=float, default=1.3, help="work that several do in the time of one")
    parser.add_argument("--tiny", action="store_true", help="a rehearsal: small networks alone")
    options = parser.parse_args()
    quiet = {"OMP_NUM_THREADS": "2", "PYTHONWARNINGS": "ignore", "TORCHINDUCTOR_COMPILE_THREADS": "4"}
    os.environ.update(quiet)
    print(json.dumps({key: str(value) for key, value in vars(options).items()}), flush=True)
    run(options)


if __name__ == "__main__":
    main()
