"""The Wall Street Journal corpora, WSJ0 (LDC93S6A) and WSJ1 (LDC94S13A): si_tr_s/011/011c0201.wv1, ...

From the disks as LDC made them (11-1.1/wsj0/si_tr_s/...) or merged below wsj0 and wsj1; names in any case;
.wv1 or what was made of it. Two forms: by directories (as wsj0-mix takes them), and by the index files of
doc/indices, which are what speech recognition trains and scores on: SI-284 is `si_84` with `si_200`.
As Kaldi's egs/wsj/s5/local/wsj_data_prep.sh reads them; not tried on the real corpora.
"""

import re

from sepflow.corpora.layouts.layout import Layout, Row
from sepflow.corpora.layouts.tables import Tables, fill

INDICES = {  # subset: (its index file, its split)
    "si_84": ("wsj0/doc/indices/train/tr_s_wv1.ndx", "train"),
    "si_200": ("wsj1/doc/indices/si_tr_s.ndx", "train"),
    "dev93": ("wsj1/doc/indices/h1_p0.ndx", "validation"),
    "dev93_5k": ("wsj1/doc/indices/h2_p0.ndx", "validation"),
    "eval92": ("wsj0/doc/indices/test/nvp/si_et_20.ndx", "test"),
    "eval92_5k": ("wsj0/doc/indices/test/nvp/si_et_05.ndx", "test"),
    "eval93": ("wsj1/doc/indices/wsj1/eval/h1_p0.ndx", "test"),
    "eval93_5k": ("wsj1/doc/indices/wsj1/eval/h2_p0.ndx", "test"),
}
LEFT_OUT = re.compile(r"wsj0/si_tr_s/401/", re.IGNORECASE)  # in the index, but not of the 84 speakers
TRANSCRIPT = re.compile(r"(?P<text>.*)\((?P<id>\w+)\)")
NOISE = re.compile(r"\[.*\]|~|\.")  # [door_slam], [<door_slam], [/phone_ring]; cut off; a pause
MARKED = re.compile(r"<([\w'.-]+)>|\*([\w'.-]+)\*")  # spoken but to be deleted; mispronounced


def words_of(transcript: str) -> str:
    """The words of a line of a .dot or .lsn file, in capitals: without noises, pauses and marks of them."""
    words = (word for word in transcript.replace("\\", "").upper().split() if not NOISE.fullmatch(word))
    plain = (MARKED.sub(lambda match: match[1] or match[2], word) for word in words)
    return " ".join({"%PERCENT": "PERCENT", ".POINT": "POINT"}.get(word, word) for word in plain)


def _texts(tables: Tables) -> dict[str, str]:
    texts = {}
    for ending in (r"[^/]*\.lsn", r"[^/]*\.dot"):  # where there are both, .dot, which says what was spoken
        for _, line in tables.lines(ending):
            if match := TRANSCRIPT.fullmatch(line):
                texts[match["id"].lower()] = words_of(match["text"])
    return texts


def _label(rows: list[Row], tables: Tables, text_needed: bool = False) -> tuple[list[Row], list[str]]:
    for row in rows:
        row |= {key: row[key].lower() for key in ("id", "speaker")}
    words = (line.lower().split() for _, line in tables.lines(r"[^/]*spkrinfo\.txt", comment=";"))
    sexes = {first: rest[0] for first, *rest in words if rest and rest[0] in ("m", "f")}
    fill(rows, "sex", sexes, "speaker")
    missing = "no transcript of it (in no .dot or .lsn file)" if text_needed else ""
    return rows, fill(rows, "text", _texts(tables), missing=missing)


def _label_indexed(rows: list[Row], tables: Tables) -> tuple[list[Row], list[str]]:
    there = {row["id"].lower(): row for row in rows}
    chosen, problems = [], []
    for subset in sorted(tables.asked or INDICES):
        index, split = INDICES[subset]
        if tables.asked and not tables.named(re.escape(index)):
            problems.append(f"{index}: not there, and it lists {subset} (is all of it unpacked?)")
        for place, line in tables.lines(re.escape(index), comment=";"):
            path = line.rpartition(":")[2].strip()
            name = path.rpartition("/")[2].partition(".")[0].lower()
            if LEFT_OUT.match(path):
                continue
            if name in there:
                chosen.append(there[name] | {"subset": subset, "split": split})
            else:
                problems.append(f"{place}: {path}: in the index, but no such file (is that disk there?)")
    if not chosen and not problems:
        problems.append("wsj0/doc/indices, wsj1/doc/indices: not there, and they list who is in which set")
    chosen, more = _label(sorted(chosen, key=lambda row: row["path"]), tables, text_needed=True)
    return chosen, problems + more


_DIRECTORY = r"si_(?:tr|dt|et)_\w+"
_UTTERANCE = r"/(?:\w+/)*(?P<speaker>\w{3})/(?P<id>\w{8})"
_TABLES = r".*\.(?:dot|lsn)|(?:.*/)?[\w-]*spkrinfo\.txt"

DIRECTORIES = Layout(
    title="WSJ0 or WSJ1",
    tree="si_tr_s/011/011c0201.wv1 (or .wav), si_dt_05/..., si_et_05/..., below any directories",
    audio=rf"(?P<subset>{_DIRECTORY}){_UTTERANCE}",
    tables=_TABLES,
    label=_label,
    splits={"si_tr_.*": "train", "si_dt_.*": "validation", "si_et_.*": "test"},
    anywhere=True,
)

RECOGNITION = Layout(
    title="WSJ0 and WSJ1",
    tree="wsj0/si_tr_s/011/011c0201.wv1 (or .wav) and wsj1/si_tr_s/..., below any directories",
    audio=rf"(?P<directory>{_DIRECTORY}){_UTTERANCE}",
    subsets=tuple(INDICES),
    tables="|".join([_TABLES, *(re.escape(index) for index, _ in INDICES.values())]),
    label=_label_indexed,
    anywhere=True,
)

LAYOUTS = {"wsj": RECOGNITION, "wsj0": DIRECTORIES, "wsj1": DIRECTORIES}
