"""The parts of the benchmark, each of which can be run alone, and their figures as a table."""

import gc
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from finsent.bench.asking import explain, headlines
from finsent.bench.bench import Bench
from finsent.bench.beside import beside
from finsent.bench.compare import compare
from finsent.bench.dataset import dataset
from finsent.bench.gpu import gpu
from finsent.bench.growth import growth, memory
from finsent.bench.parts import APART, PARTS
from finsent.bench.profile import profile
from finsent.bench.speed import scoring, training
from finsent.machine import hardware
from finsent.models.base import compute_device, resolve_dtype
from finsent.runs.cores import computing_beside_runs

#: What measures each part; the figures by name, most of them with ``median, min, max, n``.
FUNCTIONS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "training": training,
    "scoring": scoring,
    "memory": memory,
    "growth": growth,
    "profile": profile,
    "compare": compare,
    "dataset": dataset,
    "beside": beside,
    "explain": explain,
    "headlines": headlines,
    "gpu": gpu,
}


def run_bench(model: str, source: str, pairs: int = 5, rows: int = 32, only: str | None = None) -> dict[str, Any]:
    """Return the figures of the part named ``only``, or of all parts but those of ``APART``.

    ``rows`` is the number of rows of one side's turn, ``pairs`` that of the turns which are counted.

    Raises:
        DataError, ModelError: the data or the model cannot be used.
    """
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    figures = {}
    with computing_beside_runs(), tempfile.TemporaryDirectory(prefix="finsent-bench-") as folder:
        bench = Bench(model, source, pairs, rows, Path(folder), torch.get_num_threads())
        for name in [only] if only else [name for name in PARTS if name not in APART]:
            figures[name] = FUNCTIONS[name](bench)
            gc.collect()
    return {
        "model": model,
        "rows": rows,
        "pairs": pairs,
        "hardware": hardware(),
        "threads": bench.threads,
        "computes_in": str(resolve_dtype("auto", compute_device())).removeprefix("torch."),
        **figures,
    }


def bench_table(figures: dict[str, Any]) -> str:
    """Return the figures of :func:`run_bench` as a table for people."""
    lines = [f"{'':<44}{'median':>9}{'min':>9}{'max':>9}{'n':>5}"]
    for part in PARTS:
        lines += _lines(part, figures.get(part, {}))
    return "\n".join(lines)


def _lines(part: str, figures: dict[str, Any]) -> list[str]:
    if part == "memory":
        return [f"{'memory ' + name:<44}{size / 2**20:>9,.0f} MiB" for name, size in figures.items()]
    if part == "profile":
        return [
            f"{which + ' time in ' + kind:<64}{share:>7.1%}"
            for which, profile_figures in figures.items()
            for kind, share in profile_figures["shares"].items()
        ]
    lines = []
    for name, value in figures.items():
        if isinstance(value, dict) and "median" in value:
            numbers = "".join(f"{value[key]:>9.2f}" for key in ("median", "min", "max"))
            lines.append(f"{part + ' ' + name:<44}{numbers}{value['n']:>5}")
    return lines
