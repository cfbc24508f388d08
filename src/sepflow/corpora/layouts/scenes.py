"""Sound recordings with a label each, one table, no splits in the field's sense: ESC-50, SINS, TUT 2017."""

from sepflow.corpora.layouts.layout import Layout, Row
from sepflow.corpora.layouts.tables import Tables, fill


def _label_esc50(rows: list[Row], tables: Tables) -> tuple[list[Row], list[str]]:
    cells = {cells["filename"].rpartition(".")[0]: cells for _, cells in tables.rows(r"esc50\.csv")}
    problems = fill(
        rows, "labels", {name: x["category"] for name, x in cells.items()}, missing="not in meta/esc50.csv"
    )
    fill(rows, "esc10", {name: x["esc10"] for name, x in cells.items()})
    return rows, problems


def _label_scene(rows: list[Row], tables: Tables) -> tuple[list[Row], list[str]]:
    labels = {}
    for place, line in tables.lines(r"meta\.txt"):
        name, *label = line.split("\t")
        if not label:
            raise tables.broken(place, "no label behind the file's name")
        labels[name.rpartition("/")[2].rpartition(".")[0]] = label[0]
    return rows, fill(rows, "labels", labels, missing="not in meta.txt")


# The five folds (the subsets 1 to 5) keep what was cut from one Freesound recording together: 5 is test, 4
# validation.
ESC50 = Layout(
    title="ESC-50 (github.com/karolpiczak/ESC-50)",
    tree="audio/1-100032-A-0.wav, with meta/esc50.csv beside audio",
    audio=r"audio/(?P<id>(?P<subset>[1-5])-(?P<speaker>\d+)-(?P<take>[A-Z])-(?P<target>\d+))",
    tables=r"meta/esc50\.csv",
    needs=("meta/esc50.csv",),
    label=_label_esc50,
    splits={"[1-3]": "train", "4": "validation", "5": "test"},
    counts=dict.fromkeys("12345", 400),
)

# Of the SINS database the form of DCASE 2018 Task 5, which DESED takes its backgrounds from: 4 channels, 10 s
# each, several nodes at once. What must lie in one split is a session of an activity; dealt by hash. The
# channels are the microphones of a node's line, in order: with `channels: 2` its first two, neighbours.
SINS = Layout(
    title="SINS (DCASE 2018 Task 5, development; zenodo.org/records/1247102)",
    tree="audio/DevNode1_ex1_1.wav, with meta.txt beside audio",
    audio=r"audio/(?P<id>DevNode(?P<node>\d+)_(?P<speaker>ex\d+)_\d+)",
    tables=r"meta\.txt",
    needs=("meta.txt",),
    label=_label_scene,
    published=(),
    channels=(0, 1, 2, 3),
    counts={"": 72984},
)

# The letter and number before the seconds are the recording: published folds keep it together, and so do we.
TUT2017 = Layout(
    title="TUT Acoustic Scenes 2017, development (zenodo.org/records/400515)",
    tree="audio/b020_90_100.wav, with meta.txt beside audio",
    audio=r"audio/(?P<id>(?P<speaker>[a-z]\d+)_\d+_\d+)",
    tables=r"meta\.txt",
    needs=("meta.txt",),
    label=_label_scene,
    published=(),
    counts={"": 4680},
)

LAYOUTS = {"esc50": ESC50, "sins": SINS, "tut2017": TUT2017}
