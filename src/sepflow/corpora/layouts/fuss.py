"""FUSS (zenodo.org/records/3694384): fsd_data (single sounds), ssdata and ssdata_reverb (mixtures), rir_data.

As the scripts of google-research/sound-separation unpack them; not tried on the real corpus.
"""

from sepflow.corpora.layouts.layout import Layout, Row
from sepflow.corpora.layouts.tables import Tables

SUBSET = r"(?P<subset>train|validation|eval)"
SPLITS = {"train": "train", "validation": "validation", "eval": "test"}


def _label_mixtures(rows: list[Row], tables: Tables) -> tuple[list[Row], list[str]]:
    """Keep what the example lists name: each line a mixture and its sources, paths beside the list."""
    listed = {}
    for place, line in tables.lines(r"(?:train|validation|eval)_example_list\.txt"):
        above = place.rpartition("/")[0]
        listed |= {f"{above}/{path}": place for path in line.split()}
    there = {row["path"] for row in rows}
    for row in rows:
        row["speaker"] = f"{row['subset']}-{row['example']}"
        row["source"] = row["source"].removesuffix("_sound") or "mixture"
        row["id"] = "-".join((row["form"], row["subset"], row["example"], row["source"]))
    problems = [f"{place}: {path}: no such file" for path, place in listed.items() if path not in there]
    return [row for row in rows if row["path"] in listed], problems


# The name of a file is the number of its sound at Freesound, which is what must lie in one split.
SOURCES = Layout(
    title="FUSS's single sounds",
    tree="fsd_data/train/sound/*.wav, fsd_data/validation/..., fsd_data/eval/...",
    audio=rf"fsd_data/{SUBSET}/sound/(?P<speaker>[^/]+)",
    columns={"id": "{speaker}"},
    splits=SPLITS,
)

MIXTURES = Layout(
    title="FUSS's mixtures",
    tree="ssdata/train/example00000.wav and ssdata/train/example00000_sources/*.wav (or ssdata_reverb), with "
    "ssdata/train_example_list.txt",
    audio=rf"(?P<form>ssdata\w*)/{SUBSET}/(?P<example>example\d+)(?:_sources/(?P<source>[^/]+))?",
    tables=rf"ssdata\w*/{SUBSET}_example_list\.txt",
    needs=(r"ssdata\w*/\w+_example_list.txt",),
    label=_label_mixtures,
    splits=SPLITS,
)

# A room is a recording by itself: its path below the split.
ROOMS = Layout(
    title="FUSS's room impulse responses",
    tree="rir_data/train/..., rir_data/validation/..., rir_data/eval/...",
    audio=rf"rir_data/{SUBSET}/(?P<room>.+)",
    columns={"speaker": "{subset}-{room}"},
    splits=SPLITS,
)

LAYOUTS = {"fuss": SOURCES, "fuss_mixtures": MIXTURES, "fuss_rooms": ROOMS}
