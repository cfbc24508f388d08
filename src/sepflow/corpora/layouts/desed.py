"""DESED (project.inria.fr/desed): recorded and synthetic soundscapes with their tables, and the soundbank.

`labels` are "class;class" (weak) or "class:onset-offset;..." in seconds (strong), and `labelled` says which;
`corpora.events` reads them.
Part of the recorded audio is gone from the web: what is there is listed, and the log tells of how much.
As the README of turpaultn/DESED and its scripts have it; not tried on the real corpus.
"""

import logging
import re
from collections import Counter, defaultdict

from sepflow.corpora.layouts.events import add, event, named
from sepflow.corpora.layouts.layout import Layout, Row
from sepflow.corpora.layouts.tables import Tables, set_source

RECORDED = re.compile(r"Y?(?P<video>[\w-]{11})_[\d.]+_[\d.]+")  # Y, the video at YouTube, onset and offset
SPLITS = {"train.*": "train", "validation.*": "validation", "eval.*": "test"}

log = logging.getLogger(__name__)


def _read(table: str, tables: Tables) -> tuple[str, dict[str, str]]:
    """(weak, strong or none; {file: labels}) of a table of soundscapes."""
    kind, labels = "none", defaultdict(list)
    for place, cells in tables.rows(re.escape(table), delimiter="\t"):
        own = labels[cells["filename"]]
        try:
            if "event_labels" in cells:
                kind = "weak"
                for cell in cells["event_labels"].split(",") if cells["event_labels"] else ():
                    add(own, named(cell.strip()))
            elif "event_label" in cells or "onset" in cells:
                kind = "strong"
                event_cells = [cells[column] for column in ("event_label", "onset", "offset")]
                if any(event_cells):  # a soundscape without events has a row of empty cells
                    add(own, event(*event_cells))
        except ValueError as reason:
            raise tables.broken(place, str(reason)) from None
    return kind, {name: ";".join(own) for name, own in labels.items()}


def _label_soundscapes(rows: list[Row], tables: Tables) -> tuple[list[Row], list[str]]:
    known, tabled, problems = {}, {}, []
    for subset in {row["subset"]: None for row in rows}:
        last = subset.rpartition("/")[2]
        listed = tables.named(rf"metadata/{subset}\.tsv") or tables.named(rf"metadata/{subset}/{last}\.tsv")
        known[subset], tabled[subset] = _read(listed[0], tables) if listed else ("none", {}), bool(listed)
        if not listed and "unlabel" not in subset:
            problems.append(f"metadata/{subset}.tsv: not there, and it holds the labels of audio/{subset}")
    for row in rows:
        row["labelled"], labels = known[row["subset"]]
        name = row["path"].rpartition("/")[2]
        row["labels"] = labels.get(name, "")
        if tabled[row["subset"]] and name not in labels:
            problems.append(f"{row['place']}: not in metadata/{row['subset']}.tsv")
        video = RECORDED.fullmatch(name.rpartition(".")[0])
        row["speaker"] = video["video"] if video else row["path"].rpartition(".")[0]
    there = Counter(row["subset"] for row in rows)
    for subset, (_, labels) in known.items():
        if there[subset] < len(labels):
            log.warning("audio/%s: %d of the %d files of its table", subset, there[subset], len(labels))
    return rows, problems


def _label_bank(rows: list[Row], tables: Tables) -> tuple[list[Row], list[str]]:
    for row in rows:
        name = row["path"].rpartition("/")[2].rpartition(".")[0]
        # 123_0 (a sound at Freesound, cut), DevNode1_ex2_3 (SINS: a session), b020_90_100 (TUT: a recording)
        session = re.fullmatch(r"DevNode\d+_(ex\d+)_\d+", name)
        row["recording"] = session[1] if session else name.partition("_")[0]
        row["file"] = row["path"].rpartition(".")[0]
    set_source(rows, ("recording", "file"))
    return [{key: row[key] for key in row if key not in ("recording", "file")} for row in rows], []


# Not the soundbank, nor the single events that Scaper writes beside a soundscape.
_PART = r"(?!soundbank/)[^/]+(?<!_events)"

SOUNDSCAPES = Layout(
    title="DESED's soundscapes",
    tree="audio/train/weak/*.wav, audio/validation/*.wav, ..., with metadata/train/weak.tsv, ...",
    audio=rf"audio/(?P<subset>(?:train|validation|eval)(?:/{_PART})*)/[^/]+",
    tables=r"metadata/.*\.tsv",
    label=_label_soundscapes,
    splits=SPLITS,
)

SOUNDBANK = Layout(
    title="DESED's soundbank",
    tree="audio/train/soundbank/foreground/Cat/123_0.wav, audio/train/soundbank/background/sins/*.wav, ...",
    audio=r"audio/(?P<subset>train|validation|eval)/soundbank/"
    r"(?P<part>(?:fore|back)ground\w*)/(?P<labels>[^/]+)/[^/]+",
    label=_label_bank,
    splits=SPLITS,
)

LAYOUTS = {"desed": SOUNDSCAPES, "desed_soundbank": SOUNDBANK}
