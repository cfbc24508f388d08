"""How often the assignment of a training example changes from one pass over the examples to the next.

An assignment is what PIT (or MixIT) finds best as the example is trained on, so it costs nothing to know. Its
order of sources and its crop must stay (`crop: fixed`): then a switch is a switch of labels.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Switches:
    """The assignments of `rows` training examples, in this pass over them and in the last.

    `rate` is the share of the examples whose assignment differs from the pass before, of the last whole pass
    that has one; NaN until there are two.
    """

    def __init__(self, rows: int):
        self.codes = torch.full((2, rows), -1)
        self.counts = [0, 0]
        self.rate = math.nan
        self._notes: list[Tensor] = []

    def note(self, where: Tensor, assignment: Tensor) -> None:
        """Note the `assignment` [B, C] of a batch of examples; `where` [B, 2] is the pass and row of each."""
        base = assignment.shape[1] ** torch.arange(assignment.shape[1], device=assignment.device)
        self._notes.append(torch.cat([where, (assignment * base).sum(1, keepdim=True)], 1))

    def count(self, gather: Callable[[Tensor], Tensor]) -> None:
        """Take up all notes; `gather` [n, 3] -> [processes, n, 3] brings those of all processes together."""
        if not self._notes:
            return
        noted = gather(torch.cat(self._notes)).reshape(-1, 3).cpu()
        self._notes.clear()
        for number in noted[:, 0].unique().tolist():
            _, rows, codes = noted[noted[:, 0] == number].unbind(1)
            here = number % 2
            self.codes[here, rows] = codes
            self.counts[here] += len(rows)
            if self.counts[here] == self.codes.shape[1]:
                if number:
                    self.rate = float((self.codes[0] != self.codes[1]).double().mean())
                self.counts[1 - here] = 0

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs to go on counting."""
        return {"codes": self.codes, "counts": self.counts, "rate": self.rate}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        self.codes, self.counts, self.rate = state["codes"], list(state["counts"]), state["rate"]
