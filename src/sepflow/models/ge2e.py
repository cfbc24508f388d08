"""A speaker encoder: Wan, Wang, Papir & Lopez Moreno, "Generalized end-to-end loss for speaker verification",
2018, as the package Resemblyzer has it, whose weights these are for.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sepflow.models.mel import mel_bank
from sepflow.settings import Size, checked

RATE = 16000
BANDS, WINDOW, HOP = 40, 400, 160  # the mel bands' power as it is, no logarithm
FRAMES, STEP = 160, 77  # a partial utterance; 1.3 of them begin in a second
COVERED = 0.75  # so much of the last one has to be there
LEVEL = 10 ** (-30 / 20)  # root mean square that quieter signals are raised to


@checked("model")
class GE2E(nn.Module):
    """Signals [B, T] at 16 kHz -> embeddings [B, embedding], of length 1, no number of them negative.

    That of an utterance is the mean over partial utterances of 1.6 s; behind a shorter one lie zeros. Silence
    within it is not cut out, which Resemblyzer has webrtcvad do.
    """

    compiles = False

    def __init__(self, hidden: Size = 256, layers: Size = 3, embedding: Size = 256) -> None:
        super().__init__()
        self.size = embedding
        self.lstm = nn.LSTM(BANDS, hidden, layers, batch_first=True)
        self.linear = nn.Linear(hidden, embedding)
        bank = mel_bank(BANDS, WINDOW, RATE, 0.0, norm="slaney", mel_scale="slaney")
        self.register_buffer("bank", bank, persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)

    def forward(self, signals: Tensor) -> Tensor:
        parts = self._parts(signals)
        each = F.normalize(self.linear(self.lstm(parts.flatten(0, 1))[1][0][-1]).relu())
        return F.normalize(each.unflatten(0, parts.shape[:2]).mean(0))

    def taps(self, signals: Tensor) -> list[Tensor]:
        """What each layer of the LSTM makes of N partial utterances, [B, N, 160, hidden] each."""
        parts = self._parts(signals)
        layers = layer_outputs(self.lstm, parts.flatten(0, 1))
        return [x.unflatten(0, parts.shape[:2]).transpose(0, 1) for x in layers]

    def _parts(self, signals: Tensor) -> Tensor:
        """[B, T] -> its partial utterances [N, B, 160, bands]."""
        starts = partial_starts(signals.shape[-1])
        behind = max((starts[-1] + FRAMES) * HOP - signals.shape[-1], 0)
        bands = self._bands(F.pad(raised(signals), (0, behind)))
        return torch.stack([bands[:, start : start + FRAMES] for start in starts])

    def _bands(self, signals: Tensor) -> Tensor:
        """[B, T] -> [B, K, bands], the middle of the first frame at 0."""
        options = {"window": self.window, "pad_mode": "constant", "return_complex": True}
        return torch.stft(signals, WINDOW, HOP, **options).abs().square().mT @ self.bank


def partial_starts(samples: int) -> list[int]:
    """In which frame each partial utterance of a signal begins; there is one at least."""
    frames = math.ceil((samples + 1) / HOP)
    starts = [*range(0, max(1, frames - FRAMES + STEP + 1), STEP)]
    covered = (samples - starts[-1] * HOP) / (FRAMES * HOP)
    return starts[:-1] if len(starts) > 1 and covered < COVERED else starts


def raised(signals: Tensor) -> Tensor:
    """Signals [B, T] at the level, or louder."""
    level = signals.square().mean(-1, keepdim=True).clamp_min(1e-12).sqrt()  # silence stays what it is
    return signals * (LEVEL / level).clamp_min(1)


def layer_outputs(lstm: nn.LSTM, x: Tensor) -> list[Tensor]:
    """What each layer of an LSTM gives of [B, K, inputs], [B, K, hidden]; torch tells of the last alone."""
    outputs = []
    for layer in range(lstm.num_layers):
        one = nn.LSTM(x.shape[-1], lstm.hidden_size, batch_first=True, device="meta")
        for name, _ in list(one.named_parameters()):
            setattr(one, name, getattr(lstm, f"{name.removesuffix('0')}{layer}"))
        x = one(x)[0]
        outputs.append(x)
    return outputs


MODEL = GE2E
