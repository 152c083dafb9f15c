"""What the Dataset page computes at full size: the first view after a cold start, filters, search, order, findings.

Run as a module it measures one file in a process of its own, and prints the seconds and the peak memory as JSON.
"""

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finsent.bench.bench import Bench
from finsent.bench.figures import figure
from finsent.bench.large_data import ROWS, SENTIMENT_ROWS, write_large
from finsent.data.browse import browsable, filter_rows, rows_in_order
from finsent.data.checks import find_issues
from finsent.data.dataset import load_data, split_rows
from finsent.distributed import run_module
from finsent.machine import peak_resident

if TYPE_CHECKING:
    import pandas as pd

#: Rows that a page shows at a time.
_PAGE = 2_000


def dataset(bench: Bench) -> dict[str, Any]:
    """Return seconds of each thing asked of a made set of 177,597 rows, 44,209 of them with a label, and peak memory.

    Each of ``bench.pairs`` turns is a process of its own, so that each first view is after a cold start.
    """
    path = bench.folder / "made.parquet"
    write_large(path)
    turns = []
    for _ in range(bench.pairs):
        done = run_module("finsent.bench.dataset", str(path))
        done.check_returncode()
        turns.append(json.loads(done.stdout.strip().splitlines()[-1]))
    figures: dict[str, Any] = {name: figure([turn[name] for turn in turns]) for name in turns[0]}
    return {"rows": ROWS, "sentiment_rows": SENTIMENT_ROWS} | figures


def measure(path: Path) -> dict[str, float]:
    """Return the seconds that each thing takes which the page does with a file, and the peak memory in MiB."""
    seconds: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = work()
        seconds[name] = time.perf_counter() - started
        return result

    rows, table = timed("first view, imports and reading", lambda: _first_view(path))
    filters: dict[str, dict[str, Any]] = {
        "label": {"label": ["neutral"]},
        "source": {"source": ["made_news"]},
        "split": {"split": ["test"]},
        "task": {"task": ["qa"]},
        "length": {"length": (50, 100)},
    }
    for name, chosen in filters.items():
        timed(f"filter by {name}", partial(filter_rows, table, **chosen))
    timed("search", lambda: filter_rows(table, "profit"))
    timed("search that finds nothing", lambda: filter_rows(table, "no such words in it"))
    for order in ("longest first", "A to Z", "by label"):
        timed(f"order {order}", partial(_first_page, table, order))
    # The table of the page needs no torch, which would be most of it.
    before = peak_resident()
    timed("all findings", lambda: find_issues(rows))
    return seconds | {
        "memory MiB of the views": before / 2**20,
        "memory MiB with the findings": peak_resident() / 2**20,
    }


def _first_page(table: "pd.DataFrame", order: str) -> "pd.DataFrame":
    return rows_in_order(table, order, 0, _PAGE)


def _first_view(path: Path) -> Any:
    from finsent.charts.data import label_figure, label_table, source_table, stacked_figure

    data = load_data(str(path), others=True)
    rows = split_rows(data.rows)
    label_figure(label_table(rows))
    stacked_figure(source_table(rows).head(12), "source")
    return rows, browsable(rows, data.others)


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]))))
