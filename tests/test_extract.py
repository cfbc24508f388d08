"""`sepflow extract`: a voice out of recordings of any rate and length, by a recording of it."""

import numpy as np
import pytest
import soundfile
import torch

from sepflow.cli import main
from sepflow.models.artefact import pack_model
from test_extraction import extraction

RATE = 8000


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The file of a small model, untrained."""
    return saved(tmp_path_factory.mktemp("model") / "model.safetensors", "atss_net")


def saved(path, network):
    task = extraction(network)
    weights = task.weights() | task.used_weights()
    spec = task.spec | {"uses": {"speaker": "0" * 12}, "seed": 3}
    uses = {name: frozen.task.spec for name, frozen in task.applied().items()}
    path.write_bytes(pack_model({name: x.float() for name, x in weights.items()}, spec, uses))
    return path


def recorded(path, seconds, rate=RATE, seed=0, channels=1):
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    wave = 0.1 * np.sin(2 * np.pi * (120 + 40 * seed) * time) + 0.02 * rng.standard_normal(len(time))
    soundfile.write(path, np.repeat(wave[:, None], channels, 1), rate, subtype="FLOAT")
    return str(path)


def extract(model, references, files, out, *more):
    said = [part for one in references for part in ("--reference", one)]
    return main(["extract", str(model), *files, *said, "--out", str(out), "--device", "cpu", *more])


@pytest.mark.parametrize(("seconds", "rate"), [(0.02, 8000), (2.3, 8000), (13.0, 8000), (3.1, 44100)])
def test_a_recording_of_any_rate_and_length_has_its_voice(model, tmp_path, capsys, seconds, rate):
    mixture = recorded(tmp_path / "talk.wav", seconds, rate)
    reference = recorded(tmp_path / "me.wav", 2.0, 16000, seed=1)
    assert extract(model, [reference], [mixture], tmp_path / "out") == 0
    found, own = soundfile.read(tmp_path / "out/talk_target.wav")
    assert own == rate and len(found) == round(seconds * rate) and np.isfinite(found).all()
    said = capsys.readouterr().out
    assert (
        "similarity to the voice " in said and "(the recording itself " in said and "times real time" in said
    )


def test_short_of_chunks_it_is_what_the_network_gives(model, tmp_path):
    mixture, reference = recorded(tmp_path / "a.wav", 1.5), recorded(tmp_path / "me.wav", 2.0, seed=2)
    assert extract(model, [reference], [mixture], tmp_path / "out") == 0
    signals = [torch.from_numpy(soundfile.read(x, dtype="float32")[0])[None] for x in (mixture, reference)]
    task = extraction("atss_net").float().eval()
    with torch.inference_mode():
        wanted = task(*signals)[0, 0].numpy()
    np.testing.assert_allclose(soundfile.read(tmp_path / "out/a_target.wav")[0], wanted, atol=1e-5)


def test_several_references_are_averaged(model, tmp_path):
    mixture = recorded(tmp_path / "a.wav", 1.0)
    one, other = (recorded(tmp_path / f"me{k}.wav", 1.0 + k, seed=k) for k in (1, 2))
    found = []
    for references in ([one], [other], [one, other], [other, one]):
        assert extract(model, references, [mixture], tmp_path / "out") == 0
        found.append(soundfile.read(tmp_path / "out/a_target.wav")[0])
    assert not np.array_equal(found[0], found[1]) and not np.array_equal(found[0], found[2])
    np.testing.assert_allclose(found[2], found[3], atol=1e-6)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("silent", "me.wav: 0.0 s of sound, and 0.5 s are needed: silent, or too short"),
        ("short", "me.wav: 0.3 s of sound"),
        ("missing", "me.wav: no such file"),
        ("stereo", "me.wav: 2 channels"),
    ],
)
def test_a_reference_without_a_voice_is_refused(model, tmp_path, capsys, what, said):
    mixture, reference = recorded(tmp_path / "a.wav", 1.0), tmp_path / "me.wav"
    if what == "silent":
        soundfile.write(reference, np.zeros(16000), RATE)
    elif what != "missing":
        recorded(reference, 0.3 if what == "short" else 2.0, channels=1 + (what == "stereo"))
    assert extract(model, [str(reference)], [mixture], tmp_path / "out") == 1
    assert said in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_model_that_hears_no_enrolment_is_refused(tmp_path, capsys):
    model = saved(tmp_path / "model.safetensors", "pit")
    files = [recorded(tmp_path / f"{name}.wav", 1.0) for name in ("me", "a")]
    assert extract(model, files[:1], files[1:], tmp_path / "out") == 1
    assert "no model that picks out a voice" in capsys.readouterr().err
