"""Separation: a mixture in, one estimate a source out."""

from collections.abc import Iterator

from sepflow.tasks.declaration import Declaration, Spec

MOST_ESTIMATES = 16  # of MixIT
PIT = (("pit", "thresholded_snr"), ("pit", "si_snr"))
MIXIT = (("mixit", "thresholded_snr"), ("mixit", "si_snr"))


def of_mixtures(spec: Spec) -> bool:
    """Whether an example is a mixture of two mixtures, and these are its references."""
    return spec["objective"]["name"] == "mixit"


def _problems(spec: Spec) -> Iterator[str]:
    if of_mixtures(spec) and not 2 <= spec["model"].get("sources", 0) <= MOST_ESTIMATES:
        yield f"model.sources: MixIT needs two estimates or more, and takes {MOST_ESTIMATES}"


DECLARED = Declaration(PIT + MIXIT, ("separation",), of_mixtures=of_mixtures, problems=_problems)
