"""LibriSpeech (openslr.org/12): LibriSpeech/{SPEAKERS.TXT, train-clean-100/19/198/19-198-0000.flac, ...}."""

from sepflow.corpora.layouts.layout import Layout, Row
from sepflow.corpora.layouts.tables import Tables, fill

SUBSET = r"(?P<subset>(?:train|dev|test)-[a-z]+(?:-\d+)?)"


def _label(rows: list[Row], tables: Tables) -> tuple[list[Row], list[str]]:
    # Never by the number of cells: the name of speaker 60 has "|" in it.
    speakers = [line.split("|") for _, line in tables.lines("SPEAKERS.TXT", comment=";")]
    fill(rows, "sex", {cells[0].strip(): cells[1].strip() for cells in speakers if len(cells) > 1}, "speaker")
    texts = tables.pairs(r"[^/]*\.trans\.txt")
    problems = fill(rows, "text", texts, missing="no transcript of it (is its chapter's .trans.txt there?)")
    lost = sorted(texts.keys() - {row["id"] for row in rows})
    return rows, problems + [f"{name}: in a transcript, but no such file (is all unpacked?)" for name in lost]


LIBRISPEECH = Layout(
    title="LibriSpeech",
    tree="train-clean-100/19/198/19-198-0000.flac, with SPEAKERS.TXT beside train-clean-100",
    audio=SUBSET + r"/(?P<speaker>\d+)/(?P<chapter>\d+)/(?P<id>\d+-\d+-\d+)",
    tables=SUBSET + r"/\d+/\d+/[\d-]+\.trans\.txt|SPEAKERS\.TXT",
    needs=("SPEAKERS.TXT",),
    label=_label,
    splits={"train-.*": "train", "dev-.*": "validation", "test-.*": "test"},
    counts={
        "train-clean-100": 28539,
        "train-clean-360": 104014,
        "train-other-500": 148688,
        "dev-clean": 2703,
        "dev-other": 2864,
        "test-clean": 2620,
        "test-other": 2939,
    },
)

LAYOUTS = {"librispeech": LIBRISPEECH}
