"""Train one run: from its resolved spec to a model, its history and its provenance."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy

from sepflow import provenance
from sepflow.errors import SepflowError
from sepflow.files import sweep
from sepflow.files.contracts import check_disjoint
from sepflow.files.seals import CHEAP
from sepflow.identity import canonical, difference, digest, fill_neutral, parts_of, run_name
from sepflow.jobs.lease import Lease, held
from sepflow.jobs.requeue import listening
from sepflow.mixes.mix import open_mix, read_own_plan
from sepflow.mixes.recipes import corpora_of
from sepflow.models.artefact import read_spec
from sepflow.models.masking import MASK_LAYER
from sepflow.results import FILES, Results, Run
from sepflow.tasks import declared
from sepflow.tasks.built import load_trained, load_used, whole_float32
from sepflow.tasks.task import model_weights, segment_samples
from sepflow.training.checkpoint import RunningCheckpoint, usable
from sepflow.training.data import train_loader, validation_loader
from sepflow.training.ending import Ending
from sepflow.training.finished import write_run
from sepflow.training.machine import Machine
from sepflow.training.module import PRECISIONS, Training
from sepflow.training.progress import Progress
from sepflow.training.switches import Switches

PATIENCE = timedelta(minutes=10)  # of processes that share a batch, with one another
log = logging.getLogger(__name__)
logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # its tips and adverts


def train(
    spec: dict[str, Any],
    out: Path,
    results: Path = Path("results"),
    machine: Machine = Machine(),  # noqa: B008 (it is frozen)
    progress: bool = False,
) -> None:
    """Train the run of `spec`; write model.safetensors, spec.json, history.csv and run.json into `out`.

    A run that was killed goes on from `out`/checkpoint/last.ckpt; one that another process trains is waited
    for. `results` holds the mixes, corpora and runs that the spec names. Torch's threads are the caller's to
    set: results are the same, to the bit on a CPU, for one number of threads and processes. Raises
    SepflowError for what a user can mend; WarnedError, saved, at a signal that tells it to end.
    """
    origin = provenance.stamp()  # now: by the end the checkout may be another
    spec = canonical(fill_neutral(spec))
    machine.check(spec)
    with subnormals_as_zero(), listening() as notice, held(out, run_name(spec)) as lease:
        if lease is None:
            return
        if isinstance(lease, Lease):
            for left in (Run(out).checkpoint, *(out / file for file in FILES)):
                sweep(left)
        keeper = RunningCheckpoint(Run(out).checkpoint)
        examples = spec["batch"] * spec["accumulate"]
        callbacks = [keeper, Ending(notice, lease, keeper), Progress(keeper, lease, examples, progress)]
        trainer = _trainer(spec, out, machine, callbacks)
        machine.check_world(trainer.world_size)
        _fit(spec, results, machine, trainer, keeper)
        if trainer.is_global_zero:
            lease.check()
            write_run(out, keeper, trainer, origin, machine)


@contextmanager
def subnormals_as_zero() -> Iterator[None]:
    """Below 1e-38, where gradients of sharp attention are, a CPU takes far longer; no sum is changed."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _fit(
    spec: dict[str, Any],
    results: Path,
    machine: Machine,
    trainer: lightning.Trainer,
    keeper: RunningCheckpoint,
) -> None:
    """Train to the end, from the checkpoint that there may be."""
    # To read a byte takes 1 to 3 ns, and to train on a sample 100 or more: what is no more is read first.
    heard = spec["steps"] * spec["accumulate"] * spec["batch"] * segment_samples(spec)
    mixes = {part: open_mix(spec[part]["mix"], results, max(heard, CHEAP)) for part in parts_of(spec)}
    if spec["disjoint_speakers"]:
        _check_speakers(spec, results)
    module = _begin(spec, results, machine)
    resume = usable(keeper.path, spec, module.state_dict())
    if resume:
        log.info("going on from %s", resume)
    share = trainer.global_rank, trainer.world_size
    loader = train_loader(module.task, mixes, machine.workers, lambda: module.global_step, share)
    if spec["data"]["crop"] == "fixed" and module.task.declared.separates:
        module.switches = Switches(loader.dataset.examples["data"].rows)
    with warnings.catch_warnings():
        # Ours begins at the step that it is asked for: StepSampler.
        warnings.filterwarnings("ignore", message=".*your dataloader is not resumable")
        trainer.fit(
            module,
            loader,
            validation_loader(module.task, mixes, share),
            ckpt_path=resume,
            weights_only=True,
        )


def _begin(spec: dict[str, Any], results: Path, machine: Machine) -> Training:
    """The run's task before its first step: drawn from the seed, or from the run that it begins with."""
    whole_float32()
    used = load_used(spec, results)
    torch.manual_seed(spec["seed"])
    module = Training(spec, used)
    if machine.processes > 1 and not module.task.shares_batch:
        raise SepflowError(f"task: {spec['task']}: its loss is of a whole batch; set devices and nodes to 1")
    if spec["init"]:
        _initialise(module, Results(results).run(spec["init"]).model, spec)
    if machine.compile and getattr(module.task.model, "compiles", False):
        module.task.model.compile()
    elif machine.compile:
        name = spec["model"]["name"]
        log.info("a %s is trained as it is: its class does not say compiles = True (LSTMs do not)", name)
    return module


def _trainer(
    spec: dict[str, Any], out: Path, machine: Machine, callbacks: list[lightning.Callback]
) -> lightning.Trainer:
    """`callbacks` come last, for they save what others have decided."""
    if spec["patience"] is not None:
        sign = declared(spec["task"]).sign(spec["select"])
        stopping = EarlyStopping(
            spec["select"],
            patience=spec["patience"],
            mode="min" if sign > 0 else "max",
            check_on_train_epoch_end=False,
        )
        callbacks = [stopping, *callbacks]
    return lightning.Trainer(
        accelerator=machine.device,
        devices=machine.devices,
        num_nodes=machine.nodes,
        strategy=DDPStrategy(timeout=PATIENCE) if machine.processes > 1 else "auto",
        precision=PRECISIONS[spec["precision"]],
        max_steps=spec["steps"],
        limit_train_batches=spec["validate_every"] * spec["accumulate"],
        accumulate_grad_batches=spec["accumulate"],
        gradient_clip_val=spec["optimizer"]["clip"],
        callbacks=callbacks,
        plugins=[machine.environment()],
        logger=TensorBoardLogger(out, name="", version="tensorboard"),
        log_every_n_steps=spec["validate_every"],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=2,
        use_distributed_sampler=False,
    )


def _check_speakers(spec: dict[str, Any], results: Path) -> None:
    """Raises SepflowError where the run hears speakers of what it begins with, or is trained on beside.

    Of mixes over different corpora nothing is asked: names there say nothing.
    """
    own = spec["data"]["mix"]
    parts = [part for part in declared(spec["task"]).trained_on if part != "data"]
    others = [spec[part]["mix"] for part in parts]
    if spec["init"]:
        first = read_spec(Results(results).run(spec["init"]).model, spec["init"])
        others.append(first["data"]["mix"])
    for other in others:
        if corpora_of(other)["corpus"] == corpora_of(own)["corpus"]:
            plans = [Results(results).plan(digest(recipe)) for recipe in (own, other)]
            tables = (read_own_plan(plan.parent, plan.parent.name) for plan in plans)
            check_disjoint(*tables, " and ".join(map(str, plans)))


def _initialise(module: Training, path: Path, spec: dict[str, Any]) -> None:
    """Load the weights of another run; all, but the layer that makes the masks where it has other outputs.

    Raises SepflowError where the models differ in anything else.
    """
    weights, other = load_trained(path, spec["init"])
    weights = model_weights(weights)
    differs = difference(other["model"], spec["model"])
    if any(key != "sources" for key, _, _ in differs):
        raise SepflowError(f"{path}: another model than this run's: " + "; ".join(map(str, differs)))
    # Of the weights, not of model.sources: a multi-task network has an output more than it says.
    own = module.task.model.state_dict()
    anew = {name: own[name] for name in weights if name.startswith(MASK_LAYER)}
    if any(weights[name].shape != weight.shape for name, weight in anew.items()):
        log.info("from %s: all but %s*, which begins anew", path, MASK_LAYER)
        weights |= anew
    module.task.model.load_state_dict(weights)
