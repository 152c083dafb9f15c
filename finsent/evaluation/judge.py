"""Judge a run: its own test split, or any labelled file, by the baseline and the fine-tuned model."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from finsent.data.choices import NOTHING_CHOSEN, Choices
from finsent.data.dataset import SentimentData, load_data
from finsent.errors import RunStateError
from finsent.evaluation.classifier import Classifier
from finsent.evaluation.in_proportion import in_proportion, run_tables, verdict_on
from finsent.inference.predictions import MODELS, load_predictions, save_predictions
from finsent.inference.scoring import Report
from finsent.metrics.calibration import Pair
from finsent.metrics.classification import compare_predictions, on_test_split
from finsent.metrics.evaluated import Disagreements, Evaluation, ScoredFigures, WrittenEvaluation
from finsent.metrics.verdict import Known, judge
from finsent.runs.evaluated_sets import OWN, judged_pair, save_judged, set_key
from finsent.runs.flags import flagged_rows
from finsent.runs.history import renew_comparison, save_comparison
from finsent.runs.rows import prepare_again
from finsent.runs.store import Run
from finsent.runs.taught import taught_rows

Tables = dict[str, pd.DataFrame]
log = logging.getLogger(__name__)


def evaluate_run(
    run: Run,
    data: str | Path | None = None,
    report: Report | None = None,
    generate: bool = False,
    choices: Choices = NOTHING_CHOSEN,
) -> Evaluation:
    """Return the comparison of baseline and fine-tuned model, and what puts it into proportion.

    Offsets of the prior are fitted on the run's own validation rows and references trained on the rows that its
    adapter has learnt, whatever rows are judged.

    Without ``data`` these are the run's own test split, from its saved predictions where they are there (where not,
    as after a stop, they are made and saved); with ``data``, a source name or path, every row of it is scored anew
    and kept beside the run (see :mod:`finsent.runs.evaluated_sets`).
    With ``generate`` the figures are of the answers that the models write, in a
    :class:`finsent.metrics.evaluated.WrittenEvaluation` with those of label scoring beside them. What puts them into
    proportion stays that of label scoring, since a written answer has no probability.

    Raises:
        RunStateError: the run has no adapter yet.
        RunChangedError: the run's own rows are asked for, and its data have changed since; or its base model has.
        DataError, ModelError: the data or the model cannot be used.
        CorrectionsError: what was flagged cannot be read.
    """
    judged_before = data is None and run.has_comparison
    work = None if judged_before and not generate else _work(run, data, choices)
    if judged_before or work is None:
        tables = dict(zip(MODELS, judged_pair(run), strict=True))
    else:
        tables = _score(run, work, report)
    validation = run_tables(run)[1] if run.has_comparison else None
    proportion = in_proportion(_pair(tables), validation, taught_rows(run))
    on = OWN if work is None or work.other is None else set_key(work.other.fingerprint)
    flagged = flagged_rows(run, tables["baseline"]["row_id"], on)
    if work is None or not generate:
        comparison = compare_predictions(*_pair(tables))
        if data is None:
            renew_comparison(run, comparison)
        verdict = verdict_on(_pair(tables), proportion, flagged=flagged)
        return Evaluation(**vars(comparison), **vars(proportion), verdict=verdict)
    known = Known(
        overlap=proportion.overlap_with_training, flagged=flagged, unknown_training=proportion.unknown_training
    )
    return WrittenEvaluation(**_written_figures(run, work, tables, known, report), **vars(proportion))


def _pair(tables: Tables) -> Pair:
    return tables["baseline"], tables["tuned"]


@dataclass(frozen=True)
class _Work:
    """What new answers take: both models, the rows to score and those that figures are about, and another source."""

    classifier: Classifier
    rows: pd.DataFrame
    reported: pd.DataFrame
    other: SentimentData | None


def _work(run: Run, data: str | Path | None, choices: Choices) -> _Work:
    if not run.has_adapter:
        raise RunStateError(
            f"Run {run.id} is {run.state} and has no adapter to evaluate. Choose a run that is done, or wait for it."
        )
    if data is None:
        own = prepare_again(run)
        return _Work(Classifier.of_run(run), own.judged, own.test, None)
    # First, since a model takes seconds to load.
    other = load_data(str(data), choices)
    classifier = Classifier.of_run(run)
    for note in other.notes:
        log.warning("%s", note)
    return _Work(classifier, other.rows, other.rows, other)


def _score(run: Run, work: _Work, report: Report | None) -> Tables:
    """Score the run's own rows or, where there is another source, all of that one's."""
    tables = {model: work.classifier.score(work.rows, tuned=model == "tuned", report=report) for model in MODELS}
    if work.other is not None:
        save_judged(run, work.other.title, work.other.fingerprint, **tables)
        return tables
    for model, table in tables.items():
        save_predictions(table, run.predictions_file(model))
    judged = {model: on_test_split(table) for model, table in tables.items()}
    save_comparison(run, compare_predictions(*_pair(judged)))
    return judged


def _written_figures(run: Run, work: _Work, tables: Tables, known: Known, report: Report | None) -> dict[str, Any]:
    written: Tables = {}
    disagreements = {}
    for model, table in tables.items():
        answers = work.classifier.generate(work.reported, tuned=model == "tuned", report=report)
        columns = {column: answers[column].to_numpy() for column in ("generated", "generated_label")}
        disagreements[model] = int((table["predicted"].to_numpy() != columns["generated_label"]).sum())
        written[model] = table.assign(**columns)
        if work.other is None:
            _keep_generated(run, model, written[model])
    if work.other is not None:
        save_judged(run, work.other.title, work.other.fingerprint, **written)
    generated = {model: table.assign(predicted=table["generated_label"]) for model, table in written.items()}
    scored = compare_predictions(*_pair(tables))
    return {
        **vars(compare_predictions(*_pair(generated))),
        "verdict": judge(*_pair(generated), known=known),
        "generated": True,
        "scored": ScoredFigures(scored.baseline, scored.tuned),
        "disagreements": Disagreements(**disagreements),
    }


def _keep_generated(run: Run, model: str, written: pd.DataFrame) -> None:
    """Add generated answers to a run's saved predictions; validation rows stay without."""
    saved = load_predictions(run.predictions_file(model)).set_index("row_id", drop=False)
    for column in ("generated", "generated_label"):
        saved[column] = saved[column].astype(object)
        saved.loc[written["row_id"], column] = written[column].to_numpy()
    save_predictions(saved.reset_index(drop=True), run.predictions_file(model))
