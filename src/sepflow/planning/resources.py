"""What a job asks of a cluster: memory and time that follow the scale, or that the user says."""

from collections.abc import Callable, Mapping, Sequence

Asked = Mapping[str, Mapping[str, int]]
EVERY = "all"


def asking(layers: Sequence[Asked]) -> Callable[..., int]:
    """A function for the `resources` of rules: `ask("train", mem_mb=8000)` is what `train` asks of memory.

    `layers` are the sections `resources` of config.yaml and of the scale, the first to be heard first. In
    each a rule's own word goes before that for `all`; where none says anything, it is the number given.
    """

    def ask(rule: str, **usual: int) -> int:
        (key, number), *_ = usual.items()
        said = (layer.get(name, {}).get(key) for layer in layers for name in (rule, EVERY))
        return next((value for value in said if value is not None), number)

    return ask
