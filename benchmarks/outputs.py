"""How a MixIT model spreads the speakers of a test mix over its outputs.

    OMP_NUM_THREADS=1 python benchmarks/outputs.py results/runs/RUN/model.safetensors \\
        results/mixes/MIX results/corpora/CORPUS

Selection by energy takes for granted that the two loudest outputs are of different speakers. Here every
output is given to the reference that it correlates with most.
"""

import argparse
from pathlib import Path

import torch

from sepflow.applying.inference import Estimator
from sepflow.corpora.packed import PackedCorpus
from sepflow.mixes.mix import Mix


def main() -> None:
    """Print what holds of how many mixtures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("model", "mix", "corpus"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args()
    separator, mix = Estimator(options.model), Mix(options.mix, PackedCorpus(options.corpus))
    same, third = [], []
    for row in range(len(mix)):
        estimates, references = separator(mix.mixture(row)), torch.from_numpy(mix.references(row))
        levels = 10 * estimates.square().mean(-1).log10()
        order = levels.argsort(descending=True)
        likeness = torch.corrcoef(torch.cat([estimates, references]))[
            : len(estimates), len(estimates) :
        ].abs()
        nearest = likeness.argmax(dim=1)[order]
        same.append(bool(nearest[0] == nearest[1]))
        third.append(float(levels[order[1]] - levels[order[2]]))
    print(
        f"{len(mix)} mixtures; the two loudest outputs are of the same speaker in {sum(same) / len(same):.0%}"
    )
    print(f"the third is {torch.tensor(third).median():.1f} dB below the second (median)")


if __name__ == "__main__":
    main()
