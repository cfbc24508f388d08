"""What a training reads, made where no workflow makes it: mixes decided, mixtures labelled."""

import logging
from pathlib import Path
from typing import Any

from sepflow.applying.estimates import write_estimates
from sepflow.errors import SepflowError
from sepflow.identity import digest, parts_of
from sepflow.mixes import kind_of
from sepflow.mixes.mix import decide, open_mix, write_plan
from sepflow.mixes.recipes import corpora_of
from sepflow.models.artefact import read_spec
from sepflow.results import MANIFEST, PLAN, Results

log = logging.getLogger(__name__)


def prepare(spec: dict[str, Any], results: Path, device: str = "auto") -> None:
    """Make the mixes of `spec` that are not yet in `results`, from the corpora and models that must be there.

    Raises SepflowError for a corpus or a run that is missing, with its name.
    """
    for run in spec["uses"].values():
        _trained(run, results)
    if spec["init"]:
        other = read_spec(_trained(spec["init"], results), spec["init"])
        if spec["disjoint_speakers"]:
            _mix(other["data"]["mix"], results, device)
    for part in parts_of(spec):
        _mix(spec[part]["mix"], results, device)


def _mix(recipe: dict[str, Any], results: Path, device: str) -> None:
    out = Results(results).mix(digest(recipe))
    if (out / PLAN).exists():
        return
    for one in corpora_of(recipe).values():
        _built(Results(results).corpus(digest(one)))
    log.info("deciding mix %s", out.name)
    if recipe["kind"] != "labels" and not kind_of(recipe["kind"]).listed:
        write_plan(out, decide(recipe, results))
    elif recipe["kind"] != "labels":
        raise SepflowError(
            f"{out / PLAN}: not there. Make it where its lists are (snakemake "
            f"{Results().plan(out.name)}), and copy the directory here."
        )
    else:
        _mix(recipe["mix"], results, device)
        mix = open_mix(recipe["mix"], results)
        write_estimates(recipe, mix, _trained(recipe["run"], results), out, device)


def _built(corpus: Path) -> None:
    if not (corpus / MANIFEST).exists():
        raise SepflowError(
            f"{corpus}: not there. Build this corpus where its recordings are (snakemake "
            f"{Results().corpus(corpus.name) / MANIFEST}), and copy the directory here."
        )


def _trained(run: str, results: Path) -> Path:
    model = Results(results).run(run).model
    if not model.exists():
        raise SepflowError(
            f"{model}: not there, and the run builds on it. Train it first: sepflow why {run} > {run}.yaml; "
            f"sepflow train {run}.yaml --out {model.parent}"
        )
    return model
