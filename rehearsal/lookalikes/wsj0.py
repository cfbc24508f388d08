"""WSJ0 by the disks of LDC93S6A: 11-1.1/wsj0/si_tr_s/01t/01to030v.wv1, a second microphone's .wv2 beside it.

NIST SPHERE files as the LDC has them, but not compressed: nobody but its own program decodes these.
"""

from pathlib import Path

import numpy as np

from rehearsal.lookalikes import Asked
from rehearsal.sound import RATE, voice
from rehearsal.spheres import write_sphere

DISKS = {  # directory: (disk, speakers, how the names of its utterances go on)
    "si_tr_s": ("11-1.1", ("01t", "20g", "40e", "20o"), "o03"),
    "si_dt_05": ("11-6.1", ("050", "051"), "c05"),
    "si_dt_20": ("11-6.1", ("050", "051"), "c20"),
    "si_et_05": ("11-14.1", ("440", "441"), "c05"),
    "si_et_20": ("11-14.1", ("440", "441"), "c20"),
}
UTTERANCES = 3  # of a speaker in a directory
SHORTEST = round(0.8 * RATE)  # samples: networks hear whole utterances of a test, on a CPU


def write(out: Path, asked: Asked) -> Path:
    """Write training, development and evaluation, transcripts, and who is a woman."""
    number = 0
    for directory, (disk, speakers, middle) in DISKS.items():
        for speaker in speakers:
            words = []
            for k in range(UTTERANCES):
                number += 1
                name = f"{speaker}{middle}{k:02d}"
                path = out / disk / "wsj0" / directory / speaker / name
                for microphone in (1, 2):
                    codes = 32767 * voice(number + 500 * microphone, SHORTEST + 701 * k, 0.08)
                    write_sphere(path.with_suffix(f".wv{microphone}"), codes.round().astype(np.int16))
                words.append(f"Some [cough] words ({name})\n")
            dots = out / f"11-4.1/wsj0/transcrp/dots/{directory}/{speaker}/{speaker}{middle}00.dot"
            dots.parent.mkdir(parents=True, exist_ok=True)
            dots.write_text("".join(words))
    people = sorted({speaker for _, speakers, _ in DISKS.values() for speaker in speakers})
    table = [f"{speaker}  {'FM'[k % 2]}  PH   Minneapolis\n" for k, speaker in enumerate(people)]
    info = out / "11-13.1/wsj0/doc/spkrinfo.txt"
    info.parent.mkdir(parents=True)
    info.write_text("; the speakers\n" + "".join(table))
    return out
