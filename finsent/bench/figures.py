"""The arithmetic of every part: medians with range and number, and turns that alternate.

Absolute times depend on the machine and on what else it does; ratios of alternating turns do much less.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

Figure = dict[str, float | int]
Name = TypeVar("Name")


def figure(values: Sequence[float]) -> Figure:
    """Return median, range and number of some measurements."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "n": len(values)}


def alternate(sides: Mapping[Name, Callable[[], float]], pairs: int) -> dict[Name, list[float]]:
    """Return what each side measures (seconds) in ``pairs`` turns, after one turn of each that is not counted."""
    seconds: dict[Name, list[float]] = {name: [] for name in sides}
    for turn in range(pairs + 1):
        for name, run in sides.items():
            taken = run()
            if turn:
                seconds[name].append(taken)
    return seconds


def ratios(slow: Sequence[float], fast: Sequence[float]) -> Figure:
    """Return how many times as fast one side is as the other, turn by turn."""
    return figure([one / other for one, other in zip(slow, fast, strict=True)])
