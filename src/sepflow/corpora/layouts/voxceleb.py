"""VoxCeleb 1 and 2 (robots.ox.ac.uk/~vgg/data/voxceleb): wav/id10001/1zcIwhmdeo4/00001.wav.

Test are the 40 speakers of VoxCeleb1's verification list, and whom vox1_meta.csv or vox2_meta.csv puts into
the set "test"; the others go to train and, by hash, to validation. The lists of VoxCeleb1-E and -H, and of
identification, try speakers of train: with these, train on VoxCeleb2 alone.
The list is handed on as `trials.csv`: whether enrolment and test are of the `same` speaker, 1 or 0. It is the
original one, which papers score on, or, where that is not there, the cleaned one.
VoxCeleb2 is published as .m4a. The metadata as read by public code; not tried on the real corpora.
"""

import re

from sepflow.corpora.layouts.layout import Layout, Own, Row
from sepflow.corpora.layouts.tables import Tables, fill

# The original list, its copy at openslr.org/49, and the cleaned one: the first that is there is meant.
LISTS = (r"veri_test\.txt", r"voxceleb1_test_v2\.txt", r"veri_test2\.txt")
PATH = re.compile(r"(id\d{5}/[\w-]{11}/\d{5})(?:\.\w+)?")


def _lines(tables: Tables) -> list[tuple[str, str, list[str]]]:
    """(place, 1 or 0, the two recordings' paths below the speakers' directories) of each trial."""
    there = [name for ending in LISTS for name in tables.named(ending)]
    trials = []
    for place, line in tables.lines(re.escape(there[0])) if there else ():
        same, *paths = line.split()
        matches = [PATH.fullmatch(path) for path in paths]
        if same not in ("0", "1") or len(matches) != 2 or None in matches:
            raise tables.broken(place, "not 1 or 0 and two recordings, such as id10270/x6uYqmx31kE/00001.wav")
        trials.append((place, same, [match[1] for match in matches if match]))
    return trials


def _label(rows: list[Row], tables: Tables) -> tuple[list[Row], list[str]]:
    tested = {path.partition("/")[0] for _, _, paths in _lines(tables) for path in paths}
    sexes = {}
    for _, line in tables.lines(r"vox[12]_meta\.csv"):
        # VoxCeleb1: ID, VGGFace1 ID, Gender, Nationality, Set, by tabs; 2: ID ,VGGFace2 ID ,Gender ,Set
        cells = [cell.strip() for cell in re.split(r"[\t,]", line)]
        sexes[cells[0]] = cells[2] if len(cells) > 2 else ""
        if cells[-1] == "test":
            tested.add(cells[0])
    fill(rows, "sex", sexes, "speaker")
    for row in rows:
        if row["speaker"] in tested:
            row["split"] = "test"
    if tested:
        return rows, []
    return rows, ["veri_test2.txt, vox1_meta.csv, vox2_meta.csv: none is there, and they say who is for test"]


def _trials(rows: list[Row], tables: Tables) -> tuple[list[Row], list[str]]:
    """The trials; none where none of their recordings is here, as in VoxCeleb2, or the part for training."""
    ids = {"/".join((row["speaker"], row["video"], row["clip"])): row["id"] for row in rows}
    trials, missing = [], {}
    for place, same, paths in _lines(tables):
        missing |= {path: place for path in paths if path not in ids and path not in missing}
        trials.append(dict(zip(("enrolment", "test"), map(ids.get, paths), strict=True)) | {"same": same})
    if not any(trial["enrolment"] or trial["test"] for trial in trials):
        return [], []
    what = "in a trial, but no such recording (is all of VoxCeleb1's test part unpacked?)"
    return trials, [f"{place}: {path}: {what}" for path, place in missing.items()]


VOXCELEB = Layout(
    title="VoxCeleb",
    tree="wav/id10001/1zcIwhmdeo4/00001.wav, below any directories, with vox1_meta.csv and veri_test.txt",
    audio=r"(?P<speaker>id\d{5})/(?P<video>[\w-]{11})/(?P<clip>\d{5})",
    columns={"id": "{speaker}-{video}-{clip}"},
    tables="|".join((*LISTS, r"vox[12]_meta\.csv")),
    label=_label,
    own={"trials": Own(("enrolment", "test", "same"), ("enrolment", "test"), _trials)},
    published=("test",),
    anywhere=True,
)

LAYOUTS = {"voxceleb": VOXCELEB}
