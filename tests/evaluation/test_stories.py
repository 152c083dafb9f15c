"""Each row's story over the evaluations: learnt, forgotten, never learnt; and what is kept of each evaluation."""

import pandas as pd
import pytest

from finsent.errors import DamagedFileError, RunError, RunStateError
from finsent.evaluation.stories import run_stories, stories, told, without_lists
from finsent.inference.predictions import keep_step, load_steps, save_predictions
from finsent.recipe import get_recipe
from finsent.runs.store import create_run
from tests.predictions import made_predictions

GOLD = ["neutral"] * 5
#: The answers of the baseline and of three evaluations, p for positive and n for neutral.
ANSWERS = ("pppnn", "npnnn", "npnpn", "nppnn")


def tables():
    named = {"p": "positive", "n": "neutral"}
    return [made_predictions(GOLD, [named[one] for one in row]).assign(split="validation") for row in ANSWERS]


def test_stories_are_told_from_the_answers_at_each_step():
    baseline, *evaluations = tables()
    kept = pd.concat([table.assign(step=10 * place) for place, table in enumerate(evaluations, start=1)])
    found = stories(baseline, kept)
    assert (found.steps, found.n) == ((0, 10, 20, 30), 5)
    rows = found.rows.set_index("row_id")
    assert rows["story"].to_dict() == {
        "r0": "learnt",
        "r1": "never learnt",
        "r2": "forgotten",
        "r3": "unsteady",
        "r4": "always right",
    }
    assert rows.loc["r2", ["strip", "first right", "forgotten", "last answer"]].tolist() == ["○●●○", 10, 1, "positive"]
    assert rows.loc["r0", "shares"] == pytest.approx([0.1, 0.8, 0.8, 0.8])
    assert pd.isna(rows.loc["r1", "first right"])
    assert found.rows["story"].iloc[0] == "forgotten"
    one = told(found, found.rows.iloc[0])
    assert one["step"].tolist() == [0, 10, 20, 30]
    assert one["answer"].tolist() == ["positive", "neutral", "neutral", "positive"]
    assert one["right"].tolist() == [False, True, True, False]
    assert not {"said", "shares"} & set(without_lists(found.rows))
    assert sum(found.counts.values()) == 5


def test_where_the_start_is_not_known_the_first_evaluation_is_the_first():
    rows, *evaluations = tables()
    kept = pd.concat([table.assign(step=10 * place) for place, table in enumerate(evaluations, start=1)])
    found = stories(rows, kept, start="")
    assert (found.steps, found.evaluations, found.start) == ((10, 20, 30), 3, "")
    assert found.rows.set_index("row_id").loc["r2", "strip"] == "●●○"
    assert stories(rows, kept).evaluations == 3


def test_a_resumed_run_keeps_each_step_once(tmp_path):
    path = tmp_path / "predictions" / "validation.parquet"
    _, first, second, third = tables()
    keep_step(first, 10, path)
    keep_step(second, 20, path)
    keep_step(third, 20, path)
    kept = load_steps(path)
    assert kept.groupby("step").size().to_dict() == {10: 5, 20: 5}
    assert kept.loc[kept["step"] == 20, "predicted"].tolist() == third["predicted"].tolist()
    keep_step(first, 10, path)
    assert load_steps(path)["step"].unique().tolist() == [10]


def test_runs_without_kept_answers_are_told_and_damaged_ones_too(runs_dir):
    run = create_run(get_recipe("quick"), runs_dir)
    with pytest.raises(RunStateError, match="kept no answers"):
        run_stories(run)
    baseline, first, second, _ = tables()
    save_predictions(baseline, run.predictions_file("baseline"))
    save_predictions(first, run.predictions_file("validation"))
    with pytest.raises(DamagedFileError, match="column step"):
        run_stories(run)
    keep_step(first, 5, run.folder / "predictions" / "other.parquet")
    (run.folder / "predictions" / "other.parquet").rename(run.predictions_file("validation"))
    assert run_stories(run).steps == (0, 5)
    keep_step(second.head(3), 10, run.predictions_file("validation"))
    with pytest.raises(RunError, match="at step 10 is not about the validation rows"):
        run_stories(run)
