"""The product quantiser of wav2vec 2.0: Baevski, Zhou, Mohamed & Auli, 2020, section 2."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ProductQuantiser(nn.Module):
    """Features [B, M, features] -> an entry of each of `groups` codebooks, linear to [B, M, size].

    A codebook has `codes` entries of size / groups numbers.
    """

    def __init__(self, features: int, groups: int, codes: int, size: int) -> None:
        super().__init__()
        self.choose = nn.Linear(features, groups * codes)
        self.entries = nn.Parameter(torch.rand(groups, codes, size // groups))
        self.project = nn.Linear(size, size)
        # Wide, so that from the first step on unlike features have unlike codes. Logits as small as torch's
        # start makes them are drowned in Gumbel noise, and the task taught with codes drawn by lot.
        nn.init.normal_(self.choose.weight)
        nn.init.zeros_(self.choose.bias)

    def forward(
        self, features: Tensor, noise: Tensor | None, temperature: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(quantised [B, M, size], codes [B, M, G], the share of each code in all frames [G, V]).

        The code is that of the largest logit, or, with Gumbel `noise` [B, M, G, V] added to them, drawn by
        their softmax. The gradient is that of the softmax at `temperature` (straight through). The shares
        are means of the softmax of the bare logits.
        """
        groups, count, _ = self.entries.shape
        logits = self.choose(features).unflatten(-1, (groups, count))
        soft = ((logits if noise is None else logits + noise) / temperature).softmax(-1)
        codes = soft.argmax(-1)
        hard = F.one_hot(codes, count) + (soft - soft.detach())
        quantised = torch.einsum("bmgv,gvd->bmgd", hard, self.entries).flatten(-2)
        return self.project(quantised), codes, logits.softmax(-1).mean((0, 1))
