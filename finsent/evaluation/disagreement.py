"""Rows on which runs disagree: two to six fine-tuned models on the same rows, and how often each two agree."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from finsent.errors import UsageError
from finsent.evaluation.several_runs import SURE, run_titles
from finsent.inference.predictions import load_predictions
from finsent.metrics.classification import class_view
from finsent.metrics.figures import Interval
from finsent.metrics.several import common_rows
from finsent.metrics.statistics import share_interval
from finsent.runs.evaluated_sets import OWN, judged_files
from finsent.runs.store import Run

FEWEST, MOST = 2, 6


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
    are the runs' titles; a run's answer stands in the column of its title, its confidence in that of ``<title> sure``.
    """

    names: tuple[str, ...]
    split: str
    n: int
    rows: pd.DataFrame
    pairs: tuple[Agreement, ...]


def runs_disagree(runs: Sequence[Run], split: str = "test", classes: int = 3, on: str = OWN) -> Disagreement:
    """Return where the fine-tuned models of two to six runs differ on the rows that all were judged on.

    ``on`` is the key of a set of rows (see :mod:`finsent.runs.evaluated_sets`); of the runs' own rows it is those of
    ``split``.

    Raises:
        UsageError: there are fewer than two or more than six.
        RunError: predictions cannot be read, or the runs share no row.
    """
    if not FEWEST <= len({run.id for run in runs}) <= MOST:
        raise UsageError(f"Choose {FEWEST} to {MOST} different runs, not {len({run.id for run in runs})}.")
    titles = run_titles(runs)
    tables = {titles[run.id]: load_predictions(judged_files(run, on)[1]) for run in runs}
    if on == OWN:
        tables = {name: table[table["split"] == split].reset_index(drop=True) for name, table in tables.items()}
    return disagreement(common_rows(tables), split, classes)


def disagreement(tables: dict[str, pd.DataFrame], split: str = "test", classes: int = 3) -> Disagreement:
    """Return what :func:`runs_disagree` does, of predictions tables of the same rows in the same order, by name."""
    names = tuple(tables)
    _, gold, _ = class_view(tables[names[0]], classes)
    rows = tables[names[0]][["row_id", "text"]].assign(gold=gold)
    for name, table in tables.items():
        rows[name] = class_view(table, classes)[2]
        rows[f"{name}{SURE}"] = table["confidence"].to_numpy()
    n = len(rows)
    pairs = []
    for first, second in combinations(names, 2):
        same = int((rows[first] == rows[second]).sum())
        pairs.append(Agreement(first, second, same, n, same / n, share_interval(same, n)))
    answers = rows[list(names)]
    rows["right"] = answers.eq(rows["gold"], axis=0).sum(axis=1)
    differ = rows[answers.nunique(axis=1) > 1]
    contradicted = pd.Series([_contradiction(row, names) for _, row in differ.iterrows()], differ.index, dtype=float)
    order = contradicted.sort_values(ascending=False, kind="stable").index
    return Disagreement(names, split, n, rows.loc[order].reset_index(drop=True), tuple(pairs))


def _contradiction(row: pd.Series, names: Sequence[str]) -> float:
    """Return how sure the surest run is that contradicts the surest of all."""
    sure: dict[str, float] = {}
    for name in names:
        sure[row[name]] = max(sure.get(row[name], 0.0), row[f"{name}{SURE}"])
    return sorted(sure.values())[-2]


def agreement_sentence(pair: Agreement) -> str:
    """Return how often two runs give the same answer, in one sentence with n and interval."""
    interval = "" if pair.ci is None else f", 95 %: {pair.ci.low:.1%} to {pair.ci.high:.1%}"
    share = f"{pair.share:.1%}{interval}"
    return f"“{pair.first}” and “{pair.second}” answer alike on {pair.same:,} of {pair.n:,} rows ({share})."


def row_answers(found: Disagreement, row: pd.Series) -> pd.DataFrame:
    """Return what each run says of one row of ``found.rows``: run, answer, probability, right."""
    answers = [row[name] for name in found.names]
    return pd.DataFrame(
        {
            "run": found.names,
            "answer": answers,
            "probability": [row[f"{name}{SURE}"] for name in found.names],
            "right": [answer == row["gold"] for answer in answers],
        }
    )
