"""Pseudo-labels: a run's estimates, as they are, row by row or segment by segment."""

import numpy as np
import pandas as pd
import pytest
import torch

from sepflow.applying.estimates import write_estimates
from sepflow.applying.inference import Estimator
from sepflow.identity import fill_neutral, run_name
from sepflow.models.artefact import save_model
from sepflow.tasks.built import build
from test_scoring import SPEC as NETWORK
from test_simulation import RECIPE, corpus, labelled_mix, mix  # noqa: F401 (fixtures)

SPEC = NETWORK | {"data": {}, "validation": {}, "optimizer": {}}
RUN = run_name(fill_neutral(SPEC))
LABELS = {"kind": "labels", "mix": RECIPE, "run": RUN, "selection": "energy", "unit": "utterance"}


@pytest.fixture
def model(tmp_path):
    torch.manual_seed(0)
    task = build(SPEC)
    with torch.no_grad():
        task.model.decoder.weight.mul_(200)  # far louder than full scale
    save_model(tmp_path / "model.safetensors", task.model.state_dict(), SPEC)
    return tmp_path / "model.safetensors"


def test_labels_are_the_loudest_estimates_unclipped(model, mix, tmp_path):  # noqa: F811
    write_estimates(LABELS, mix, model, tmp_path / "labels", "cpu")
    labelled, separator = labelled_mix(tmp_path / "labels", mix), Estimator(model, "cpu")
    assert labelled.ids == mix.ids
    loudest = 0.0
    for row in range(len(mix)):
        estimates = separator(mix.mixture(row)).numpy()
        kept = sorted(np.argsort((estimates**2).sum(1))[-2:])
        np.testing.assert_array_equal(labelled.references(row), estimates[kept])
        np.testing.assert_array_equal(labelled.mixture(row), mix.mixture(row))
        loudest = max(loudest, np.abs(estimates[kept]).max())
    assert loudest > 1


def test_by_segment_the_selection_is_made_for_each_segment(model, mix, tmp_path):  # noqa: F811
    write_estimates(LABELS | {"unit": "segment", "segment": 0.4}, mix, model, tmp_path / "labels", "cpu")
    labelled, separator = labelled_mix(tmp_path / "labels", mix), Estimator(model, "cpu")
    table = pd.read_csv(tmp_path / "labels/mix.csv")
    assert (table["samples"] == 3200).all() and len(table) == sum(mix.samples // 3200)
    for row in range(0, len(table), 7):
        name, start = table["id"][row].rsplit("-", 1)
        mixture = mix.mixture(mix.ids.index(name))[int(start) : int(start) + 3200]
        np.testing.assert_array_equal(labelled.mixture(row), mixture)
        estimates = separator(mixture).numpy()
        kept = sorted(np.argsort((estimates**2).sum(1))[-2:])
        np.testing.assert_array_equal(labelled.references(row), estimates[kept])
