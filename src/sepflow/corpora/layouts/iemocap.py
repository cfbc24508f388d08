"""IEMOCAP (sail.usc.edu/iemocap): Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav.

A speaker is a session and the letter of the utterance (in Ses01F_impro01_M000 the man speaks). No splits are
published; the field leaves sessions out. Here session 5 is test and session 4 validation.
As described in the corpus's documentation; not tried on the real corpus.
"""

import re

from sepflow.corpora.layouts.layout import Layout, Row
from sepflow.corpora.layouts.tables import Tables, fill

SPOKEN = re.compile(r"(?P<id>Ses\w+) \[[\d.]+-[\d.]+\]: ?(?P<text>.*)")
FELT = re.compile(r"\[[\d.]+ - [\d.]+\]\s+(?P<id>\w+)\s+(?P<emotion>\w+)\s+\[(?P<numbers>[\d., ]+)\]")
DIMENSIONS = ("valence", "activation", "dominance")


def _label(rows: list[Row], tables: Tables) -> tuple[list[Row], list[str]]:
    spoken = [SPOKEN.fullmatch(line) for _, line in tables.lines(r"dialog/transcriptions/[^/]*\.txt")]
    felt = [FELT.fullmatch(line) for _, line in tables.lines(r"dialog/EmoEvaluation/[^/]*\.txt")]
    problems = fill(
        rows, "text", {match["id"]: match["text"] for match in spoken if match}, missing="no transcript of it"
    )
    emotions = {match["id"]: match["emotion"] for match in felt if match}
    problems += fill(rows, "emotion", emotions, missing="no emotion of it in EmoEvaluation")
    numbers = {match["id"]: [cell.strip() for cell in match["numbers"].split(",")] for match in felt if match}
    for row in rows:
        cells = numbers.get(row["id"], [""] * len(DIMENSIONS))
        row |= dict(zip(DIMENSIONS, cells, strict=False))
    return rows, problems


IEMOCAP = Layout(
    title="IEMOCAP",
    tree="Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav, with Session1/dialog",
    audio=r"(?P<subset>Session\d)/sentences/wav/(?P<dialog>Ses\w+)/"
    r"(?P<id>(?P<session>Ses\d\d)[FM]_\w+_(?P<sex>[FM])\d{3})",
    columns={"speaker": "{session}{sex}"},
    tables=r"(?P<subset>Session\d)/dialog/(?:transcriptions|EmoEvaluation)/[^/]*\.txt",
    label=_label,
    splits={"session[1-3]": "train", "session4": "validation", "session5": "test"},
)

LAYOUTS = {"iemocap": IEMOCAP}
