"""wsj0-mix's metadata: metadata/mix_2_spk_{tr,cv,tt}.txt, metadata/activlev/activlev_{tr,cv,tt}.txt.

As published, training and validation are of si_tr_s, the test of si_dt_05 and si_et_05.
"""

from pathlib import Path

import numpy as np

from rehearsal.lookalikes import Asked
from sepflow.corpora.wsj0 import key, utterance
from sepflow.files.audio import read
from sepflow.mixes.wsj0mix.mixtures import SPLITS
from sepflow.seeding import generator

OF = {"train": ("si_tr_s",), "validation": ("si_tr_s",), "test": ("si_dt_05", "si_et_05")}


def write(out: Path, asked: Asked) -> Path:
    """Write the lists that the mixes name, as long as these ask, and the powers of their utterances."""
    speech, metadata = asked.places[asked.entry["speech"]], out / "pywsj0-mix-master" / "metadata"
    (metadata / "activlev").mkdir(parents=True)
    for (speakers, split), mixtures in asked.most("speakers", "split").items():
        files = {path: sorted(speech.glob(f"**/wsj0/{path}/*/*.wv1")) for path in OF[split]}
        listed = [(f"wsj0/{key(str(file))}.wav", file) for found in files.values() for file in found]
        short = SPLITS[split]
        lines = [_line(listed, speakers, generator("look-alike", short, row)) for row in range(mixtures)]
        (metadata / f"mix_{speakers}_spk_{short}.txt").write_text("".join(lines))
        powers = [f"{utterance(name)} {np.mean(read(file)[0] ** 2):.6g}\n" for name, file in listed]
        (metadata / "activlev" / f"activlev_{short}.txt").write_text("".join(powers))
    return metadata


def _line(listed: list[tuple[str, Path]], speakers: int, rng: np.random.Generator) -> str:
    """Utterances of as many speakers, each with its level in dB: the second has the first's, negative."""
    by_speaker: dict[str, list[str]] = {}
    for name, file in listed:
        by_speaker.setdefault(file.parent.name, []).append(name)
    chosen = rng.choice(sorted(by_speaker), speakers, replace=False)
    level = rng.uniform(0, 2.5)
    levels = [level, -level, *[0.0] * (speakers - 2)]
    words = [f"{rng.choice(by_speaker[one])} {x:.5g}" for one, x in zip(chosen, levels, strict=False)]
    return " ".join(words) + "\n"
