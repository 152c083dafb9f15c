"""Memory of a training step, each side in a process of its own, and what becomes of time and memory with more rows."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from finsent.bench.bench import GROWTH, SCORED_TIMES, Bench
from finsent.bench.figures import Figure, alternate, figure, ratios
from finsent.distributed import run_module

#: Rows in a batch for which memory is measured.
_BATCHES = (8, 32)


def memory(bench: Bench) -> dict[str, int]:
    """Return the peak resident memory of two training steps of each side, in bytes."""
    from finsent.bench.sides import TRL_SIDES

    sides = ("finsent", "finsent_checkpointing", *TRL_SIDES)
    return {f"{name}_batch_{batch}": peak_memory_of(bench, name, batch) for batch in _BATCHES for name in sides}


def growth(bench: Bench) -> dict[str, Figure]:
    """Return seconds a row and peak memory with more rows, as multiples of those with the fewest."""
    from finsent.bench.sides import scoring_sides

    figures = _growth("train", lambda part: lambda: bench.side.run_on(part), bench, bench.rows)
    scored = bench.rows * SCORED_TIMES
    figures |= _growth("score", lambda part: scoring_sides(*bench.tuned, part)["finsent"], bench, scored)
    return figures | _memory_growth(bench)


def peak_memory_of(bench: Bench, side: str, batch: int, rows: int | None = None) -> int:
    """Return the peak memory in bytes of one side in a process of its own (see :mod:`finsent.bench.sides`)."""
    drawn = () if rows is None else (str(rows),)
    done = run_module("finsent.bench.sides", str(bench.threads), side, str(batch), bench.model, bench.source, *drawn)
    done.check_returncode()
    return int(done.stdout.strip().splitlines()[-1])


def _growth(name: str, turn: Callable[[pd.DataFrame], Callable[[], float]], bench: Bench, rows: int) -> dict[str, Any]:
    """Seconds a row with 4 and 16 times as many rows, as a multiple of that with the fewest."""
    parts = {times: bench.table.head(rows * times) for times in GROWTH}
    seconds = alternate({times: turn(part) for times, part in parts.items()}, max(2, bench.pairs // 2))
    per_row = {times: [taken / len(parts[times]) for taken in values] for times, values in seconds.items()}
    return {f"{name}_{times}x": ratios(per_row[times], per_row[1]) for times in GROWTH[1:]}


def _memory_growth(bench: Bench) -> dict[str, Figure]:
    figures = {}
    for name, side in (("score", "score"), ("train", "finsent")):
        few, many = (peak_memory_of(bench, side, 8, bench.rows * times) for times in (GROWTH[0], GROWTH[-1]))
        figures[f"{name}_memory_{GROWTH[-1]}x"] = figure([many / few])
    return figures
