"""speechocean762 (openslr.org/101): WAVE/SPEAKER0001/000010011.WAV, lists in train/ and test/, ages, scores.

Published are train and test, of 125 speakers each; validation is dealt, by hash, from the speakers of train.
The tree as published; of the lists their format is as Kaldi has it, not tried on the real corpus.
"""

import json

from sepflow.corpora.layouts.layout import Layout, Row
from sepflow.corpora.layouts.tables import Tables, fill

SCORES = ("accuracy", "completeness", "fluency", "prosodic", "total")


def _label(rows: list[Row], tables: Tables) -> tuple[list[Row], list[str]]:
    tested, trained = (set(tables.pairs(rf"{part}/wav\.scp")) for part in ("test", "train"))
    problems = [
        f"{row['place']}: neither in train/wav.scp nor in test/wav.scp"
        for row in rows
        if row["id"] not in tested | trained
    ]
    for row in rows:
        if row["id"] in tested:
            row["split"] = "test"
    people = {"sex": "spk2gender", "age": "spk2age"}
    for column, table in people.items():
        said = {name.removeprefix("SPEAKER"): cell for name, cell in tables.pairs(table).items()}
        fill(rows, column, said, "speaker")
    problems += fill(rows, "text", tables.pairs("text"), missing="no text of it")
    _add_scores(rows, tables)
    lost = sorted((tested | trained) - {row["id"] for row in rows})
    return rows, problems + [f"{name}: in a wav.scp, but no such file (is all unpacked?)" for name in lost]


def _add_scores(rows: list[Row], tables: Tables) -> None:
    try:
        scores = json.loads("\n".join(line for _, line in tables.lines(r"resource/scores\.json")) or "{}")
        for row in rows if scores else []:
            row |= {name: str(scores.get(row["id"], {}).get(name, "")) for name in SCORES}
    except (ValueError, AttributeError, RecursionError) as error:
        raise tables.broken("resource/scores.json", f"not the scores of utterances ({error})") from None


SPEECHOCEAN762 = Layout(
    title="speechocean762",
    tree="WAVE/SPEAKER0001/000010011.WAV, with train/wav.scp and test/wav.scp beside WAVE",
    audio=r"WAVE/SPEAKER(?P<speaker>\d+)/(?P<id>\d+)",
    tables=r"(?:train|test)/(?:wav\.scp|text|spk2gender|spk2age)|resource/scores\.json",
    needs=("train/wav.scp", "test/wav.scp", "train/text", "test/text"),
    label=_label,
    published=("test",),
    counts={"": 5000},
)

LAYOUTS = {"speechocean762": SPEECHOCEAN762}
