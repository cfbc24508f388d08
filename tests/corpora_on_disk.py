"""Small corpora on disk, written as their publishers describe them: noise for audio, tables as text."""

import numpy as np
import soundfile

from sepflow.corpora.layouts import recordings

RATE = 8000


def put(root, *names, channels=1, seconds=0.6, **options):
    """Noise, another for each name, in the files `names` below `root`."""
    for name in names:
        rng = np.random.default_rng(list(name.encode()))
        samples = rng.uniform(-0.1, 0.1, (int(seconds * RATE), channels)).squeeze()
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / name, samples, RATE, **options)


def write(root, name, *lines):
    """A table of `lines`."""
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def manifest(root, layout, *columns, subsets=None):
    """{id: the cells of `columns`} of a corpus without a problem."""
    rows, problems = recordings(root, layout, subsets)
    assert problems == []
    assert [row["path"] for row in rows] == sorted(row["path"] for row in rows)
    return {row["id"]: tuple(row.get(column) for column in columns) for row in rows}


def problems(root, layout, subsets=None):
    """What is wrong with a corpus, by line."""
    return recordings(root, layout, subsets)[1]
