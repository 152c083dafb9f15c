"""The comparison of a run as one HTML file that needs nothing else, and as the JSON behind it.

The file has no scripts to run and loads nothing: tables, bars drawn as SVG, and the figures themselves as JSON in a
data block. Every text of the data passes through Jinja's escaping.
"""

import json
from typing import Any

import pandas as pd
from jinja2 import Environment

from finsent.charts.comparison import confusion_shares
from finsent.charts.template import LABEL_COLORS
from finsent.evaluation.in_proportion import full_evaluation, run_tables
from finsent.files import ASSETS
from finsent.labels import NEUTRAL, POSITIVE
from finsent.metrics.calibration import Pair
from finsent.metrics.comparison import answers_table, cell_rows, transition_counts
from finsent.metrics.evaluated import Evaluation
from finsent.metrics.figures import Figures
from finsent.metrics.figures_json import to_json
from finsent.metrics.reference_models import REFERENCE_TITLES
from finsent.metrics.wording import headline, prior_sentences, reference_sentences, verdict_lines
from finsent.runs.evaluated_sets import OWN, judged_sets
from finsent.runs.flags import flagged_rows
from finsent.runs.history import provenance_table
from finsent.runs.store import Run

MODEL_TITLES = {"baseline": "Baseline", "tuned": "Fine-tuned"}
#: The report lists at most so many neutral texts that the tuned model calls positive.
MOST_TEXTS = 200
_TEMPLATE = ASSETS / "report.html.jinja"


def run_report(run: Run, classes: int = 3, on: str = OWN) -> tuple[dict[str, Any], str]:
    """Return a run's whole evaluation on a set of rows, as plain values for JSON, and the HTML report of it.

    Raises:
        RunError: the run has no predictions of both models, or they cannot be read.
        CorrectionsError: what was flagged cannot be read.
    """
    test, validation, training = run_tables(run, on)
    evaluation = full_evaluation(test, validation, training, classes, flagged_rows(run, test[0]["row_id"], on))
    about = {"run": run.id, "judged_on": judged_sets(run)[on]}
    facts = provenance_table(run)
    html = render_report(run.title, about, evaluation, test, dict(zip(facts["fact"], facts["value"], strict=True)))
    return about | to_json(evaluation), html


def evaluation_json(evaluation: dict[str, Any]) -> str:
    """Return an evaluation as indented JSON."""
    return json.dumps(evaluation, indent=2, ensure_ascii=False, allow_nan=False)


def render_report(title: str, about: dict[str, str], evaluation: Evaluation, test: Pair, facts: dict[str, str]) -> str:
    """Return the HTML report of an evaluation and the test rows it is about.

    ``about`` says which run and rows (``run``, ``judged_on``), ahead of the figures in the data block; ``facts`` is
    what the report says about where the figures come from (data, model, versions).
    """

    classes = len(evaluation.labels)
    answers = answers_table(*test, classes)
    # Over three classes, as the figure counts them: bullish is positive.
    wrong = cell_rows(answers_table(*test, 3), "tuned", NEUTRAL, POSITIVE)
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        _TEMPLATE.read_text(encoding="utf-8")
    )
    return template.render(
        title=title,
        evaluation=evaluation,
        judged_on=about["judged_on"],
        data=about | to_json(evaluation),
        headline=headline(evaluation.verdict),
        lines=verdict_lines(evaluation.verdict),
        notes=_notes(evaluation),
        matrices={name: _matrix(evaluation.models[model]) for model, name in MODEL_TITLES.items()},
        models=_models(evaluation),
        colors=LABEL_COLORS,
        transitions=_rows(transition_counts(answers, evaluation.labels)),
        texts=_rows(wrong.head(MOST_TEXTS)),
        texts_total=len(wrong),
        facts=facts,
        titles=MODEL_TITLES,
    )


def _notes(evaluation: Evaluation) -> list[str]:
    notes = [sentence for _, sentence in reference_sentences(evaluation.reference)]
    if evaluation.prior_corrected is not None:
        notes += prior_sentences(evaluation.prior_corrected.pieces)
    return notes


def _matrix(figures: Figures) -> dict[str, Any]:
    columns, counts, shares = confusion_shares(figures)
    cells = [list(zip(columns, *pair, strict=True)) for pair in zip(counts.tolist(), shares.tolist(), strict=True)]
    return {"columns": columns, "rows": list(zip(figures.labels, cells, strict=True))}


def _models(evaluation: Evaluation) -> list[tuple[str, Figures]]:
    models: list[tuple[str, Figures]] = [(MODEL_TITLES[model], one) for model, one in evaluation.models.items()]
    if evaluation.prior_corrected is not None:
        corrected = evaluation.prior_corrected.models
        models += [(f"{MODEL_TITLES[model]}, prior corrected", one) for model, one in corrected.items()]
    return models + [(REFERENCE_TITLES[name], one) for name, one in (evaluation.reference or {}).items()]


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(column): value for column, value in row.items()} for row in table.to_dict("records")]
