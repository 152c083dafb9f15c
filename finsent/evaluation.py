"""Judge a run: its own test split, or any labelled file, by the baseline and the fine-tuned model."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from finsent.classify import Classifier
from finsent.datasets import SentimentData, load_data
from finsent.errors import RunStateError
from finsent.full_evaluation import in_proportion, run_tables, training_rows
from finsent.judged import judged_pair, save_judged
from finsent.metrics import compare_predictions, on_test_split
from finsent.predictions import MODELS, load_predictions, save_predictions
from finsent.rows import rows_of_run
from finsent.runs import Run, write_atomically
from finsent.scoring import Report

Tables = dict[str, pd.DataFrame]


def evaluate_run(
    run: Run, data: str | Path | None = None, report: Report | None = None, generate: bool = False
) -> dict[str, Any]:
    """Return the comparison of baseline and fine-tuned model, and what puts it into proportion.

    Keys are those of :func:`finsent.full_evaluation.full_evaluation`. Offsets of the prior are fitted on the run's own
    validation rows and references trained on its own training rows, whatever rows are judged.

    Without ``data`` these are the run's own test split, from its saved predictions where they are there (where not,
    as after a stop, they are made and saved); with ``data``, a source name or path, every row of it is scored anew
    and kept beside the run (see :mod:`finsent.judged`).
    With ``generate`` the figures are of the answers that the models write, ``scored`` holds those of label scoring,
    and ``disagreements`` counts the rows on which the two differ. What puts them into proportion stays that of label
    scoring, since a written answer has no probability.

    Raises:
        RunStateError: the run has no adapter yet.
        RunChangedError: the run's own rows are asked for, and its data have changed since.
        DataError, ModelError: the data or the model cannot be used.
    """
    classifier = other = None
    if data is None and run.has_comparison:
        tables = dict(zip(MODELS, judged_pair(run), strict=True))
    else:
        classifier = _classifier(run)
        other = None if data is None else load_data(str(data))
        tables = _score(run, classifier, other, report)
    validation = run_tables(run)[1] if run.has_comparison else None
    proportion = in_proportion(tuple(tables.values()), validation, training_rows(run))
    if not generate:
        return compare_predictions(*tables.values()) | proportion
    return _generated_figures(run, classifier or _classifier(run), other, tables, report) | proportion


def _classifier(run: Run) -> Classifier:
    if not run.has_adapter:
        raise RunStateError(
            f"Run {run.id} is {run.state} and has no adapter to evaluate. Choose a run that is done, or wait for it."
        )
    return Classifier.of_run(run)


def _score(run: Run, classifier: Classifier, other: SentimentData | None, report: Report | None) -> Tables:
    rows = rows_of_run(run).judged if other is None else other.rows
    tables = {model: classifier.score(rows, tuned=model == "tuned", report=report) for model in MODELS}
    if other is not None:
        save_judged(run, other.title, other.fingerprint, **tables)
        return tables
    for model, table in tables.items():
        save_predictions(table, run.predictions_file(model))
    judged = {model: on_test_split(table) for model, table in tables.items()}
    write_atomically(run.evaluation_file, json.dumps(compare_predictions(*judged.values()), indent=2))
    return judged


def _generated_figures(
    run: Run, classifier: Classifier, other: SentimentData | None, tables: Tables, report: Report | None
) -> dict[str, Any]:
    rows = rows_of_run(run).test if other is None else other.rows
    written: Tables = {}
    disagreements = {}
    for model, table in tables.items():
        answers = classifier.generate(rows, tuned=model == "tuned", report=report)
        columns = {column: answers[column].to_numpy() for column in ("generated", "generated_label")}
        disagreements[model] = int((table["predicted"].to_numpy() != columns["generated_label"]).sum())
        written[model] = table.assign(**columns)
        if other is None:
            _keep_generated(run, model, written[model])
    if other is not None:
        save_judged(run, other.title, other.fingerprint, **written)
    generated = {model: table.assign(predicted=table["generated_label"]) for model, table in written.items()}
    scored = compare_predictions(*tables.values())
    return compare_predictions(*generated.values()) | {
        "generated": True,
        "scored": {model: scored[model] for model in MODELS},
        "disagreements": disagreements,
    }


def _keep_generated(run: Run, model: str, written: pd.DataFrame) -> None:
    """Add generated answers to a run's saved predictions; validation rows stay without."""
    saved = load_predictions(run.predictions_file(model)).set_index("row_id", drop=False)
    for column in ("generated", "generated_label"):
        saved[column] = saved[column].astype(object)
        saved.loc[written["row_id"], column] = written[column].to_numpy()
    save_predictions(saved.reset_index(drop=True), run.predictions_file(model))
