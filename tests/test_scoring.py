"""Scores as the workflow and the command make them: each utterance on its own."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

from conftest import environment
from sepflow.applying.inference import Estimator
from sepflow.metrics.separation.scores import score
from sepflow.models.artefact import save_model
from sepflow.tasks.built import build
from sepflow.tasks.selection import select, selections

SPEC = {
    "task": "separation",
    "model": {"name": "conv_tasnet", "sources": 4, "filters": 16, "kernel": 16, "stride": 8, "bottleneck": 8,
              "hidden": 16, "skip": 8, "conv_kernel": 3, "blocks": 3, "repeats": 1, "mask": "relu"},
    "objective": {"name": "mixit", "loss": "thresholded_snr", "max_snr": 30.0, "consistency": True},
}  # fmt: skip


@pytest.fixture
def separator(tmp_path) -> Estimator:
    torch.manual_seed(0)
    save_model(tmp_path / "model.safetensors", build(SPEC).model.state_dict(), SPEC)
    return Estimator(tmp_path / "model.safetensors", "cpu")


def noise(*shape, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32) * 0.1


def test_a_score_does_not_depend_on_its_neighbours(separator):
    """The same utterance alone, and after others of other lengths: equal to well within 1e-3 dB."""
    lengths = [4001, 8000, 1234]
    mixtures = [noise(2, length, seed=length) for length in lengths]
    alone = [score(m, select(separator(m.sum(0)), "energy", m).numpy(), m.sum(0)) for m in mixtures]
    for order in ([2, 0, 1], [1, 2, 0]):
        for i in order:
            again = score(mixtures[i], select(separator(mixtures[i].sum(0)), "energy", mixtures[i]).numpy())
            np.testing.assert_allclose(again["si_snr"], alone[i]["si_snr"], atol=1e-3)


def test_estimates_keep_to_mixture_consistency(separator):
    mixture = noise(5000)
    estimates = separator(mixture)
    assert estimates.shape == (4, 5000)
    np.testing.assert_allclose(estimates.sum(0), mixture, atol=1e-5)


def test_selections_follow_from_the_number_of_estimates():
    assert selections(2, 2) == ["none"]
    assert selections(4, 2) == ["energy", "oracle"]


def test_the_command_scores_files(tmp_path):
    references = noise(2, 8000)
    estimates = references[::-1] + 0.01 * noise(2, 8000, seed=1)
    names = {
        "r1": references[0],
        "r2": references[1],
        "e1": estimates[0],
        "e2": estimates[1],
        "m": references.sum(0),
    }
    for name, samples in names.items():
        soundfile.write(tmp_path / f"{name}.wav", samples, 8000, subtype="FLOAT")
    found = run_score(tmp_path, "r1.wav r2.wav", "e1.wav e2.wav", "m.wav")
    values = json.loads(found.stdout)
    assert values["pairing"] == [1, 0]
    wanted = score(references, estimates, references.sum(0))
    for key in ("si_snr", "si_snri", "sdr", "sdri"):
        np.testing.assert_allclose(values[key], wanted[key], atol=1e-3)
    assert json.loads(run_score(tmp_path, "r1.wav r2.wav", "e1.wav e2.wav").stdout)["si_snri"] is None


def test_the_command_names_a_bad_file(tmp_path):
    for name in ("r", "e"):
        soundfile.write(tmp_path / f"{name}.wav", noise(8000), 8000)
    (tmp_path / "bad.wav").write_bytes(b"not audio")
    done = run_score(tmp_path, "r.wav", "bad.wav")
    assert done.returncode == 1 and "bad.wav" in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""


def run_score(folder, references, estimates, mixture=None):
    words = ["--references", *references.split(), "--estimates", *estimates.split()]
    words += ["--mixture", mixture] if mixture else []
    command = [sys.executable, "-m", "sepflow", "score", "separation", *words]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
