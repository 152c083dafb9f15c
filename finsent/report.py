"""The comparison of a run as one HTML file that needs nothing else, and as the JSON behind it.

The file has no scripts to run and loads nothing: tables, bars drawn as SVG, and the figures themselves as JSON in a
data block. Every text of the data passes through Jinja's escaping.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from finsent.calibration import Pair
from finsent.charts import LABEL_COLORS, confusion_shares
from finsent.comparison import answers_table, cell_rows, transition_counts, verdict
from finsent.full_evaluation import full_evaluation, run_tables
from finsent.history import provenance_table
from finsent.judged import OWN, OWN_TITLE, judged_sets
from finsent.labels import NEUTRAL, POSITIVE
from finsent.references import REFERENCE_TITLES
from finsent.runs import Run
from finsent.sentences import prior_sentences, reference_sentences

MODEL_TITLES = {"baseline": "Baseline", "tuned": "Fine-tuned"}
#: The report lists at most so many neutral texts that the tuned model calls positive.
MOST_TEXTS = 200
_TEMPLATE = Path(__file__).parent / "data" / "report.html.jinja"


def run_report(run: Run, classes: int = 3, on: str = OWN) -> tuple[dict[str, Any], str]:
    """Return a run's whole evaluation on a set of rows, ready for JSON, and the HTML report of it.

    Raises:
        RunError: the run has no predictions of both models, or they cannot be read.
    """
    test, validation, training = run_tables(run, on)
    evaluation = {
        "run": run.id,
        "judged_on": judged_sets(run)[on],
        **full_evaluation(test, validation, training, classes),
    }
    facts = provenance_table(run)
    return evaluation, render_report(run.title, evaluation, test, dict(zip(facts["fact"], facts["value"], strict=True)))


def evaluation_json(evaluation: dict[str, Any]) -> str:
    """Return an evaluation as indented JSON."""
    return json.dumps(evaluation, indent=2, ensure_ascii=False, allow_nan=False)


def render_report(title: str, evaluation: dict[str, Any], test: Pair, facts: dict[str, str]) -> str:
    """Return the HTML report of an evaluation and the test rows it is about.

    ``facts`` is what the report says about where the figures come from (data, model, versions).
    """
    from jinja2 import Environment

    classes = len(evaluation["labels"])
    answers = answers_table(*test, classes)
    # Over three classes, as the figure counts them: bullish is positive.
    wrong = cell_rows(answers_table(*test, 3), "tuned", NEUTRAL, POSITIVE)
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        _TEMPLATE.read_text(encoding="utf-8")
    )
    return template.render(
        title=title,
        evaluation=evaluation,
        judged_on=evaluation.get("judged_on", OWN_TITLE),
        sentences=verdict(evaluation).sentences,
        notes=_notes(evaluation),
        matrices={name: _matrix(evaluation[model]) for model, name in MODEL_TITLES.items()},
        models=_models(evaluation),
        colors=LABEL_COLORS,
        transitions=_rows(transition_counts(answers, evaluation["labels"])),
        texts=_rows(wrong.head(MOST_TEXTS)),
        texts_total=len(wrong),
        facts=facts,
        titles=MODEL_TITLES,
    )


def _notes(evaluation: dict[str, Any]) -> list[str]:
    notes = [sentence for _, sentence in reference_sentences(evaluation)]
    if evaluation["prior_corrected"] is not None:
        notes += prior_sentences(evaluation["prior_corrected"])
    overlap = evaluation["overlap_with_training"]
    if overlap is not None:
        notes.append(f"{overlap['n']:,} of {overlap['of']:,} test rows have a text that was also trained on.")
    return notes


def _matrix(figures: dict[str, Any]) -> dict[str, Any]:
    columns, counts, shares = confusion_shares(figures)
    cells = [list(zip(columns, *pair, strict=True)) for pair in zip(counts.tolist(), shares.tolist(), strict=True)]
    return {"columns": columns, "rows": list(zip(figures["labels"], cells, strict=True))}


def _models(evaluation: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    models = [(name, evaluation[model]) for model, name in MODEL_TITLES.items()]
    corrected = evaluation["prior_corrected"]
    if corrected is not None:
        models += [(f"{name}, prior corrected", corrected[model]) for model, name in MODEL_TITLES.items()]
    references = evaluation["reference"] or {}
    return models + [(REFERENCE_TITLES[name], figures) for name, figures in references.items()]


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return table.to_dict("records")
