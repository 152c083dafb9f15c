"""How long the Compare page's figures take on as many rows as the full data set has sentiment rows.

A first view reads both models' predictions and computes everything that the page opens with; a later one finds those
figures cached and only picks the rows of a cell. The predictions are drawn at random, since how long their figures
take does not depend on what they say.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from finsent.bench.bench import Bench
from finsent.bench.figures import figure
from finsent.evaluation.in_proportion import run_tables
from finsent.inference.predictions import LOGP_COLUMNS, label_predictions, save_predictions
from finsent.labels import FIVE_LABELS, NEUTRAL, NEWS_ANSWERS, POSITIVE, POST_ANSWERS, join_answers
from finsent.metrics.calibration import prior_account
from finsent.metrics.classification import compare_predictions
from finsent.metrics.comparison import answers_table, cell_rows, per_class_table, transition_counts
from finsent.metrics.verdict import judge
from finsent.recipe import get_recipe
from finsent.runs.store import Run, create_run

#: Sentiment rows of Sujet-Finance-Instruct-177k.
FULL_ROWS = 44_209
VALIDATION_ROWS = 200


def compare(bench: Bench) -> dict[str, Any]:
    """Return the seconds of first and later views of as many rows as the full data set has, whatever the bench's."""
    return bench_compare(repeats=bench.pairs)


def bench_compare(rows: int = FULL_ROWS, repeats: int = 5) -> dict[str, Any]:
    """Return the seconds of first and later views of ``rows`` test rows, each with ``median, min, max, n``."""
    with tempfile.TemporaryDirectory() as folder:
        run = create_run(get_recipe("quick"), Path(folder), "bench")
        for seed, model in enumerate(("baseline", "tuned")):
            save_predictions(random_predictions(rows, seed), run.predictions_file(model))
        first_view(run)
        first, later = [], []
        for _ in range(repeats):
            began = time.perf_counter()
            answers = first_view(run)
            seen = time.perf_counter()
            later_view(answers)
            first.append(seen - began)
            later.append(time.perf_counter() - seen)
    return {"rows": rows, "first_view_seconds": figure(first), "later_view_seconds": figure(later)}


def first_view(run: Run) -> pd.DataFrame:
    """Compute what the page opens with, as on a visitor's first look at a run; return its table of answers."""
    test, validation, _ = run_tables(run)
    comparison = compare_predictions(*test)
    judge(*test)
    per_class_table(comparison)
    answers = answers_table(*test)
    transition_counts(answers, comparison.labels)
    if validation is not None:
        prior_account(test, validation)
    later_view(answers)
    return answers


def later_view(answers: pd.DataFrame) -> pd.DataFrame:
    """Compute what a visitor's choice of a cell asks for once the figures are there."""
    return cell_rows(answers, "baseline", NEUTRAL, POSITIVE)


def random_predictions(rows: int, seed: int) -> pd.DataFrame:
    """Return a predictions table of ``rows`` test rows and 200 validation rows, with random log-probabilities.

    Texts, labels and answer sets are the same whatever the seed.
    """
    n = rows + VALIDATION_ROWS
    fixed = np.random.default_rng(0)
    posts = fixed.random(n) < 0.3
    allowed = np.where(posts[:, None], np.isin(FIVE_LABELS, POST_ANSWERS), np.isin(FIVE_LABELS, NEWS_ANSWERS))
    gold = np.where(allowed, fixed.random(allowed.shape), 0).argmax(axis=1)
    table = pd.DataFrame(
        {
            "row_id": [str(number) for number in range(n)],
            "text": [f"A text of ordinary length with the number {number} in it, for measuring" for number in range(n)],
            "label": np.array(FIVE_LABELS)[gold],
            "answers": np.where(posts, join_answers(POST_ANSWERS), join_answers(NEWS_ANSWERS)),
            "source": "random",
            "topic": "",
            "split": ["validation"] * VALIDATION_ROWS + ["test"] * rows,
        }
    )
    logp = np.where(allowed, np.random.default_rng(seed + 1).normal(size=allowed.shape), np.nan)
    return label_predictions(table, pd.DataFrame(logp, columns=LOGP_COLUMNS))
