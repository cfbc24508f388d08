"""What networks that mask magnitudes share: the spectrum of a mixture, and its phase given back.

mixture [B, T] -> magnitudes |X| [B, K, F] -> masks [B, M, K, F] -> estimates [B, M, T]
(B batch, T samples, K frames, F = fft / 2 + 1 bins, M masks.)
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

HEARD = {"linear": lambda x: x, "log": lambda x: (20 * x).log1p()}


class SpectralMasking(nn.Module, ABC):
    """Masks of linear magnitudes, and the mixture's phase (equations 3, 4 and 6 of Atss-Net).

    fft, window (Hann) and hop are in samples. `heard` says how magnitudes are heard: as they are, or
    log(1 + 20 |X|), where quiet parts count too; what is masked is linear always.
    """

    compiles = False

    def __init__(self, fft: int, window: int, hop: int, heard: str) -> None:
        super().__init__()
        self.fft, self.hop, self.heard = fft, hop, HEARD[heard]
        self.register_buffer("window", torch.hann_window(window), persistent=False)

    def spectrum(self, signal: Tensor) -> Tensor:
        """The spectrum [..., K, F], complex, of a signal [..., T], T >= 1; its frames' middles begin at 0."""
        flat = signal.flatten(0, -2)
        # A frame has zeros past the ends: reflection needs half a frame at least.
        options = {"hop_length": self.hop, "pad_mode": "constant", "return_complex": True}
        found = torch.stft(flat, self.fft, win_length=len(self.window), window=self.window, **options)
        return found.mT.unflatten(0, signal.shape[:-1])

    def signal(self, spectrum: Tensor, length: int) -> Tensor:
        """The signal [..., T] of so many samples of a spectrum [..., K, F]."""
        flat = spectrum.flatten(0, -3).mT
        options = {"win_length": len(self.window), "window": self.window, "length": length}
        return torch.istft(flat, self.fft, self.hop, **options).unflatten(0, spectrum.shape[:-2])

    def masks(self, magnitudes: Tensor, embedding: Tensor | None = None) -> Tensor:
        """Masks [B, M, K, F], from 0 to 1, of magnitudes [B, K, F], for whom an embedding [B, E] is of."""
        return self.logits(self.heard(magnitudes), embedding).sigmoid()

    @abstractmethod
    def logits(self, heard: Tensor, embedding: Tensor | None) -> Tensor:
        """The same before the sigmoid, of magnitudes as they are heard."""

    def forward(self, mixture: Tensor, embedding: Tensor | None = None) -> Tensor:
        """Mixture [B, T] -> estimates [B, M, T]."""
        spectrum = self.spectrum(mixture)
        masked = self.masks(spectrum.abs(), embedding) * spectrum[:, None]
        return self.signal(masked, mixture.shape[-1])
