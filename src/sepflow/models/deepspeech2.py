"""A recogniser of characters: Amodei et al., "Deep Speech 2: end-to-end speech recognition in English and
Mandarin", 2016, as deepspeech.pytorch has it, whose weights these are for.
"""

import torch
from torch import Tensor, nn

from sepflow.settings import Flag, Size, checked

RATE = 16000
WINDOW, HOP = 320, 160
MAPS, INPUTS = 32, 1312  # 32 maps of 41 of the 161 bins
CLIPPED = 20.0
LEAST = 1e-12  # variance of a spectrogram, so that silence is divided by something


@checked("model")
class DeepSpeech2(nn.Module):
    """Signals [B, T] at 16 kHz -> of each frame of 20 ms the probabilities of characters [B, K, characters].

    `whole`: with all `layers` and the last linear layer. Otherwise it ends with its last tap, and has no more
    weights. The spectrogram of each signal is brought to mean 0 and deviation 1, so that level does not
    matter much.
    """

    compiles = False  # for its LSTM, as DPRNN

    def __init__(
        self, hidden: Size = 1024, layers: Size = 5, characters: Size = 29, whole: Flag = False
    ) -> None:
        super().__init__()
        self.whole = whole
        convolutions = nn.Sequential(
            nn.Conv2d(1, MAPS, (41, 11), (2, 2), (20, 5)),
            nn.BatchNorm2d(MAPS),
            nn.Hardtanh(0, CLIPPED),
            nn.Conv2d(MAPS, MAPS, (21, 11), (2, 1), (10, 5)),
            nn.BatchNorm2d(MAPS),
            nn.Hardtanh(0, CLIPPED),
        )
        self.conv = nn.ModuleDict({"seq_module": convolutions})
        deeper = [Recurrent(hidden, hidden, norm=True) for _ in range(layers - 1 if whole else 0)]
        self.rnns = nn.ModuleList([Recurrent(INPUTS, hidden, norm=False), *deeper])
        if whole:
            last = nn.Sequential(nn.BatchNorm1d(hidden), nn.Linear(hidden, characters, bias=False))
            self.fc = nn.ModuleList([nn.ModuleDict({"module": last})])
        window = torch.hamming_window(WINDOW)
        self.register_buffer("window", window, persistent=False)

    def forward(self, signals: Tensor) -> Tensor:
        x = self.taps(signals)[-1]
        if not self.whole:
            return x
        for layer in self.rnns[1:]:
            x = layer(x)
        return self.fc[0]["module"](x.flatten(0, 1)).unflatten(0, x.shape[:2]).softmax(-1)

    def taps(self, signals: Tensor) -> list[Tensor]:
        """What both convolutions make of signals, [B, maps, bins, K], and the first LSTM, [B, K, hidden]."""
        convolutions = self.conv["seq_module"]
        first = convolutions[:3](self._spectrogram(signals)[:, None])
        second = convolutions[3:](first)
        return [first, second, self.rnns[0](second.flatten(1, 2).mT)]

    def _spectrogram(self, signals: Tensor) -> Tensor:
        """[B, T] -> [B, bins, K], normalised, the middle of the first frame at 0."""
        options = {"window": self.window, "pad_mode": "reflect", "return_complex": True}
        logs = torch.stft(signals, WINDOW, HOP, **options).abs().log1p()
        variance, mean = torch.var_mean(logs, (1, 2), keepdim=True)
        return (logs - mean) / variance.clamp_min(LEAST).sqrt()


class Recurrent(nn.Module):
    """An LSTM forwards and one backwards, summed: [B, K, inputs] -> [B, K, hidden]."""

    def __init__(self, inputs: int, hidden: int, norm: bool) -> None:
        super().__init__()
        self.batch_norm = nn.ModuleDict({"module": nn.BatchNorm1d(inputs)}) if norm else None
        self.rnn = nn.LSTM(inputs, hidden, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        if self.batch_norm:
            x = self.batch_norm["module"](x.mT).mT
        return self.rnn(x)[0].unflatten(-1, (2, -1)).sum(-2)


MODEL = DeepSpeech2
