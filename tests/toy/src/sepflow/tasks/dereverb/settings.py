"""The settings of the task."""

from dataclasses import dataclass

from sepflow.settings import NotNegative, Part, checked


@checked("dereverb")
@dataclass(frozen=True)
class Settings:
    """What clips weigh; how much of the average of the weights stays at a step."""

    weight: NotNegative
    decay: Part
