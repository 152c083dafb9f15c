"""Rows on which runs disagree: two to four fine-tuned models on the same test rows, and how often each two agree."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from finsent.errors import UsageError
from finsent.evaluation.several_runs import run_titles
from finsent.inference.predictions import load_predictions
from finsent.metrics.classification import class_view
from finsent.metrics.figures import Interval
from finsent.metrics.several import common_rows
from finsent.metrics.statistics import share_interval
from finsent.runs.store import Run

FEWEST, MOST = 2, 4


@dataclass(frozen=True)
class Agreement:
    """On how many of the ``n`` rows two runs give the same answer, as a share with its 95 % interval."""

    first: str
    second: str
    same: int
    n: int
    share: float
    ci: Interval | None


@dataclass(frozen=True)
class Disagreement:
    """The rows on which runs differ: ``row_id, text, gold``, and of each run its answer and confidence.

    ``right`` counts the runs that are right on the row; rows on which the surest runs contradict come first. ``names``
    are the runs' titles.
    """

    names: tuple[str, ...]
    split: str
    n: int
    rows: pd.DataFrame
    pairs: tuple[Agreement, ...]


def runs_disagree(runs: Sequence[Run], split: str = "test") -> Disagreement:
    """Return where the fine-tuned models of two to four runs differ on the rows of a split that all were judged on.

    Raises:
        UsageError: there are fewer than two or more than four.
        RunError: predictions cannot be read, or the runs share no row.
    """
    if not FEWEST <= len({run.id for run in runs}) <= MOST:
        raise UsageError(f"Choose {FEWEST} to {MOST} different runs, not {len({run.id for run in runs})}.")
    titles = run_titles(runs)
    tables = {titles[run.id]: load_predictions(run.predictions_file("tuned")) for run in runs}
    chosen = {name: table[table["split"] == split].reset_index(drop=True) for name, table in tables.items()}
    return disagreement(common_rows(chosen), split)


def disagreement(tables: dict[str, pd.DataFrame], split: str = "test") -> Disagreement:
    """Return what :func:`runs_disagree` does, of predictions tables of the same rows in the same order, by name."""
    names = tuple(tables)
    _, gold, _ = class_view(tables[names[0]])
    rows = tables[names[0]][["row_id", "text"]].assign(gold=gold)
    for name, table in tables.items():
        rows[name] = class_view(table)[2]
        rows[f"{name} sure"] = table["confidence"].to_numpy()
    n = len(rows)
    pairs = []
    for first, second in combinations(names, 2):
        same = int((rows[first] == rows[second]).sum())
        pairs.append(Agreement(first, second, same, n, same / n, share_interval(same, n)))
    answers = rows[list(names)]
    rows["right"] = answers.eq(rows["gold"], axis=0).sum(axis=1)
    surest = rows[[f"{name} sure" for name in names]].min(axis=1)
    differ = rows[answers.nunique(axis=1) > 1].assign(least=surest).sort_values("least", ascending=False, kind="stable")
    return Disagreement(names, split, n, differ.drop(columns="least").reset_index(drop=True), tuple(pairs))
