"""A self-supervised encoder: Baevski, Zhou, Mohamed & Auli, "wav2vec 2.0: a framework for self-supervised
learning of speech representations", 2020, by torchaudio, under its names.
"""

from torch import Tensor, nn

from sepflow.settings import Flag, Size, checked
from sepflow.torchaudio_cpu import torchaudio

RATE = 16000
LAYERS, TAPPED = 12, 4
CONVOLUTIONS = ((10, 5), *[(3, 2)] * 4, *[(2, 2)] * 2)  # kernel, stride
POSITIONS = {"encoder_pos_conv_kernel": 128, "encoder_pos_conv_groups": 16}
UNTRAINED = dict.fromkeys(  # what is for its training alone
    (
        "encoder_projection_dropout",
        "encoder_attention_dropout",
        "encoder_ff_interm_dropout",
        "encoder_dropout",
        "encoder_layer_drop",
    ),
    0.0,
)


@checked("model", "heads divides width")
class Wav2Vec2(nn.Module):
    """Signals [B, T] at 16 kHz, as they are -> [B, K, width], a frame every 20 ms.

    `whole`: with all 12 layers. Otherwise it ends with its last tap, and has no more weights. The quantiser
    of its training and the vector that masks frames are not here: torchaudio's file has neither.
    """

    compiles = False

    def __init__(
        self,
        maps: Size = 512,
        width: Size = 768,
        inner: Size = 3072,
        heads: Size = 12,
        whole: Flag = False,
    ) -> None:
        super().__init__()
        net = torchaudio.models.wav2vec2_model(
            extractor_mode="group_norm",
            extractor_conv_layer_config=[(maps, *sizes) for sizes in CONVOLUTIONS],
            extractor_conv_bias=False,
            encoder_embed_dim=width,
            encoder_num_layers=LAYERS if whole else TAPPED,
            encoder_num_heads=heads,
            encoder_ff_interm_features=inner,
            encoder_layer_norm_first=False,
            aux_num_out=None,
            **POSITIONS,
            **UNTRAINED,
        )
        self.feature_extractor, self.encoder = net.feature_extractor, net.encoder

    def forward(self, signals: Tensor) -> Tensor:
        return self.encoder(self.feature_extractor(signals, None)[0])

    def taps(self, signals: Tensor) -> list[Tensor]:
        """What the convolutions make of signals, [B, K, maps], and the first four layers, [B, K, width]."""
        features = self.feature_extractor(signals, None)[0]
        return [features, *self.encoder.extract_features(features, num_layers=TAPPED)]


MODEL = Wav2Vec2
