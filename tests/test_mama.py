"""MAMA: the loss of altered points by plain numpy, what the network hears, and what is scored."""

import math

import numpy as np
import pytest
import torch

from pretraining import ALTERATIONS, MODELS, batch, build, noise, voices
from sepflow.errors import SepflowError
from steps import loss_of
from test_alteration import HOP, WINDOW, in_time, plain_stft, runs

# The loss


def told(task, estimates: torch.Tensor) -> list:
    """Let the network give these `estimates` [B, T]; what it is asked is in the list."""
    asked = []

    def forward(mixture, heard=None):
        asked.append((mixture, heard))
        return estimates[:, None].to(mixture.dtype)

    task.model.forward = forward
    return asked


def test_the_loss_is_the_snr_over_the_altered_points():
    task, examples = build("mama"), batch("mama", 3, 0.4321)
    mixture, references, _ = examples
    estimates = 0.7 * references[:, 0] + noise(*mixture.shape, seed=5)
    asked = told(task, estimates)
    drawn, decide_one = [], task._decide
    task._decide = lambda *words: drawn.append(decide_one(*words)) or drawn[-1]
    losses = loss_of(task, examples)
    assert torch.equal(asked[0][0], mixture) and not torch.equal(asked[0][1], mixture)
    for clean, guess, one, loss in zip(references[:, 0], estimates, drawn, losses, strict=True):
        points, wrong = plain_stft(clean.numpy()), plain_stft((guess - clean).numpy())
        energy, error = (np.sum(np.abs(x[one.altered]) ** 2) for x in (points, wrong))
        plain = 10 * np.log10((error + 1e-3 * energy) / energy)
        np.testing.assert_allclose(loss, plain, rtol=1e-8)


def test_an_error_counts_in_the_altered_points_alone():
    """Within a silenced span; far from it, where no altered channel is, it changes nothing."""
    quiet = ALTERATIONS | {"channels": 0.0, "share": 0.01}
    task, (mixture, references, which) = build("mama", pretext=quiet), batch("mama", 1, 2.0)
    one = task._decide(mixture.shape[1], np.random.default_rng(0))
    task._decide = lambda *_: one
    (span,) = runs(in_time(one))
    clean = references[:, 0]
    told(task, clean)
    right = loss_of(task, (mixture, references, which))
    assert right == pytest.approx(-30, abs=1e-3)
    outside, inside = clean.clone(), clean.clone()
    outside[:, : span.start * HOP - WINDOW // 2] += 1.0
    outside[:, (span.stop - 1) * HOP + WINDOW // 2 :] -= 1.0
    inside[:, (span.start + 3) * HOP] += 0.1
    told(task, outside)
    torch.testing.assert_close(loss_of(task, (mixture, references, which)), right, rtol=0, atol=1e-9)
    told(task, inside)
    assert loss_of(task, (mixture, references, which)) > right + 3


@pytest.mark.parametrize("model", ["conv_tasnet", "dprnn", "dptnet"])
def test_masks_are_made_from_what_is_heard_and_applied_to_the_mixture(model):
    task = build("mama", model).double()
    mixture, _, _ = batch("mama")
    made, heard = [], noise(*mixture.shape, seed=9)
    separator = task.model.separator.forward

    def ones(encoded):
        made.append(encoded)
        return torch.ones_like(separator(encoded))

    task.model.separator.forward = ones
    estimates = task.model(mixture, heard)
    assert torch.equal(estimates, task.model(mixture))
    assert torch.equal(made[0], task.model.encode(heard)) and not torch.equal(made[0], made[1])
    assert torch.equal(task(mixture), task.model(mixture))


def test_with_masks_of_one_the_estimate_is_the_mixture():
    """Where the encoder's frames are those of the samples, half of which are its hop."""
    task = build("mama", model=MODELS["conv_tasnet"] | {"filters": 40}).double()
    mixture, _, _ = batch("mama")
    with torch.no_grad():
        task.model.encoder.weight[:, 0] = torch.eye(40)
        task.model.decoder.weight[:, 0] = torch.eye(40) / 2
    task.model.separator.forward = lambda encoded: torch.ones_like(encoded)[:, None]
    assert (task.model(mixture, torch.zeros_like(mixture))[:, 0] - mixture).abs().max() < 1e-12


def test_alterations_are_the_examples_own():
    task, (mixture, references, _) = build("mama").double(), batch("mama", 1)
    pair = mixture.repeat(2, 1), references.repeat(2, 1, 1)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    same = loss_of(task, (*pair, torch.tensor([[7], [7]])))
    other = loss_of(task, (*pair, torch.tensor([[7, 0, 1], [8, 0, 1]])))
    assert torch.equal(state, torch.get_rng_state())
    assert same[0] == same[1] == other[0] and abs(other[0] - other[1]) > 1e-3
    assert abs(loss_of(build("mama", seed=4).double(), (*pair, torch.tensor([[7], [7]])))[0] - same[0]) > 1e-3


# The scores


def scores(task, clean: torch.Tensor, mixture: torch.Tensor, estimate: torch.Tensor | None = None, name="x"):
    if estimate is not None:
        told(task, estimate[None])
    return task.scores(mixture.float().numpy(), clean.float().numpy(), name)


def test_a_copy_gains_nothing_and_a_perfect_estimate_all():
    task, (clean,) = build("mama"), voices(1, 1.5)
    mixture = clean + noise(*clean.shape)
    zeros = []
    for number in range(30):
        copied = scores(task, clean, mixture, mixture, f"{number}")
        assert copied["masked_snri"] <= 0
        zeros.append(copied["masked_snri"] == 0)
    assert np.mean(zeros) > 0.5  # what is heard is better only where the noise is in a silenced part
    loud = clean + 50 * noise(*clean.shape)
    assert scores(task, clean, loud, loud)["masked_snri"] < -1
    perfect = scores(task, clean, mixture, clean)
    assert perfect["masked_snr"] == 100 and 80 < perfect["masked_snri"] < 100


def test_scores_are_finite_where_there_is_no_noise():
    task, (clean,) = build("mama"), voices(1, 1.0)
    assert scores(task, clean, clean, clean) == {"masked_snr": 100, "masked_snri": 0}
    assert -110 < scores(task, clean, clean, noise(*clean.shape))["masked_snri"] < -80


@pytest.mark.parametrize("samples", [1, 50, 79, 150, 199, 400, 3333, 24_000, 80_000])
@pytest.mark.parametrize("rate", [8000, 22_050])
def test_recordings_of_all_lengths_are_scored(samples, rate):
    """From a sample to 10 s; at 22.05 kHz 25 ms are an odd number of samples."""
    task, clean = build("mama", rate=rate).eval(), noise(samples)
    found = scores(task, clean, clean + noise(samples, seed=2))
    assert found.keys() == {"masked_snr", "masked_snri"} and all(map(math.isfinite, found.values()))
    losses = loss_of(task, (clean[None].float(), clean[None, None].float(), torch.tensor([[0]])))
    assert losses.isfinite().all()


def test_a_silent_reference_has_no_score():
    found = scores(build("mama"), torch.zeros(8000), noise(8000))
    assert all(map(math.isnan, found.values()))


def test_scores_are_drawn_from_the_name():
    task, (clean,) = build("mama"), voices(1)
    mixture = clean + noise(*clean.shape)
    one = scores(task, clean, mixture)
    assert scores(build("mama", seed=9), clean, mixture) == one
    assert scores(task, clean, mixture, name="y") != one


# Settings


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"window": 0}, "pretext: window must be a number above 0, not 0"),
        ({"window": "0.025"}, "window must be a number above 0, not '0.025'"),
        ({"hop": -0.01}, "hop must be a number above 0"),
        ({"hop": 0.013}, "hop must be at most half of window, 0.025, not 0.013"),
        ({"hop": 1e-6}, "hop must be a sample at least, at 8000 Hz"),
        ({"share": 1.5}, "share must be a number above 0 and at most 1, not 1.5"),
        ({"share": 0}, "share must be a number above 0"),
        ({"width": 0}, "width must be an integer of at least 1"),
        ({"width": 7.0}, "width must be an integer of at least 1, not 7.0"),
        ({"channels": 1.1}, "channels must be a number of at least 0 and at most 1"),
        ({"magnitude": True}, "magnitude must be a number"),
        ({"magnitude": float("nan")}, "magnitude must be a number of at least 0 and at most 1, not nan"),
        ({"deviation": -0.2}, "deviation must be a number of at least 0, not -0.2"),
        ({"widht": 7}, "pretext: unknown key 'widht'; did you mean 'width'.; the keys are window, hop"),
    ],
)
def test_a_wrong_setting_is_named(changes, said):
    with pytest.raises(SepflowError, match=said):
        build("mama", pretext=ALTERATIONS | changes)


def test_missing_settings_are_named():
    few = {key: value for key, value in ALTERATIONS.items() if key not in ("hop", "width")}
    with pytest.raises(
        SepflowError, match="pretext: the key 'hop' is missing; the key 'width' is missing; .*keys are"
    ):
        build("mama", pretext=few)


@pytest.mark.parametrize(
    "extremes", [{"share": 1, "channels": 1, "magnitude": 1}, {"channels": 0, "deviation": 0}]
)
def test_settings_at_their_bounds_are_good(extremes):
    task = build("mama", pretext=ALTERATIONS | extremes)
    assert loss_of(task, [x.float() if x.is_floating_point() else x for x in batch("mama")]).isfinite().all()
