"""What a speaker network hears: log-mel bands of the frames with speech, less their mean over time."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sepflow.models.mel import mel_bank
from sepflow.settings import Positive, Size, checked

EPSILON = 1e-8  # of a frame's power: 16-bit silence


@checked("verification")
@dataclass(frozen=True)
class Verification:
    """What a run's `verification` says.

    speakers: as many as its `data` has, at least; bands: of the mel scale; frame and hop, in seconds;
    quietest: frames so many dB below the loudest one of an utterance are no speech; shortest: the batches of
    a training are of random lengths from that (in seconds) to the run's segment.
    """

    speakers: Size
    bands: Size
    frame: Positive
    hop: Positive
    quietest: Positive
    shortest: Positive


class SpeechBands(nn.Module):
    """Signals [B, T] at `rate` Hz -> log-mel bands [B, bands, K], K the frames that fit into T.

    Frames without speech are left out: of an utterance alone it has as many frames as hold speech; in a batch
    each is filled up to K with its own, from the first one on.
    """

    def __init__(self, settings: Verification, rate: int) -> None:
        super().__init__()
        self.size, self.hop = round(settings.frame * rate), round(settings.hop * rate)
        self.fft, self.quietest = 1 << (self.size - 1).bit_length(), settings.quietest
        self.register_buffer("bank", mel_bank(settings.bands, self.fft, rate, 20.0), persistent=False)
        self.register_buffer("window", torch.hamming_window(self.size), persistent=False)

    def forward(self, signals: Tensor) -> Tensor:
        """Raises no error: an utterance shorter than a frame has zeros behind it."""
        short = max(self.size - signals.shape[-1], 0)
        frames = nn.functional.pad(signals, (0, short)).unfold(-1, self.size, self.hop)
        power = torch.fft.rfft(frames * self.window, self.fft).abs().square()
        bands = (power @ self.bank + EPSILON).log().mT
        kept = self._speech(frames, len(signals) == 1)
        bands = bands.gather(-1, kept[:, None].expand(-1, bands.shape[1], -1))
        return bands - bands.mean(-1, keepdim=True)

    def _speech(self, frames: Tensor, alone: bool) -> Tensor:
        """The numbers [B, K] of the frames [B, K, size] with speech; where one is `alone`, each once."""
        level = 10 * (frames.square().mean(-1) + EPSILON).log10()
        speech = level >= level.amax(-1, keepdim=True) - self.quietest
        order = speech.logical_not().to(torch.uint8).argsort(dim=-1, stable=True)
        count = speech.sum(-1, keepdim=True)
        if alone:
            return order[:, : int(count)]
        return order.gather(-1, torch.arange(order.shape[-1], device=order.device) % count)
