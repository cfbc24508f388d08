"""AISHELL-1 (openslr.org/33) and AISHELL-2 (aishelltech.com/aishell_2), Mandarin.

Recordings without a transcript (AISHELL-1 has a few hundred) keep an empty text.
As lhotse and Kaldi read them; not tried on the real corpora.
"""

from sepflow.corpora.layouts.layout import Layout, Row
from sepflow.corpora.layouts.tables import Tables, fill

SPLITS = {"train": "train", "data": "train", "dev": "validation", "test": "test"}


def _label(rows: list[Row], tables: Tables) -> tuple[list[Row], list[str]]:
    # "0002 F" or "S0002 F"
    sexes = {f"S{name[-4:]}": sex for name, sex in tables.pairs(r"resource_aishell/speaker\.info").items()}
    fill(rows, "sex", sexes, "speaker")
    fill(rows, "text", tables.pairs(r"aishell_transcript_v0\.8\.txt"))
    return rows, []


def _label_2(rows: list[Row], tables: Tables) -> tuple[list[Row], list[str]]:
    fill(rows, "text", tables.pairs(r"trans\.txt"))
    return rows, []


AISHELL = Layout(
    title="AISHELL-1",
    tree="data_aishell/wav/train/S0002/BAC009S0002W0122.wav, with resource_aishell beside data_aishell",
    audio=r"data_aishell/wav/(?P<subset>train|dev|test)/(?P<speaker>S\d{4})/(?P<id>\w+)",
    tables=r"data_aishell/transcript/aishell_transcript_v0\.8\.txt|resource_aishell/speaker\.info",
    needs=(r"data_aishell/transcript/aishell_transcript_v0.8.txt",),
    label=_label,
    splits=SPLITS,
)

AISHELL2 = Layout(
    title="AISHELL-2",
    tree="iOS/data/wav/C0001/IC0001W0001.wav and iOS/dev/wav/..., iOS/test/wav/..., below any directories",
    audio=r"(?P<device>iOS|Android|Mic)/(?P<subset>data|dev|test)/wav/(?P<speaker>\w\d{4})/(?P<id>\w+)",
    tables=r"(?:iOS|Android|Mic)/(?P<subset>data|dev|test)/trans\.txt",
    needs=("trans.txt",),
    label=_label_2,
    splits=SPLITS,
    anywhere=True,
)

LAYOUTS = {"aishell": AISHELL, "aishell2": AISHELL2}
