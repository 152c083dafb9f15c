"""Judging a run from its saved predictions, and by a stand-in for its models."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finsent.errors import FiguresFormatError
from finsent.evaluation.judge import evaluate_run
from finsent.inference.predictions import LOGP_COLUMNS, label_predictions
from finsent.labels import FIVE_LABELS
from finsent.metrics.classification import compare_predictions, on_test_split
from finsent.metrics.evaluated import Evaluation, WrittenEvaluation
from finsent.metrics.figures import Comparison
from finsent.metrics.figures_json import to_json
from finsent.runs.evaluated_sets import judged_sets
from finsent.runs.history import read_comparison
from finsent.runs.rows import prepare_again
from finsent.runs.store import create_run, update_run
from tests.predictions import made_pair, made_run


def test_figures_of_another_form_are_written_anew(runs_dir: Path):
    pair = made_pair(120, validation=40)
    run = made_run(runs_dir, *pair)
    run.evaluation_file.write_text(json.dumps({"n": 3}))
    with pytest.raises(FiguresFormatError, match=f"evaluate {run.id}"):
        read_comparison(run)
    evaluation = evaluate_run(run)
    assert isinstance(evaluation, Evaluation)
    kept = read_comparison(run)
    assert kept == compare_predictions(*(on_test_split(table) for table in pair))
    assert isinstance(kept, Comparison) and to_json(kept).items() <= to_json(evaluation).items()
    written = run.evaluation_file.stat().st_mtime_ns
    evaluate_run(run)
    assert run.evaluation_file.stat().st_mtime_ns == written, "figures that are the same stay as they are"


class StandIn:
    """Its tuned model is always right, its baseline always says positive, and both write nonsense twice."""

    def score(self, rows: pd.DataFrame, tuned: bool, report: object = None) -> pd.DataFrame:
        answers = rows["label"] if tuned else ["positive"] * len(rows)
        values = np.full((len(rows), len(FIVE_LABELS)), np.nan)
        for place, (answer, allowed) in enumerate(zip(answers, rows["answers"], strict=True)):
            for label in allowed.split("|"):
                values[place, FIVE_LABELS.index(label)] = np.log(0.8 if label == answer else 0.1)
        return label_predictions(rows, pd.DataFrame(values, columns=LOGP_COLUMNS))

    def generate(self, rows: pd.DataFrame, tuned: bool, report: object = None) -> pd.DataFrame:
        labels = self.score(rows, tuned)["predicted"].tolist()
        labels[:2] = ["invalid", "invalid"]
        return pd.DataFrame({"generated": labels, "generated_label": labels})


@pytest.fixture
def stopped(runs_dir: Path, tiny_recipe, monkeypatch: pytest.MonkeyPatch):
    """A run that has an adapter and no predictions."""
    run = create_run(tiny_recipe, runs_dir)
    run.adapter_dir.mkdir()
    (run.adapter_dir / "adapter_model.safetensors").touch()
    monkeypatch.setattr("finsent.evaluation.judge.Classifier.of_run", lambda run: StandIn())
    return update_run(run.folder, state="stopped")


def test_a_stopped_run_is_judged_on_its_own_test_rows_and_keeps_that(stopped):
    evaluation = evaluate_run(stopped)
    own = prepare_again(stopped)
    assert evaluation.n == len(own.test) and evaluation.tuned.accuracy == 1
    assert read_comparison(stopped).tuned == evaluation.tuned
    assert evaluate_run(stopped) == evaluation


def test_written_answers_stand_beside_the_scored_ones(stopped, small_csv):
    for data in (None, small_csv):
        evaluation = evaluate_run(stopped, data, generate=True)
        assert isinstance(evaluation, WrittenEvaluation)
        values = to_json(evaluation)
        assert values["generated"] is True and set(values["scored"]) == {"baseline", "tuned"}
        assert values["disagreements"] == {"baseline": 2, "tuned": 2}
        assert (evaluation.scored.tuned.accuracy, evaluation.tuned.invalid) == (1, 2)
        assert evaluation.tuned.accuracy == pytest.approx(1 - 2 / evaluation.n)
    assert evaluation.n == 120
    assert len(judged_sets(stopped)) == 2


def test_what_was_decided_while_other_rows_were_read_is_said(stopped, tmp_path, caplog):
    file = tmp_path / "other.csv"
    file.write_text("Headline,label\nSales rose,positive\nSales fell,negative\n")
    assert evaluate_run(stopped, file).n == 2
    assert "Texts are taken from the column “Headline”." in caplog.messages
