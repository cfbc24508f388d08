"""The losses of wav2vec 2.0 (Baevski et al. 2020): which candidate is the right one; are all codes in use."""

import torch
import torch.nn.functional as F
from torch import Tensor


def similarities(contexts: Tensor, targets: Tensor, candidates: Tensor) -> Tensor:
    """Cosine of each of `contexts` [B, M, D] with each of `targets` [B, M, D]: [B, M (context), M (target)].

    -inf where `candidates` [B, M, M], bool, says that the target is no candidate of the context.
    """
    cosines = F.normalize(contexts, dim=-1) @ F.normalize(targets, dim=-1).mT
    return cosines.masked_fill(~candidates, -torch.inf)


def contrastive_loss(similarity: Tensor, temperature: float) -> Tensor:
    """Cross entropy of a context's candidates, of which its own target is the right one (eq. 3).

    `similarity` [B, M, M] (of `similarities`) -> nats [B], the mean over the contexts.
    """
    scaled = similarity / temperature
    return (scaled.logsumexp(-1) - scaled.diagonal(dim1=-2, dim2=-1)).mean(-1)


def diversity_loss(shares: Tensor) -> Tensor:
    """1 - (sum of the groups' perplexities / number of codes), of the codes' `shares` [G, V]: a scalar.

    0 where all codes are in equal use. Eq. 4 as wav2vec 2.0 was trained with it (its footnote).
    """
    entropy = torch.special.entr(shares).sum(-1)
    return 1 - entropy.exp().sum() / shares.numel()


def differing(codes: Tensor) -> Tensor:
    """Which frames may be each other's distractors: `codes` [B, M, G] -> [B, M, M], bool; a frame its own."""
    same = (codes[:, :, None] == codes[:, None]).all(-1)
    return ~same | torch.eye(codes.shape[1], dtype=torch.bool, device=codes.device)


def distinct_codes(codes: Tensor, candidates: Tensor) -> Tensor:
    """How many different codes the candidates have: of `codes` [M, G], `candidates` [M, M], bool -> [M]."""
    which = codes.unique(dim=0, return_inverse=True)[1]
    return ((candidates.float() @ F.one_hot(which).float()) > 0).sum(-1)
