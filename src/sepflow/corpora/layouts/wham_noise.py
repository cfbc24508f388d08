"""WHAM! noise (wham.whisper.ai): wham_noise/{tr,cv,tt}/*.wav, metadata/noise_meta_{tr,cv,tt}.csv.

The columns of the metadata as read by public code; not tried on the real corpus.
"""

import re

from sepflow.corpora.layouts.layout import Layout, Row
from sepflow.corpora.layouts.tables import Tables, set_source

COLUMNS = {"location": "Location ID", "location_day": "Location Day ID", "recording": "File ID"}
SPEED = re.compile(r"sp\d+$")  # LibriMix puts its own, faster or slower copies beside the originals


def _label(rows: list[Row], tables: Tables) -> tuple[list[Row], list[str]]:
    known = {}
    for _, cells in tables.rows(r"noise_meta_(?:tr|cv|tt)\.csv"):
        known[cells.get("utterance_id", "").removesuffix(".wav")] = cells
    problems = []
    for row in rows:
        cells = known.get(row["id"]) or known.get(SPEED.sub("", row["id"]))
        if known and cells is None:
            problems.append(f"{row['place']}: not in metadata/noise_meta_{row['subset']}.csv")
        for column, published in COLUMNS.items():
            row[column] = (cells or {}).get(published) or SPEED.sub("", row["id"])
    set_source(rows, tuple(COLUMNS))
    return rows, problems


WHAM_NOISE = Layout(
    title="the WHAM! noise",
    tree="tr/*.wav, cv/*.wav, tt/*.wav, with metadata/noise_meta_tr.csv",
    audio=r"(?P<subset>tr|cv|tt)/(?P<id>[^/]+)",
    tables=r"metadata/noise_meta_(?P<subset>tr|cv|tt)\.csv",
    label=_label,
    splits={"tr": "train", "cv": "validation", "tt": "test"},
    counts={"tr": 20000, "cv": 5000, "tt": 3000},
    channel=0,  # WHAM! and LibriMix are mixed of it
)

LAYOUTS = {"wham_noise": WHAM_NOISE}
