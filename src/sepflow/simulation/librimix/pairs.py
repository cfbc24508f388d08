"""Which utterances and which noise make a mixture of LibriMix: the official draws, one by one.

A train split takes each utterance once. Any other is filled up to TARGET mixtures, pass by pass; there the
official program gives the mixtures of all passes new noises in each pass, and adds these to the list behind
the old ones, so that a mixture keeps the noise drawn for its place, and not for itself. All published tables
are made so.
"""

import logging
import random
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

TARGET = 3000  # mixtures of a dev or test split
FAILURES = 200  # draws in a row in which a speaker is there twice, after which a pass ends
PATIENCE = 100  # passes without a new mixture after which there will be none

log = logging.getLogger(__name__)

Pair = tuple[int, ...]


class Tables:
    """What is drawn from: utterances (speaker, length) and noises (length, augmented), by row.

    Lengths are in samples. `count` utterances make a mixture. With `again` a train split takes its
    noises in rounds where they are fewer than its mixtures, at which the official program ends with an error.
    """

    def __init__(
        self,
        speakers: Sequence[Hashable],
        lengths: Sequence[int],
        noise_lengths: Sequence[int],
        augmented: Sequence[bool],
        count: int,
        again: bool = False,
    ):
        self.speakers, self.lengths, self.count, self.again = speakers, lengths, count, again
        self.noise_lengths = np.asarray(noise_lengths, np.int64)
        self.recorded = np.flatnonzero(~np.asarray(augmented, bool))

    def longest(self, pair: Pair) -> int:
        """The length of the longest utterance of a mixture."""
        return max(self.lengths[row] for row in pair)

    def possible(self) -> int:
        """How many sets of `count` utterances of different speakers there are."""
        ways = [1] + [0] * self.count  # by how many are chosen, speaker by speaker
        for utterances in Counter(self.speakers).values():
            for chosen in range(self.count, 0, -1):
                ways[chosen] += utterances * ways[chosen - 1]
        return ways[self.count]


def draw(tables: Tables, train: bool, rng: random.Random) -> list[tuple[Pair, int]]:
    """The mixtures of a split, (rows of the utterances, row of the noise), in the official order.

    `rng` is left where the official program leaves it. Raises IndexError where a train split has more
    mixtures than there are noises, and these are not to be taken `again`.
    """
    pairs: list[Pair] = []
    noises: list[int] = []
    if train:
        add_pairs(pairs, tables, rng)
        add_noises(noises, pairs, tables, train, rng)
        return list(zip(pairs, noises, strict=True))
    possible = tables.possible()
    # The official program goes on for ever where there are too few utterances for TARGET mixtures.
    patience = PATIENCE if possible >= TARGET or tables.count > 1 else 1
    best: tuple[int, list[Pair], list[int]] = (0, [], [])
    idle = 0
    while len(pairs) < TARGET and idle < patience and best[0] < possible:
        add_pairs(pairs, tables, rng)
        add_noises(noises, pairs, tables, train, rng)
        remove_duplicates(pairs, noises)
        different = len({*map(frozenset, pairs)})
        idle = 0 if different > best[0] else idle + 1
        best = (different, [*pairs], [*noises]) if not idle else best
    if len(pairs) < TARGET:
        pairs, noises = best[1:]
        log.warning("%d mixtures, not %d: the utterances and noises give no more", len(pairs), TARGET)
    return list(zip(pairs[:TARGET], noises[:TARGET], strict=False))


def add_pairs(pairs: list[Pair], tables: Tables, rng: random.Random) -> None:
    """One pass over the utterances: append mixtures of different speakers, no utterance in two of them."""
    left = list(range(len(tables.lengths)))
    failures = 0
    while len(left) >= tables.count and failures < FAILURES:
        # Places instead of rows: the same draws, and removing by place needs no search.
        places = rng.sample(range(len(left)), tables.count)
        pair = tuple(left[place] for place in places)
        if len({tables.speakers[row] for row in pair}) < tables.count:
            failures += 1
            continue
        for place in sorted(places, reverse=True):
            del left[place]
        pairs.append(pair)
        failures = 0


def add_noises(noises: list[int], pairs: list[Pair], tables: Tables, train: bool, rng: random.Random) -> None:
    """One pass over the mixtures: append a noise for each, none twice, as long as its longest utterance.

    Where none is that long, a train mixture takes the last that is left; any other is removed from `pairs`.
    Augmented noises are drawn only where there are more mixtures than recordings.
    """
    rows = tables.recorded
    if len(pairs) > len(rows):
        rows = np.arange(len(tables.noise_lengths))
    lengths, last = tables.noise_lengths[rows], len(rows) - 1  # a length is -1 once taken
    for number, pair in enumerate(pairs.copy()):
        if train and tables.again and number and number % len(rows) == 0:
            lengths, last = tables.noise_lengths[rows], len(rows) - 1
        possible = np.flatnonzero(lengths >= tables.longest(pair))
        if len(possible):
            place = possible[rng.sample(range(len(possible)), 1)[0]]
        elif train:
            while lengths[last] < 0:
                last -= 1
                if last < 0:
                    raise IndexError("no noise left")
            place = last
        else:
            pairs.remove(pair)
            continue
        lengths[place] = -1
        noises.append(int(rows[place]))


def remove_duplicates(pairs: list[Pair], noises: list[int]) -> None:
    """Remove mixtures of the same utterances, as the official program does: in place, while it iterates.

    So what is removed is the first that equals a later one, with the first noise that equals the later one's,
    and the places of what comes after move under the two loops.
    """
    sets = [tuple(sorted(pair)) for pair in pairs]
    times = Counter(sets)
    i = 0
    while i < min(len(pairs), len(noises)):
        same = sets[i]
        # A look at all others is needed only where there is another.
        j = 0 if times[same] > 1 else len(pairs)
        while j < min(len(pairs), len(noises)):
            if sets[j] == same and i != j:
                first, noise = pairs.index(pairs[j]), noises[j]
                del pairs[first], sets[first]
                noises.remove(noise)
                times[same] -= 1
            j += 1
        i += 1
