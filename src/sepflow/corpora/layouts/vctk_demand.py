"""VoiceBank-DEMAND (datashare.ed.ac.uk/handle/10283/2791): clean_trainset_28spk_wav/p226_001.wav, noisy_...

Published are train and test; validation is p226 and p287 of train, as much of the field has it. A noisy
recording names its clean one in `reference`, and its noise, where the log files are there.
The names of directories and logs as read by public code; not tried on the real corpus.
"""

from sepflow.corpora.layouts.layout import Layout, Row
from sepflow.corpora.layouts.tables import Tables, fill

VALIDATION = ("p226", "p287")


def _label(rows: list[Row], tables: Tables) -> tuple[list[Row], list[str]]:
    texts = {}
    for name in tables.named(r"(?:train|test)set_\w*txt/p\d+_\d+\.txt"):
        lines = [line for _, line in tables.lines(name)]
        texts[name.rpartition("/")[2].removesuffix(".txt")] = " ".join(lines)
    noises = tables.pairs(r"log_(?:train|test)set\w*\.txt")
    for row in rows:
        row["split"] = "train" if row["subset"].startswith("train") else "test"
        if row["split"] == "train" and row["speaker"] in VALIDATION:
            row["split"] = "validation"
        noisy = row["condition"] == "noisy"
        row["reference"] = row["id"] if noisy else ""
        row["noise"], _, row["snr_db"] = (noises.get(row["id"], "") if noisy else "").partition(" ")
    fill(rows, "text", texts)
    problems = _alone(rows)
    for row in rows:
        row["id"] += "_noisy" if row["condition"] == "noisy" else ""
    return rows, problems


def _alone(rows: list[Row]) -> list[str]:
    """One line for each recording whose twin is not there; none where the corpus has one condition only."""
    there = {(row["condition"], row["subset"], row["id"]) for row in rows}
    if len({condition for condition, _, _ in there}) < 2:
        return []
    twin = {"clean": "noisy", "noisy": "clean"}
    return [
        f"{row['place']}: no {twin[row['condition']]} recording of the same name"
        for row in rows
        if (twin[row["condition"]], row["subset"], row["id"]) not in there
    ]


_SET = r"(?P<subset>trainset_28spk|trainset_56spk|testset)"

VCTK_DEMAND = Layout(
    title="VoiceBank-DEMAND",
    tree="clean_trainset_28spk_wav/p226_001.wav, noisy_trainset_28spk_wav/..., clean_testset_wav/..., ...",
    audio=rf"(?P<condition>clean|noisy)_{_SET}_wav(?:_16k)?/(?P<id>(?P<speaker>p\d+)_\d+)",
    tables=rf"{_SET}_txt/p\d+_\d+\.txt|(?:logfiles/)?log_(?:train|test)set\w*\.txt",
    label=_label,
    counts={"trainset_28spk": 2 * 11572, "testset": 2 * 824},
)

LAYOUTS = {"vctk_demand": VCTK_DEMAND}
