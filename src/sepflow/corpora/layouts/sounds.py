"""Anybody's recordings of no speaker, noise above all: every file a source of its own."""

from sepflow.corpora.layouts.layout import Layout

SOUNDS = Layout(
    title="recordings of no speaker",
    tree="rain.wav, or in any directories: park/rain.wav",
    audio=r"(?P<id>.+)",
    columns={"speaker": "{id}"},
    published=(),
)

LAYOUTS = {"sounds": SOUNDS}
