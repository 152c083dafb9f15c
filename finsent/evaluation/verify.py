"""What continuing a run has mended and broken: baseline, parent and child on the same test rows."""

from dataclasses import dataclass

import pandas as pd

from finsent.errors import RunStateError
from finsent.inference.predictions import load_predictions
from finsent.labels import NEUTRAL, POSITIVE
from finsent.metrics.classification import class_view, compare_predictions, on_test_split
from finsent.metrics.comparison import BROKEN, FIXED, STILL_RIGHT, STILL_WRONG, answers_table
from finsent.metrics.figures import Comparison
from finsent.metrics.several import common_rows
from finsent.metrics.statistics import CONFIDENCE, show_p
from finsent.metrics.wording import points
from finsent.runs.store import Run, load_run

#: What a comparison calls fixed: here it was tried for.
MENDED = "mended"
CHANGES = (MENDED, BROKEN, STILL_RIGHT, STILL_WRONG)


@dataclass(frozen=True)
class Verified:
    """Baseline, parent and child on the ``n`` test rows that both runs were judged on.

    ``comparison`` is of parent and child (its “baseline” is the parent); ``counts`` says what became of each row;
    ``answers`` has one line a row: ``row_id, text, gold, baseline, parent, child, change``. ``kind`` is better, worse
    or unsettled; ``sentences`` are plain text.
    """

    parent: str
    n: int
    comparison: Comparison
    from_baseline: Comparison
    counts: dict[str, int]
    answers: pd.DataFrame
    kind: str
    sentences: tuple[str, ...]


def verify_run(child: Run) -> Verified:
    """Return what a run has changed beside the run that it started from; nothing is scored anew.

    Raises:
        RunStateError: it continues no run, or one of both was not judged.
        RunNotFoundError: its parent was deleted.
        RunError: predictions cannot be read, or the two were judged on different rows.
    """
    if not child.parent:
        raise RunStateError(f"Run {child.id} starts from the base model and continues no run. Compare it with others.")
    parent = load_run(child.folder.parent, child.parent)
    for run in (parent, child):
        if not run.has_comparison:
            raise RunStateError(f"Run {run.id} is {run.state} and was not judged yet, so nothing can be verified.")
    tables = {
        "baseline": load_predictions(child.predictions_file("baseline")),
        "parent": load_predictions(parent.predictions_file("tuned")),
        "child": load_predictions(child.predictions_file("tuned")),
    }
    return verify(common_rows({name: on_test_split(table) for name, table in tables.items()}), parent.title)


def verify(tables: dict[str, pd.DataFrame], parent: str) -> Verified:
    """Return what :func:`verify_run` does, of the three models' predictions of the same rows, by name."""
    comparison = compare_predictions(tables["parent"], tables["child"])
    answers = _answers(tables)
    counts = {change: int((answers["change"] == change).sum()) for change in CHANGES}
    kind, sentences = _verdict(comparison, counts, parent)
    return Verified(
        parent=parent,
        n=comparison.n,
        comparison=comparison,
        from_baseline=compare_predictions(tables["baseline"], tables["child"]),
        counts=counts,
        answers=answers,
        kind=kind,
        sentences=sentences,
    )


def _answers(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    _, gold, _ = class_view(tables["child"])
    answers = tables["child"][["row_id", "text"]].assign(gold=gold)
    for name, table in tables.items():
        answers[name] = class_view(table)[2]
    transitions = answers_table(tables["parent"], tables["child"])["transition"]
    return answers.reset_index(drop=True).assign(change=transitions.replace(FIXED, MENDED))


def _verdict(comparison: Comparison, counts: dict[str, int], parent: str) -> tuple[str, tuple[str, ...]]:
    difference, test = comparison.accuracy_difference, comparison.mcnemar
    settled = test.p < 1 - CONFIDENCE and difference.settled
    kind = "unsettled" if not settled else "better" if (difference.value or 0) > 0 else "worse"
    opening = {
        "better": f"Continuing {parent} helped",
        "worse": f"Continuing {parent} hurt",
        "unsettled": f"This run and {parent} can't be told apart on these rows",
    }[kind]
    unchanged = counts[STILL_RIGHT] + counts[STILL_WRONG]
    sentences = [
        f"{opening}: accuracy {points(difference, '95 % interval')}, McNemar's exact test {show_p(test.p)}, "
        f"n = {comparison.n:,} test rows.",
        f"{counts[MENDED]:,} rows mended, {counts[BROKEN]:,} broken, {unchanged:,} unchanged.",
    ]
    before, after = comparison.baseline.neutral_as_positive, comparison.tuned.neutral_as_positive
    change = comparison.neutral_as_positive_difference
    if before is not None and after is not None:
        told = "" if change.settled else " That difference is not settled."
        sentences.append(
            f"{NEUTRAL.capitalize()} called {POSITIVE} went from {before:.1%} to {after:.1%}: "
            f"{points(change, '95 % interval')}, n = {change.n:,} neutral rows.{told}"
        )
    sentences.append("Both runs have one seed each, and the luck of a seed is not in these intervals.")
    return kind, tuple(sentences)
