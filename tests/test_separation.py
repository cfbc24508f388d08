"""A training's loss is the one that its spec says."""

import torch
from torch.testing import assert_close

from sepflow.objectives.snr import pairwise_loss
from sepflow.tasks.built import build
from test_objectives import noise, plain_mixit


def test_a_mixit_run_trains_the_loss_that_its_spec_says():
    spec = {"model": {"name": "conv_tasnet", "sources": 4, "filters": 8, "blocks": 1, "repeats": 1}}
    spec |= {"task": "separation"}
    for name, max_snr in (("si_snr", 70.0), ("thresholded_snr", 30.0)):
        objective = {"name": "mixit", "loss": name, "max_snr": max_snr, "consistency": False}
        task = build(spec | {"objective": objective})
        estimates, mixtures = 0.1 * noise(2, 4, 400, seed=1), noise(2, 2, 400, seed=2)
        losses, assignment, _ = task.compare(estimates, mixtures)
        plain = [
            plain_mixit(*pair, pairwise_loss(name, max_snr=max_snr))
            for pair in zip(estimates, mixtures, strict=True)
        ]
        assert_close(losses, torch.stack([value for value, _ in plain]), rtol=0, atol=1e-3)
        assert assignment.tolist() == [list(owners) for _, owners in plain]
