"""VoxCeleb 1 and 2 (robots.ox.ac.uk/~vgg/data/voxceleb): wav/id10001/1zcIwhmdeo4/00001.wav.

Test are the 40 speakers of VoxCeleb1's verification list (veri_test2.txt), and whom vox1_meta.csv or
vox2_meta.csv puts into the set "test"; the others go to train and, by hash, to validation. The lists of
VoxCeleb1-E and -H, and of identification, try speakers of train: with these, train on VoxCeleb2 alone.
VoxCeleb2 is published as .m4a. The metadata as read by public code; not tried on the real corpora.
"""

import re

from sepflow.corpora.layouts.layout import Layout, Row
from sepflow.corpora.layouts.tables import Tables, fill


def _label(rows: list[Row], tables: Tables) -> tuple[list[Row], list[str]]:
    tested = {
        path.partition("/")[0] for _, line in tables.lines(r"veri_test2?\.txt") for path in line.split()[1:]
    }
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


VOXCELEB = Layout(
    title="VoxCeleb",
    tree="wav/id10001/1zcIwhmdeo4/00001.wav, below any directories, with vox1_meta.csv and veri_test2.txt",
    audio=r"(?P<speaker>id\d{5})/(?P<video>[\w-]{11})/(?P<clip>\d{5})",
    columns={"id": "{speaker}-{video}-{clip}"},
    tables=r"veri_test2?\.txt|vox[12]_meta\.csv",
    label=_label,
    published=("test",),
    anywhere=True,
)

LAYOUTS = {"voxceleb": VOXCELEB}
