"""torchaudio comes whether or not its compiled part loads; where it does, it is left as it is."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.signal import resample_poly

from conftest import environment
from sepflow.errors import SepflowError
from sepflow.torchaudio_cpu import torchaudio

FAKE = {
    "__init__.py": "from . import _extension as extension\nfrom ._align import align\n",
    "_align.py": "from torchaudio._extension import fail_if_no_align\n"
    "@fail_if_no_align\ndef align(): return 'aligned'\n",
}
ASKED = """
from sepflow.errors import SepflowError
from sepflow.torchaudio_cpu import torchaudio
print(hasattr(torchaudio.extension, "__file__"), torchaudio.extension._IS_TORCHAUDIO_EXT_AVAILABLE)
try:
    print(torchaudio.align())
except SepflowError as error:
    print(error)
"""
LOADS = "_IS_TORCHAUDIO_EXT_AVAILABLE = True\nfail_if_no_align = lambda function: function\n"


def asked(folder, extension: str) -> list[str]:
    """What is printed beside a torchaudio whose compiled part does so."""
    (folder / "torchaudio").mkdir()
    for name, text in (FAKE | {"_extension.py": extension}).items():
        (folder / "torchaudio" / name).write_text(text)
    own = environment()
    own["PYTHONPATH"] = os.pathsep.join([str(folder), own["PYTHONPATH"]])
    done = subprocess.run([sys.executable, "-c", ASKED], env=own, capture_output=True, text=True)
    return done.stdout.splitlines() or [done.stderr.splitlines()[-1]]


def test_where_the_compiled_part_loads_nothing_is_done(tmp_path):
    assert asked(tmp_path, LOADS) == ["True True", "aligned"]


@pytest.mark.parametrize("error", ["OSError('no libc10_cuda.so')", "RuntimeError('CUDA 12 and 13')"])
def test_where_it_does_not_an_empty_one_stands_in_its_place(tmp_path, error):
    first, second = asked(tmp_path, f"raise {error}\n{LOADS}")
    assert first == "False False"
    assert second.startswith("align is compiled in torchaudio, and that part does not load here (")


def test_another_error_is_not_hidden(tmp_path):
    (said,) = asked(tmp_path, f"import nothing_of_that_name\n{LOADS}")
    assert said.startswith("ModuleNotFoundError")


def test_features_are_computed_and_let_gradients_through():
    sound = torch.randn(2, 16000, generator=torch.Generator().manual_seed(1), requires_grad=True)
    shape = {"n_fft": 512, "win_length": 400, "hop_length": 160, "n_mels": 64}
    mel = torchaudio.transforms.MelSpectrogram(16000, **shape)(sound)
    mfcc = torchaudio.transforms.MFCC(16000, 20, melkwargs=shape)(sound)
    assert mel.shape == (2, 64, 101) and mfcc.shape == (2, 20, 101)
    (mel.log1p().sum() + mfcc.sum()).backward()
    assert sound.grad.isfinite().all() and sound.grad.abs().sum() > 0


def test_a_tone_lies_in_its_band_and_is_resampled():
    time = torch.arange(16000) / 16000
    tone = torch.sin(2 * np.pi * 1000 * time)
    mel = torchaudio.transforms.MelSpectrogram(16000, n_fft=512, hop_length=160, n_mels=64)
    centre = torchaudio.functional.melscale_fbanks(257, 0.0, 8000.0, 64, 16000).argmax(0) * 16000 / 512
    assert abs(centre[mel(tone).mean(-1).argmax()] - 1000) < 50  # Hz
    down = torchaudio.functional.resample(tone, 16000, 8000)
    expected = resample_poly(tone.double().numpy(), 1, 2)
    assert np.abs(down.numpy() - expected)[100:-100].max() < 5e-3


def test_masked_bands_are_masked():
    torch.manual_seed(1)
    mask, silent = torchaudio.transforms.FrequencyMasking(20), []
    for _ in range(20):
        masked = mask(torch.ones(1, 64, 50)) == 0
        assert (masked.any(-1) == masked.all(-1)).all()
        silent.append(int(masked.all(-1).sum()))
    assert 5 < max(silent) < 20 and len(set(silent)) > 5


def test_what_is_compiled_is_refused_or_there():
    if torchaudio._extension._IS_ALIGN_AVAILABLE:
        return
    with pytest.raises(SepflowError, match="forced_align is compiled in torchaudio, and that part does not"):
        torchaudio.functional.forced_align(torch.zeros(1, 4, 3), torch.ones(1, 2, dtype=torch.int32))
