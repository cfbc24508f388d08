"""MUSDB18-HQ (zenodo.org/records/3338373): train/Artist - Title/{mixture,bass,drums,other,vocals}.wav.

MUSDB18 itself holds .stem.mp4, which libsndfile does not read. Validation is the 14 tracks of train that the
corpus's own tools (sigsep/musdb) set apart. A track is what must lie in one split: it stands as `speaker`.
"""

from collections import defaultdict

from sepflow.corpora.layouts.layout import Layout, Row
from sepflow.corpora.layouts.tables import Tables

STEMS = ("mixture", "bass", "drums", "other", "vocals")
VALIDATION = (
    "Actions - One Minute Smile",
    "Alexander Ross - Goodbye Bolero",
    "ANiMAL - Rockshow",
    "Clara Berry And Wooldog - Waltz For My Victims",
    "Fergessen - Nos Palpitants",
    "James May - On The Line",
    "Johnny Lokke - Promises & Lies",
    "Leaf - Summerghost",
    "Meaxic - Take A Step",
    "Patrick Talbot - A Reason To Leave",
    "Skelpolu - Human Mistakes",
    "Traffic Experiment - Sirens",
    "Triviul - Angelsaint",
    "Young Griffo - Pennies",
)


def _label(rows: list[Row], tables: Tables) -> tuple[list[Row], list[str]]:
    stems = defaultdict(set)
    for row in rows:
        stems[row["subset"], row["speaker"]].add(row["stem"].lower())
        if row["subset"] == "train" and row["speaker"] in VALIDATION:
            row["split"] = "validation"
    return rows, [
        f"{subset}/{track}: no {', '.join(x for x in STEMS if x not in there)}"
        for (subset, track), there in stems.items()
        if len(there) < len(STEMS)
    ]


MUSDB18 = Layout(
    title="MUSDB18-HQ",
    tree="train/Artist - Title/mixture.wav, with bass.wav, drums.wav, other.wav and vocals.wav beside it",
    audio=rf"(?P<subset>train|test)/(?P<speaker>[^/]+)/(?P<stem>{'|'.join(STEMS)})",
    label=_label,
    splits={"train": "train", "test": "test"},
    convert="MUSDB18 holds five streams in each .stem.mp4: take MUSDB18-HQ, zenodo.org/records/3338373.",
    counts={"train": 500, "test": 250},
)

LAYOUTS = {"musdb18": MUSDB18}
