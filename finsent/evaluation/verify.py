"""What continuing a run has mended and broken: baseline, parent and child on the same test rows."""

from dataclasses import dataclass

import pandas as pd

from finsent.errors import RunStateError
from finsent.evaluation.several_runs import run_titles
from finsent.inference.predictions import load_predictions
from finsent.metrics.classification import class_view, compare_predictions, on_test_split
from finsent.metrics.comparison import BROKEN, FIXED, STILL_RIGHT, STILL_WRONG, answers_table
from finsent.metrics.figures import Comparison
from finsent.metrics.reference_models import overlap_with_training
from finsent.metrics.several import common_rows
from finsent.metrics.verdict import CHILD, PARENT, Known, Verdict, judge
from finsent.runs.flags import flagged_rows
from finsent.runs.store import Run, load_run
from finsent.runs.taught import taught_rows

#: What a comparison calls fixed: here it was tried for.
MENDED = "mended"
CHANGES = (MENDED, BROKEN, STILL_RIGHT, STILL_WRONG)


@dataclass(frozen=True)
class Verified:
    """Baseline, parent and child on the ``n`` test rows that both runs were judged on.

    ``verdict`` is on the child beside its parent, as is ``comparison`` (its “baseline” is the parent); ``counts`` says
    what became of each row; ``answers`` has one line a row: ``row_id, text, gold, baseline, parent, child, change``.
    """

    parent: str
    n: int
    verdict: Verdict
    comparison: Comparison
    from_baseline: Comparison
    counts: dict[str, int]
    answers: pd.DataFrame

    @property
    def counted(self) -> str:
        """What became of the rows, in one sentence."""
        unchanged = self.counts[STILL_RIGHT] + self.counts[STILL_WRONG]
        return (
            f"{self.counts[MENDED]:,} rows mended, {self.counts[BROKEN]:,} broken, {unchanged:,} unchanged, "
            f"n = {self.n:,} test rows."
        )


def verify_run(child: Run) -> Verified:
    """Return what a run has changed beside the run that it started from; nothing is scored anew.

    Raises:
        RunStateError: it continues no run, or one of both was not judged.
        RunNotFoundError: its parent was deleted.
        RunError: predictions cannot be read, or the two were judged on different rows.
        CorrectionsError: what was flagged cannot be read.
    """
    if not child.parent:
        raise RunStateError(f"Run {child.id} starts from the base model and continues no run. Compare it with others.")
    parent = load_run(child.folder.parent, child.parent)
    for run in (parent, child):
        if not run.has_comparison:
            raise RunStateError(f"Run {run.id} is {run.state} and was not judged yet, so nothing can be verified.")
    tables = common_rows(
        {
            "baseline": on_test_split(load_predictions(child.predictions_file("baseline"))),
            "parent": on_test_split(load_predictions(parent.predictions_file("tuned"))),
            "child": on_test_split(load_predictions(child.predictions_file("tuned"))),
        }
    )
    comparison = compare_predictions(tables["parent"], tables["child"])
    answers = _answers(tables)
    return Verified(
        parent=run_titles([parent, child])[parent.id],
        n=comparison.n,
        verdict=judge(tables["parent"], tables["child"], (PARENT, CHILD), known=_known(child, tables["child"])),
        comparison=comparison,
        from_baseline=compare_predictions(tables["baseline"], tables["child"]),
        counts={change: int((answers["change"] == change).sum()) for change in CHANGES},
        answers=answers,
    )


def _known(child: Run, rows: pd.DataFrame) -> Known:
    """Return which rows are flagged, and which have a twin among the rows that the child's adapter has learnt."""
    taught = taught_rows(child)
    overlap = None if taught.rows is None else overlap_with_training(taught.rows, rows)
    return Known(overlap=overlap, flagged=flagged_rows(child, rows["row_id"]), unknown_training=taught.gaps)


def _answers(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    _, gold, _ = class_view(tables["child"])
    answers = tables["child"][["row_id", "text"]].assign(gold=gold)
    for name, table in tables.items():
        answers[name] = class_view(table)[2]
    transitions = answers_table(tables["parent"], tables["child"])["transition"]
    return answers.reset_index(drop=True).assign(change=transitions.replace(FIXED, MENDED))
