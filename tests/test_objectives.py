"""The losses against plain enumeration over waveforms in float64, torchmetrics, and what must not matter."""

from itertools import permutations, product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close
from torchmetrics.functional.audio import (
    permutation_invariant_training,
    scale_invariant_signal_noise_ratio,
    signal_noise_ratio,
)

from sepflow.errors import SepflowError
from sepflow.metrics.separation.scores import score
from sepflow.objectives.consistency import mixture_consistency
from sepflow.objectives.mixit import mixit
from sepflow.objectives.pit import pit
from sepflow.objectives.snr import SISNR, ThresholdedSNR, pairwise_loss
from sepflow.tasks.selection import oracle_remix, select_by_energy

LOSSES = {"thresholded_snr": ThresholdedSNR(), "si_snr": SISNR(), "loud": ThresholdedSNR(20, zero_mean=False)}
seeds = st.integers(0, 2**32 - 1)


def noise(*shape, seed=0, dtype=torch.float64):
    """Noise with an offset, so that a forgotten mean shows."""
    options = {"generator": torch.Generator().manual_seed(seed), "dtype": torch.float64}
    return (torch.randn(*shape, **options) + torch.rand(*shape[:-1], 1, **options)).to(dtype)


def plain_loss(loss, reference, estimate):
    """The loss's definition, on the waveforms [T]."""
    if loss.zero_mean:
        reference, estimate = reference - reference.mean(), estimate - estimate.mean()
    if isinstance(loss, SISNR):
        if not estimate.any():
            return -10 * torch.log10(torch.tensor(loss.epsilon, dtype=estimate.dtype))  # the worst there is
        target = (estimate @ reference) / (reference @ reference) * reference
        return -10 * torch.log10(target.square().sum() / (estimate - target).square().sum())
    energy, tau = reference.square().sum(), 10 ** (-loss.max_snr / 10)
    return -10 * torch.log10(energy / ((reference - estimate).square().sum() + tau * energy))


def plain_pit(estimates, references, loss):
    count = len(references)
    return min(
        (sum(plain_loss(loss, references[c], estimates[order[c]]) for c in range(count)) / count, order)
        for order in permutations(range(count))
    )


def plain_mixit(estimates, mixtures, loss):
    def total(owners):
        owner = torch.tensor(owners)[:, None]
        return sum(plain_loss(loss, mixtures[i], (estimates * (owner == i)).sum(0)) for i in (0, 1)) / 2

    return min((total(owners), owners) for owners in product((0, 1), repeat=len(estimates)))


def assert_same_as_plain(fast, plain, signals):
    """Loss, choice and both gradients, of a fast loss and of a plain one called on each example."""
    signals = [signal.requires_grad_() for signal in signals]
    losses, choices = fast(*signals)
    expected = [plain(*example) for example in zip(*signals, strict=True)]
    assert choices.tolist() == [list(choice) for _, choice in expected]
    assert_close(losses, torch.stack([loss for loss, _ in expected]), rtol=0, atol=1e-6)
    weights = torch.arange(1.0, len(losses) + 1, dtype=losses.dtype)
    gradients = torch.autograd.grad(losses @ weights, signals)
    assert_close(
        gradients,
        torch.autograd.grad(sum(w * loss for w, (loss, _) in zip(weights, expected, strict=True)), signals),
        rtol=1e-6,
        atol=1e-9,
    )


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_pit_is_plain_enumeration(count, name):
    references = noise(3, count, 200, seed=count)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(count))
    estimates = references[:, order] + noise(3, count, 200, seed=count + 10)
    assert_same_as_plain(
        lambda s, x: pit(s, x, LOSSES[name]),
        lambda s, x: plain_pit(s, x, LOSSES[name]),
        [estimates, references],
    )


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("count", [2, 3, 4, 5, 6])
def test_mixit_is_plain_enumeration(count, name):
    estimates, share = noise(3, count, 200, seed=count), noise(3, 2, 200, seed=count + 10)
    mixtures = 0.3 * share + torch.stack([estimates[:, ::2].sum(1), estimates[:, 1::2].sum(1)], dim=1)
    assert_same_as_plain(
        lambda s, x: mixit(s, x, LOSSES[name]),
        lambda s, x: plain_mixit(s, x, LOSSES[name]),
        [estimates, mixtures],
    )


def test_gradcheck():
    estimates, references = noise(2, 3, 12).requires_grad_(), noise(2, 3, 12, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda s, x: pit(s, x, "si_snr")[0], (estimates, references))
    assert torch.autograd.gradcheck(lambda s, x: mixit(s, x[:, :2])[0], (estimates, references))


def test_mixit_finds_a_planted_assignment_of_sixteen():
    estimates = noise(2, 16, 800)
    owner = (torch.rand(2, 16, generator=torch.Generator().manual_seed(3)) > 0.5).long()
    mixtures = torch.stack([(estimates * (owner == i)[..., None]).sum(1) for i in (0, 1)], dim=1)
    loss, assignment = mixit(estimates, mixtures)
    assert assignment.tolist() == owner.tolist()
    assert loss.tolist() == pytest.approx([-30, -30])


def test_a_mixture_may_get_no_estimate():
    mixtures = torch.stack([noise(1, 300), 1e-3 * noise(1, 300, seed=1)], dim=1)
    loss, assignment = mixit(mixtures[:, :1] * torch.tensor([[0.4], [0.6]]), mixtures)
    assert assignment.tolist() == [[0, 0]]
    assert loss.item() == pytest.approx(-30 / 2, abs=0.01)


@pytest.mark.parametrize("snr", [0.0, 25.0, 40.0])
def test_float32_is_accurate(snr):
    sources = noise(4, 4, 32000)
    mixtures = torch.stack([sources[:, :2].sum(1), sources[:, 2:].sum(1)], dim=1)
    estimates = sources + 10 ** (-snr / 20) * noise(4, 4, 32000, seed=1)
    narrow, wide = (estimates.to(t).requires_grad_() for t in (torch.float32, torch.float64))
    for loss in (lambda s: mixit(s, mixtures.to(s))[0], lambda s: pit(s, sources.to(s), "si_snr")[0]):
        gradients = [torch.autograd.grad(loss(s).sum(), s)[0].double() for s in (narrow, wide)]
        assert loss(narrow).dtype == torch.float32
        assert_close(loss(narrow).double(), loss(wide), rtol=0, atol=0.01)
        assert (gradients[0] - gradients[1]).norm() < 4e-3 * gradients[1].norm()


def test_low_precision_settings_change_nothing():
    estimates, mixtures = noise(2, 4, 8000, dtype=torch.float32), noise(2, 2, 8000, dtype=torch.float32)
    plain = mixit(estimates.bfloat16().float(), mixtures)
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", torch.bfloat16):
            narrow = estimates.bfloat16().requires_grad_()
            loss, assignment = mixit(narrow, mixtures)
            loss.sum().backward()
        assert torch.backends.mkldnn.matmul.fp32_precision == "bf16"  # Put back as it was.
    finally:
        torch.set_float32_matmul_precision("highest")
    assert (loss.dtype, narrow.grad.dtype) == (torch.float32, torch.bfloat16)
    assert torch.equal(loss, plain[0])
    assert torch.equal(assignment, plain[1])


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("loudness", [0.0, 1e-9])
def test_silence_is_finite(count, loudness):
    references = noise(2, count, 500, dtype=torch.float32)
    estimates = noise(2, count, 500, seed=1, dtype=torch.float32)
    estimates[:, 0] *= loudness
    estimates[1] *= loudness
    references[1] *= loudness
    fast = [lambda s, loss=loss: pit(s, references, loss) for loss in LOSSES.values()]
    mixed = [lambda s, x=name: mixit(s, references[:, :2], x) for name in ("thresholded_snr", "si_snr")]
    for loss in [*mixed, *fast]:
        silent = estimates.clone().requires_grad_()
        value = loss(silent)[0]
        value.sum().backward()
        assert value.isfinite().all() and silent.grad.isfinite().all()
    assert ThresholdedSNR()(*torch.zeros(3)).item() == 0  # Nor does an error rounded to below zero hurt:
    assert ThresholdedSNR()(*torch.tensor([1.0, 1.0, 1.01])).item() == pytest.approx(-30, abs=1e-3)


@pytest.mark.parametrize("count", [2, 5])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_diverged_model_gives_nan_and_no_crash(count, value):
    estimates = noise(1, count, 50)
    estimates[0, 0] = value
    for name in LOSSES:
        assert not pit(estimates, noise(1, count, 50, seed=1), LOSSES[name])[0].isfinite().any()
    assert not mixit(estimates, noise(1, 2, 50, seed=1))[0].isfinite().any()


def test_losses_are_torchmetrics():
    references = noise(4, 3, 400, seed=1)
    estimates = references + noise(4, 3, 400)
    products = [
        (references - references.mean(-1, keepdim=True)),
        (estimates - estimates.mean(-1, keepdim=True)),
    ]
    inner = [(a * b).sum(-1) for a, b in ((products[0],) * 2, (products[1],) * 2, products)]
    assert_close(
        -SISNR()(*inner), scale_invariant_signal_noise_ratio(estimates, references), rtol=0, atol=1e-6
    )
    unbounded = ThresholdedSNR(max_snr=200)(*inner)
    assert_close(-unbounded, signal_noise_ratio(estimates, references, zero_mean=True), rtol=0, atol=1e-6)
    metric, order = permutation_invariant_training(estimates, references, scale_invariant_signal_noise_ratio)
    loss, permutation = pit(estimates, references, "si_snr")
    assert_close(-loss, metric, rtol=0, atol=1e-6)
    assert torch.equal(permutation, order)
    assert pit(references, references, "si_snr")[0].tolist() == pytest.approx([-70] * 4, abs=0.01)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, count=st.integers(1, 5), gain=st.floats(0.01, 100))
def test_pit_knows_neither_order_nor_scale(seed, count, gain):
    estimates, references = noise(1, count, 60, seed=seed), noise(1, count, 60, seed=seed + 1)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    for name in LOSSES:
        loss, permutation = pit(estimates, references, LOSSES[name])
        shuffled, reordered = pit(estimates[:, order], references, LOSSES[name])
        assert_close(shuffled, loss)
        assert torch.equal(order[reordered], permutation)
    losses = [pit(signals, references, "si_snr")[0] for signals in (estimates, gain * estimates)]
    assert_close(*losses, rtol=0, atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, count=st.integers(1, 7))
def test_mixit_knows_no_order(seed, count):
    estimates, mixtures = noise(2, count, 60, seed=seed), noise(2, 2, 60, seed=seed + 1)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    loss, assignment = mixit(estimates, mixtures)
    shuffled, reordered = mixit(estimates[:, order], mixtures)
    assert_close(shuffled, loss)
    assert torch.equal(reordered, assignment[:, order])
    assert torch.equal(mixit(estimates, mixtures.flip(1))[1], 1 - assignment)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, count=st.integers(1, 6))
def test_consistent_estimates_sum_to_the_mixture(seed, count):
    estimates, mixture = noise(2, count, 40, seed=seed), noise(2, 40, seed=seed + 1)
    consistent = mixture_consistency(estimates, mixture)
    assert_close(consistent.sum(1), mixture)
    added = consistent - estimates  # The nearest such estimates: nothing was added that keeps the sum.
    assert_close(added, added[:, :1].expand_as(added))


@settings(max_examples=25, deadline=None)
@given(seed=seeds, sources=st.integers(1, 3), channels=st.integers(3, 5), quiet=st.floats(1e-6, 1))
def test_the_oracle_is_never_worse_than_energy_selection(seed, sources, channels, quiet):
    references = quiet * noise(sources, 80, seed=seed)
    estimates = quiet * 0.3 * noise(channels, 80, seed=seed + 1)
    for channel in range(channels):
        estimates[channel] += references[channel % sources]
    by_energy, oracle = (
        sum(score(references.numpy(), chosen.numpy())["si_snr"])
        for chosen in (select_by_energy(estimates, sources), oracle_remix(estimates, references))
    )
    assert oracle >= by_energy - 1e-9


def test_the_oracle_puts_the_pieces_together_and_drops_the_rest():
    references = noise(2, 400)
    pieces = noise(400, seed=1)
    estimates = torch.stack([references[0] - pieces, 3 * noise(400, seed=2), pieces, references[1]])
    assert_close(oracle_remix(estimates, references), references)
    assert_close(oracle_remix(estimates, references.flip(0)), references.flip(0))


def test_the_oracle_is_plain_enumeration():
    references = noise(2, 80).float()
    estimates = (noise(4, 80, seed=1) + references[[0, 1, 1, 0]]).float()
    wide = estimates.double()

    def total(owners):
        owner = torch.tensor(owners)[:, None]
        return -sum(
            plain_loss(SISNR(), x, (wide * (owner == c)).sum(0)) for c, x in enumerate(references.double())
        )

    best = max(total(owners) for owners in product((0, 1, 2), repeat=4) if {0, 1} <= set(owners))
    remixed = oracle_remix(estimates, references)
    assert remixed.dtype == torch.float32
    assert sum(score(references.numpy(), remixed.numpy())["si_snr"]) == pytest.approx(best.item(), abs=1e-5)


def test_energy_selection_keeps_the_channel_order():
    estimates = torch.tensor([0.5, 2.0, 0.1, 3.0])[:, None] * torch.ones(4, 8)
    assert torch.equal(select_by_energy(estimates, 2), estimates[[1, 3]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pit(torch.ones(1, 2, 8), torch.ones(1, 3, 8), "si_snr"), "as many estimates as references"),
        (lambda: pit(torch.ones(1, 2, 8), torch.ones(1, 2, 8), "l2"), "'l2'.*si_snr, thresholded_snr"),
        (lambda: pairwise_loss("si_snr", max_sir=3), "si_snr.*max_sir"),
        (lambda: mixit(torch.ones(1, 4, 8), torch.ones(1, 3, 8)), r"two mixtures.*\[1, 3, 8\]"),
        (lambda: mixit(torch.ones(1, 17, 8), torch.ones(1, 2, 8)), "up to 16 estimates, not 17"),
        (lambda: mixit(torch.ones(1, 4, 8), torch.ones(1, 2, 9)), "same B and T"),
        (lambda: mixture_consistency(torch.ones(2, 4, 8), torch.ones(2, 1, 8)), r"\[2, 1, 8\]"),
        (lambda: select_by_energy(torch.ones(2, 8), 3), "3 estimates of 2"),
        (lambda: oracle_remix(torch.ones(2, 8), torch.ones(3, 8)), "2 estimates .* 3 references"),
        (lambda: oracle_remix(torch.ones(16, 8), torch.ones(2, 8)), r"3\^16"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(SepflowError, match=message):
        call()
