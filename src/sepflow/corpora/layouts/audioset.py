"""AudioSet (research.google.com/audioset): clips somebody has cut, and the published tables of segments.

The clips are anywhere, named after their video and perhaps the segment: YTID.wav, YYTID.wav (as PANNs has
them), YTID_30.wav, YYTID_30.000_40.000.wav (as DESED has them). A clip of the segments of eval is test, the
others go to train and, by hash of their videos, to validation.
"""

import csv

from sepflow.corpora.layouts.events import add, check_interval, named
from sepflow.corpora.layouts.layout import Layout, Row
from sepflow.corpora.layouts.tables import Tables


def _segments(tables: Tables) -> dict[str, tuple[str, str]]:
    """{video: (list, labels)}: lines "YTID, start, end, "/m/09x0r,/t/dd00088"" under lines of remarks."""
    segments = {}
    for place, line in tables.lines(r"\w+_segments\.csv", comment="#"):
        try:
            video, start, end, labels = next(csv.reader([line], skipinitialspace=True))
        except (csv.Error, ValueError):
            raise tables.broken(place, "not a video, two times and the labels") from None
        try:
            check_interval(start, end)
            classes: list[str] = []
            for label in labels.split(","):
                add(classes, named(label))
        except ValueError as reason:
            raise tables.broken(place, str(reason)) from None
        name = place.partition(" ")[0].rpartition("/")[2].removesuffix("_segments.csv")
        segments[video] = (name, ";".join(classes))
    return segments


def _label(rows: list[Row], tables: Tables) -> tuple[list[Row], list[str]]:
    segments, problems = _segments(tables), []
    for row in rows:
        name = row["path"].rpartition("/")[2].rpartition(".")[0]
        # A video's own name may begin with Y: what the tables know decides.
        heads = [name[start : start + 11] for start in (0, 1)]
        video = next((head for head in heads if head in segments), None)
        if video is None:
            problems.append(f"{row['place']}: in no table of segments")
            continue
        row["speaker"] = video
        row["segments"], row["labels"] = segments[video]
        if row["segments"] == "eval":
            row["split"] = "test"
    return rows, problems


AUDIOSET = Layout(
    title="AudioSet",
    tree="YTID.wav or YYTID_30.000_40.000.wav, with balanced_train_segments.csv, eval_segments.csv, ...",
    audio=r"Y?[\w-]{11}(?:_[\d.]+){0,2}",
    tables=r"\w+_segments\.csv",
    needs=(r"\w+_segments.csv",),
    label=_label,
    published=("test",),
    anywhere=True,
)

LAYOUTS = {"audioset": AUDIOSET}
