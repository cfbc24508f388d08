"""The settings of the task: which network, and all that decides what weights its file gives."""

from dataclasses import dataclass

from sepflow.settings import Size, Text, TextList, TextMap, checked


@checked("fetched")
@dataclass(frozen=True)
class Settings:
    """As in config/networks/<network>.yaml, which says what each is."""

    network: Text
    file: Text
    checksum: Text | None
    member: Text | None
    state: TextList
    left_out: TextList
    renamed: TextMap
    rate: Size
