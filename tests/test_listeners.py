"""The published networks that others hear: their sizes, their files, and what of them is computed."""

import re
import shutil

import numpy as np
import pytest
import torch
import yaml

from conftest import ROOT
from listeners import SMALL, small, sound
from sepflow import models
from sepflow.errors import SepflowError
from sepflow.identity import run_name
from sepflow.networks.places import Places
from sepflow.tasks.built import load_used
from sepflow.tasks.fetched import completed
from sepflow.training.making import make
from test_networks import saved

CATALOGUE = {
    "cnn14": "panns_cnn14_16k",
    "deepspeech2": "deepspeech2",
    "rawnet2": "rawnet2",
    "pase": "pase_plus",
    "wav2vec2": "wav2vec2_base",
}
MASKING = 768  # wav2vec 2.0 has a vector in place of frames that are masked, which torchaudio's file has not
HEADS = 1  # the file of CTranslate2 counts the number of heads among its weights
COUNTS = {  # of the whole, and of what its taps need
    "cnn14": (80_753_615, 4_686_272),
    "deepspeech2": (86_618_400, 19_404_064),
    "rawnet2": (13_379_378, 333_010),
    "pase": (7_832_896, 1_437_248),
    "wav2vec2": (94_371_712 - MASKING, 37_667_968),
    "yamnet": (3_729_481, 1_605_184),
    "whisper": (8_209_921 - HEADS, 2_885_760),
}
BEHIND = {  # a module that the last tap does not need
    "cnn14": "conv_block5",
    "deepspeech2": "rnns.1.rnn",
    "rawnet2": "fc_attention1.0",
    "pase": "blocks.6.conv",
    "wav2vec2": "encoder.transformer.layers.4",
    "yamnet": "pairs.11",
    "whisper": "layer_1",
}
TAPS = {
    "cnn14": [(2, 2, 20, 32), (2, 4, 10, 16), (2, 8, 5, 8), (2, 16, 2, 4)],
    "deepspeech2": [(2, 32, 81, 21), (2, 32, 41, 21), (2, 21, 4)],
    "rawnet2": [(2, 3, 3970), (2, 3, 441), (2, 3, 147)],
    "pase": [(2, 2, 6400), (2, 2, 640), (2, 4, 320), (2, 4, 320), (2, 8, 160), (2, 8, 160)],
    "wav2vec2": [(2, 19, 4), *[(2, 19, 32)] * 4],
    "yamnet": [(2, 8, 19, 32), (2, 16, 9, 16), (2, 32, 4, 8), (2, 64, 2, 4)],
    "whisper": [(2, 8, 40), (2, 8, 20), (2, 20, 8)],
}


def published(name: str, state: dict) -> dict:
    """What a published file has, of the weights of a whole network here."""
    if name == "cnn14":
        front = {"spectrogram_extractor.stft.conv_real.weight": torch.ones(257, 1, 512),
                 "spectrogram_extractor.stft.conv_imag.weight": torch.ones(257, 1, 512),
                 "logmel_extractor.melW": torch.ones(257, 64)}  # fmt: skip
        return {"iteration": 3, "model": front | state, "sampler": {"indexes": np.arange(4)}}
    if name == "deepspeech2":
        return {"state_dict": state, "epoch": 3, "pytorch-lightning_version": "0.9.1"}
    if name == "wav2vec2":
        old = {
            "parametrizations.weight.original0": "weight_g",
            "parametrizations.weight.original1": "weight_v",
        }
        return {re.sub("|".join(old), lambda found: old[found[0]], key): x for key, x in state.items()}
    return state


def fetched(root, name: str, content: dict, **changes) -> torch.nn.Module:
    """The network of a run that is made of such a file, as the catalogue says, at a small size."""
    entry = CATALOGUE[name]
    path = root / f"config/networks/{entry}.yaml"
    said = yaml.safe_load(path.read_text())
    assert said["model"] == {"name": name}
    said |= {"model": {"name": name} | SMALL[name], "checksum": None} | changes
    path.write_text(yaml.safe_dump(said))
    there = root / f"data/networks/{entry}/{said['file']}"
    there.parent.mkdir(parents=True, exist_ok=True)
    there.write_bytes(saved(content))
    spec = completed({"task": "fetched", "recipe": 1, "fetched": {"network": entry}}, root, "here")
    spec |= {"uses": {}, "init": None}
    make(spec, root / "results/runs" / run_name(spec), root / "results", places=Places.of(root))
    return load_used({"uses": {"ear": run_name(spec)}}, root / "results")["ear"].task.model


@pytest.fixture
def root(tmp_path):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (tmp_path / "config/config.yaml").write_text("{scale: smoke, papers: [ts_mixit]}")
    return tmp_path


@pytest.mark.parametrize("name", COUNTS)
def test_each_has_as_many_weights_as_were_published(name):
    with torch.device("meta"):
        nets = [models.build({"name": name, "whole": whole}) for whole in (True, False)]
    assert tuple(sum(x.numel() for x in net.parameters()) for net in nets) == COUNTS[name]


@pytest.mark.parametrize("name", SMALL)
def test_what_the_taps_need_gives_the_taps_of_the_whole(name):
    whole, part = small(name, whole=True), small(name, seed=1)
    state = whole.state_dict()
    part.load_state_dict({key: state[key] for key in part.state_dict()})
    assert len(part.state_dict()) < len(state)
    heard = part.taps(sound())
    assert [tuple(x.shape) for x in heard] == TAPS[name]
    assert all(torch.equal(a, b) for a, b in zip(heard, whole.taps(sound()), strict=True))
    assert torch.equal(part(sound()), heard[-1])
    assert not any(torch.equal(x[0], x[1]) for x in heard)


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_published_file_gives_the_taps_of_the_network_that_was_saved(root, name):
    whole = small(name, whole=True)
    heard = fetched(root, name, published(name, whole.state_dict())).taps(sound())
    assert all(torch.equal(a, b) for a, b in zip(heard, whole.taps(sound()), strict=True))


@pytest.mark.parametrize("name", SMALL)
def test_taps_compute_nothing_behind_the_last(name):
    net, called = small(name, whole=True), []
    net.get_submodule(BEHIND[name]).register_forward_hook(lambda *_: called.append(1))
    net.taps(sound())
    assert not called
    net(sound())
    assert called


@pytest.mark.parametrize("name", SMALL)
def test_gradients_reach_the_signal_from_every_tap_and_are_finite_on_silence(name):
    net = small(name)
    for signals in (sound(), torch.zeros(2, 6400)):
        signals.requires_grad_()
        for tap in net.taps(signals):
            (gradient,) = torch.autograd.grad(tap.square().mean(), signals, retain_graph=True)
            assert tap.isfinite().all() and gradient.isfinite().all()
            assert gradient.any() or not signals.any()


@pytest.mark.parametrize("name", SMALL)
def test_a_signal_is_heard_in_a_batch_as_alone(name):
    net, signals = small(name).double(), sound().double()
    for together, alone in zip(net.taps(signals), net.taps(signals[1:]), strict=True):
        torch.testing.assert_close(together[1:], alone)


def test_a_file_of_another_network_is_refused(root):
    with pytest.raises(SepflowError, match="not the weights of the network pase: .* only in the network"):
        fetched(root, "pase", small("rawnet2", whole=True).state_dict())
    with pytest.raises(SepflowError, match=r"network cnn14: .*another shape \(file, network\): conv_block1"):
        fetched(root, "cnn14", published("cnn14", small("cnn14", whole=True, maps=4).state_dict()))


def corrected(state: dict) -> dict:
    """The names that the corrected class of RawNet2 has."""
    return {re.sub(r"^fc_attention(\d)\.0\.", r"block\1.0.frm.fc.", key): x for key, x in state.items()}


def test_the_corrected_rawnet2_is_refused_with_the_reason(root):
    with pytest.raises(SepflowError) as error:
        fetched(root, "rawnet2", corrected(small("rawnet2", whole=True).state_dict()))
    said = str(error.value)
    assert re.search(r"only in the network: fc_attention0\.0\.weight", said)
    assert re.search(r"only in the file: block0\.0\.frm\.fc\.weight", said)
    assert re.search(r"`frm` is of the\s+corrected class, .* another network", said, re.S)
    assert "sepflow fetch rawnet2" in said and max(map(len, said.splitlines()[1:])) < 130


def test_whisper_refuses_what_it_has_no_positions_for():
    with pytest.raises(SepflowError, match="whisper hears 30 s at most, not 30.5 s"):
        small("whisper").taps(torch.zeros(1, 488000))
