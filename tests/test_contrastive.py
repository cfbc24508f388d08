"""The contrastive task against a transcription of wav2vec 2.0's equations, and what must not matter."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from sepflow.errors import SepflowError
from sepflow.models.quantiser import ProductQuantiser
from sepflow.objectives.contrastive import (
    contrastive_loss,
    differing,
    distinct_codes,
    diversity_loss,
    similarities,
)
from sepflow.seeding import generator
from sepflow.tasks import built
from sepflow.tasks.contrastive.contrast import draw_candidates, draw_masked
from steps import loss_of, step_of

RATE = 8000
PRETEXT = {
    "frame": 0.02,
    "span": 0.06,
    "share": 0.5,
    "distractors": 100,
    "temperature": 0.1,
    "size": 16,
    "groups": 2,
    "codes": 8,
    "diversity": 0.1,
    "gumbel": 1.0,
}
CONV_TASNET = {
    "name": "conv_tasnet",
    "sources": 1,
    "filters": 24,
    "kernel": 40,
    "bottleneck": 16,
    "hidden": 24,
    "skip": 16,
    "blocks": 4,
    "repeats": 1,
}
DPRNN = {
    "name": "dprnn",
    "sources": 1,
    "filters": 16,
    "kernel": 16,
    "bottleneck": 8,
    "hidden": 8,
    "chunk": 20,
    "repeats": 1,
}
DPTNET = {
    "name": "dptnet",
    "sources": 1,
    "filters": 16,
    "kernel": 16,
    "heads": 2,
    "hidden": 8,
    "chunk": 20,
    "repeats": 1,
}


def build(model=CONV_TASNET, seed=3, **changes):
    torch.manual_seed(0)
    mix = {"corpus": {"rate": RATE}}
    spec = {"task": "contrastive", "model": model, "seed": seed, "data": {"mix": mix}}
    return built.build(spec | {"pretext": PRETEXT | changes})


def speech(examples=3, seconds=1.0, seed=0):
    """Tones of a new pitch and loudness every 0.1 s, on noise: [B, T], float64."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE))
    part = time // 800
    pitch = rng.uniform(100, 1500, (examples, part.max() + 1))[:, part]
    level = rng.uniform(0.02, 0.3, (examples, part.max() + 1))[:, part]
    wave = level * np.sin(2 * np.pi * np.cumsum(pitch, 1) / RATE) + 0.003 * rng.standard_normal(pitch.shape)
    return torch.from_numpy(wave)


def batch(mixture, first=0):
    return mixture, mixture[:, None], first + torch.arange(len(mixture))[:, None]


# What is masked


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 120), st.floats(0.05, 0.95), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_masked_frames_are_as_many_as_asked_and_in_spans(frames, share, span, seed):
    masked = draw_masked(frames, share, span, np.random.default_rng(seed))
    assert abs(len(masked) - share * frames) <= 0.5
    assert sorted(set(masked.tolist())) == masked.tolist() and np.all((masked >= 0) & (masked < frames))
    runs = [len(run) for run in np.split(masked, np.flatnonzero(np.diff(masked) > 1) + 1)]
    assert sum(run < min(span, frames) for run in runs) <= 1 + (len(masked) == 0)  # the last span, cut short


def test_all_frames_are_masked_about_as_often():
    counts = np.zeros(50)
    for seed in range(2000):
        counts[draw_masked(50, 0.5, 5, np.random.default_rng(seed))] += 1
    assert counts[5:-5].min() > 0.45 * 2000 and counts[5:-5].max() < 0.65 * 2000
    assert counts.min() > 0.05 * 2000  # fewer spans have the first and the last


def test_spans_hide_whole_frames_of_the_encoder_and_nothing_else():
    task = build().double()
    heard = []
    task.model.separator.register_forward_hook(lambda _, inputs, out: heard.append(inputs[0]))
    with torch.no_grad():
        task.head.masked.copy_(torch.arange(24))
        loss_of(task, batch(speech()))
        encoded = task.model.encode(speech())
    hidden = (heard[0] == torch.arange(24.0, dtype=torch.float64)[:, None]).all(1)
    assert torch.equal(heard[0].mT[~hidden], encoded.mT[~hidden])
    frames = hidden[:, : encoded.shape[-1] // 8 * 8].unflatten(1, (-1, 8))  # of 20 samples: 8 in 0.02 s
    assert torch.equal(frames.all(-1), frames.any(-1))
    assert frames.all(-1).sum(-1).tolist() == [25] * 3
    assert not hidden[:, frames.shape[1] * 8 :].any()
    assert not torch.equal(hidden[0], hidden[1])


# What is compared


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 2**32 - 1))
def test_distractors_are_others_as_many_as_asked(count, distractors, seed):
    candidates = draw_candidates(count, distractors, np.random.default_rng(seed))
    assert candidates.shape == (count, count) and candidates.diagonal().all()
    assert (candidates.sum(1) == 1 + min(distractors, count - 1)).all()


def test_every_other_frame_is_a_distractor_as_often():
    drawn = sum(draw_candidates(6, 2, np.random.default_rng(s)).astype(int) for s in range(3000)) / 3000
    np.testing.assert_allclose(drawn[~np.eye(6, dtype=bool)], 2 / 5, atol=0.04)


def test_frames_of_one_code_are_no_distractors_of_each_other():
    codes = torch.tensor([[[1, 2], [1, 2], [2, 1], [1, 1]]])
    assert differing(codes)[0].int().tolist() == [[1, 0, 1, 1], [0, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]


def test_chance_is_one_in_the_different_codes_of_the_candidates():
    codes = torch.tensor([[0, 0], [0, 0], [0, 1], [0, 1], [3, 0]])
    candidates = torch.tensor(
        [[1, 0, 1, 1, 1], [0, 1, 1, 1, 0], [1, 1, 1, 0, 0], [0, 0, 0, 1, 0], [1, 1, 1, 1, 1]]
    ).bool()
    assert distinct_codes(codes, candidates).tolist() == [3, 2, 2, 1, 3]
    assert distinct_codes(torch.zeros(2, 2), torch.eye(2).bool()).tolist() == [1, 1]


# The losses


def plain_loss(contexts, logits, entries, weight, bias, noise, temperature, diversity):
    """Loss [B] by wav2vec 2.0's equations 3 and 4 (as its footnote trains it), frame by frame, in numpy."""

    def cosine(a, b):
        return np.dot(a, b) / np.sqrt(np.dot(a, a) * np.dot(b, b))

    (examples, frames, groups, codes), losses = logits.shape, []
    chosen = (logits + noise).argmax(-1)
    for example in range(examples):
        taken = []
        for m in range(frames):
            pieces = [entries[g, chosen[example, m, g]] for g in range(groups)]
            taken.append(weight @ np.concatenate(pieces) + bias)
        loss = 0.0
        for m in range(frames):
            own = np.exp(cosine(contexts[example, m], taken[m]) / temperature)
            total = own
            for other in range(frames):
                if chosen[example, other].tolist() != chosen[example, m].tolist():
                    total += np.exp(cosine(contexts[example, m], taken[other]) / temperature)
            loss -= np.log(own / total) / frames
        losses.append(loss)
    perplexity = 0.0
    for g in range(groups):
        shares = np.zeros(codes)
        for example in range(examples):
            for m in range(frames):
                powers = np.exp(logits[example, m, g])
                shares += powers / powers.sum() / (examples * frames)
        perplexity += np.exp(-np.sum(shares * np.log(shares)))
    return np.array(losses) + diversity * (groups * codes - perplexity) / (groups * codes)


def test_the_losses_are_the_equations():
    rng = np.random.default_rng(2)
    quantiser = ProductQuantiser(5, 2, 3, 4).double()
    features, contexts = (torch.from_numpy(rng.standard_normal((3, 9, width))) for width in (5, 4))
    noise = rng.gumbel(size=(3, 9, 2, 3))
    quantised, codes, shares = quantiser(features, torch.from_numpy(noise), 0.7)
    similarity = similarities(contexts, quantised, differing(codes))
    ours = contrastive_loss(similarity, 0.1) + 0.3 * diversity_loss(shares)
    weights = {name: weight.detach().numpy() for name, weight in quantiser.named_parameters()}
    logits = features.numpy() @ weights["choose.weight"].T + weights["choose.bias"]
    plain = plain_loss(
        contexts.numpy(),
        logits.reshape(3, 9, 2, 3),
        weights["entries"],
        weights["project.weight"],
        weights["project.bias"],
        noise,
        0.1,
        0.3,
    )
    np.testing.assert_allclose(ours.detach().numpy(), plain, rtol=1e-12)
    assert len(codes.flatten(0, 1).unique(dim=0)) < 9  # some frames did have one code
    assert diversity_loss(torch.full((2, 3), 1 / 3)).item() == pytest.approx(0, abs=1e-6)
    assert diversity_loss(torch.eye(3)[:2]).item() == pytest.approx(2 / 3)


def test_the_gradient_of_a_code_is_that_of_its_softmax():
    torch.manual_seed(1)
    quantiser = ProductQuantiser(5, 2, 3, 4).double()
    features = torch.randn(1, 1, 5, dtype=torch.float64)
    noise, toward = torch.randn(1, 1, 2, 3).double(), torch.randn(4).double()
    (quantiser(features, noise, 0.7)[0] @ toward).sum().backward()
    logits = quantiser.choose(features).view(2, 3).detach().requires_grad_()
    soft = ((logits + noise[0, 0]) / 0.7).softmax(-1)
    mixed = torch.cat([soft[g] @ quantiser.entries[g].detach() for g in range(2)])
    (quantiser.project.weight.detach() @ mixed @ toward).backward()
    assert_close(quantiser.choose.bias.grad.view(2, 3), logits.grad)


# The task


@pytest.mark.parametrize("model", [CONV_TASNET, DPRNN, DPTNET], ids=lambda model: model["name"])
def test_every_architecture_learns_by_all_its_weights_but_the_decoder(model):
    task = build(model).double()
    loss, assignment, _ = step_of(task, batch(speech()))
    assert loss.shape == (3,) and loss.dtype == torch.float64 and assignment is None
    loss.mean().backward()
    for name, weight in task.named_parameters():
        if name == "model.decoder.weight":
            assert not weight.requires_grad  # or several processes would wait for its gradient
        else:
            assert weight.grad is not None and weight.grad.abs().max() > 0, name
    for seconds in (0.9, 1.234, 15.0):
        found = task.eval().scores(speech(1, seconds)[0].float().numpy(), np.zeros(1), "x")
        assert 0 <= found["accuracy"] <= 100 and 0 < found["chance"] <= 100


def test_a_step_does_not_depend_on_the_order_of_the_batch():
    after = []
    for order in ([0, 1, 2, 3], [2, 0, 3, 1]):
        task = build().double()
        optimizer = torch.optim.SGD(task.parameters(), lr=0.1)
        mixture, references, which = batch(speech(4), first=70)
        loss = loss_of(task, (mixture[order], references[order], which[order]))
        loss.mean().backward()
        optimizer.step()
        after.append([loss[np.argsort(order)], *task.weights().values()])
    for one, other in zip(*after, strict=True):
        assert_close(one, other, rtol=0, atol=1e-12)


def test_what_is_drawn_is_the_examples_own():
    task, mixture = build().double(), speech(1).repeat(2, 1)
    torch.manual_seed(5)
    same = loss_of(task, (mixture, mixture[:, None], torch.tensor([[7], [7]])))
    state = torch.get_rng_state()
    other = loss_of(task, (mixture, mixture[:, None], torch.tensor([[7, 0, 1], [8, 0, 1]])))
    assert torch.equal(state, torch.get_rng_state())
    assert same[0] == same[1] and abs(other[0] - other[1]) > 1e-3
    again = loss_of(build(seed=4).double(), (mixture, mixture[:, None], torch.tensor([[7], [7]])))
    assert abs(again[0] - same[0]) > 1e-3


def test_noise_is_for_training_alone():
    task = build().double()
    assert not torch.equal(loss_of(task, batch(speech())), loss_of(task.eval(), batch(speech())))
    wave = speech(1)[0].float().numpy()
    evaluated = task.scores(wave, wave, "one")
    assert task.train().scores(wave, wave, "one") == evaluated != task.scores(wave, wave, "two")


def test_it_learns_a_batch_by_heart():
    task, examples = build(), batch(speech(4).float())
    optimizer = torch.optim.Adam(task.parameters(), lr=3e-3)
    losses = []
    for _ in range(200):
        losses.append(loss_of(task, examples).mean())
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < 0.35 * losses[0]
    draws = [generator(3, "contrast", number) for number in range(4)]
    similarity, codes, _ = task.compare(task.model.encode(examples[0]), draws, noisy=False)
    right = (similarity.argmax(-1) == torch.arange(25)).double().mean()
    guess = torch.cat([1 / distinct_codes(*pair) for pair in zip(codes, similarity.isfinite(), strict=True)])
    assert right > 4 * guess.mean()


def test_accuracy_and_chance_are_counted_over_the_masked_frames(monkeypatch):
    task = build()
    similarity = torch.tensor([[0.9, 0.1, -torch.inf], [0.7, 0.5, 0.1], [-torch.inf, 0.1, 0.2]])
    codes = torch.tensor([[0, 0], [0, 1], [0, 0]])
    monkeypatch.setattr(task, "compare", lambda *_, **__: (similarity[None], codes[None], None))
    found = task.scores(np.zeros(8000, np.float32), np.zeros(8000), "x")
    assert found["accuracy"] == pytest.approx(200 / 3)
    assert found["chance"] == pytest.approx(50)  # of two codes each, though of two or three candidates
    assert found["majority"] == pytest.approx(200 / 3)  # two of three frames have the code (0, 0)
    assert found["accuracy_over_chance"] == pytest.approx(4 / 3)


def test_an_utterance_too_short_to_compare_has_no_score():
    task = build()
    assert all(np.isnan(x) for x in task.scores(np.ones(300, np.float32), np.ones(300), "x").values())
    assert task.scores(speech(1, 0.1)[0].float().numpy(), np.zeros(1), "x")["accuracy"] >= 0
    with pytest.raises(SepflowError, match="segment of 300 samples.*fewer than two.*lengthen"):
        loss_of(task, batch(torch.ones(2, 300)))


@pytest.mark.parametrize("narrow", [False, True])
def test_silence_is_finite(narrow):
    task = build()
    with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
        loss = loss_of(task, batch(torch.zeros(2, 8000)))
        assert loss_of(task, batch(speech().float())).isfinite().all()
    loss.sum().backward()
    assert loss.isfinite().all()
    assert all(w.grad.isfinite().all() for w in task.parameters() if w.grad is not None)


def test_a_run_keeps_its_head():
    task, other = build(), build(seed=5)
    with torch.no_grad():
        for weight in task.parameters():
            weight.add_(1)
    assert {"head.masked", "head.quantiser.entries", "encoder.weight"} <= task.weights().keys()
    other.load_weights(task.weights())
    for name, weight in task.state_dict().items():
        assert torch.equal(weight, other.state_dict()[name]), name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"span": None}, "pretext: span must be a number above 0, not None"),
        ({"share": 1.0}, "share must be below 1"),
        ({"share": 0}, "share must be a number above 0"),
        ({"frame": float("nan")}, "frame must be a number above 0, not nan"),
        ({"codes": 1}, "codes must be an integer of at least 2, not 1"),
        ({"distractors": 1.5}, "distractors must be an integer of at least 1"),
        ({"groups": True}, "groups must be an integer"),
        ({"groups": 3}, "groups must divide size; 3 does not divide 16"),
        ({"diversity": -0.1}, "diversity must be a number of at least 0"),
        ({"colour": 1}, "pretext: unknown key 'colour'; the keys are frame, span"),
    ],
)
def test_a_wrong_setting_is_named(changes, message):
    with pytest.raises(SepflowError, match=message):
        build(**changes)


def test_a_missing_setting_is_named(monkeypatch):
    monkeypatch.delitem(PRETEXT, "gumbel")
    with pytest.raises(SepflowError, match="pretext: the key 'gumbel' is missing"):
        build()


def test_it_gives_no_estimates():
    with pytest.raises(SepflowError, match="gives no estimates"):
        build()(torch.ones(1, 800))
