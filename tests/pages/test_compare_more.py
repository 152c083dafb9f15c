"""The lower part of Compare: each question's tab, on made predictions, with the figures that the library gives."""

from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from finsent.evaluation.in_proportion import references, run_tables
from finsent.inference.predictions import save_predictions
from finsent.metrics.calibration import brier_scores, prior_account
from finsent.metrics.classification import compare_predictions
from finsent.metrics.thresholds import threshold_choice
from finsent.metrics.wording import points, prior_sentences, reference_sentences
from finsent.runs.evaluated_sets import OWN, save_judged
from finsent.runs.store import Run
from pages.shared import places
from tests.predictions import made_pair, made_run

APP = Path(__file__).parents[2] / "pages" / "app.py"
TRAINING = pd.DataFrame(
    {
        "text": ["profit rose", "sales fell", "the shares", "a post"],
        "label": ["positive", "negative", "neutral", "bullish"],
    }
)


@pytest.fixture
def run(runs_dir):
    return made_run(runs_dir, *made_pair(260, seed=1, validation=60), TRAINING, "first")


@pytest.fixture
def opened(run):
    """Open a tab of the page as its address does."""

    def open_tab(part: str, of: Run = run, on: str = OWN) -> AppTest:
        app = AppTest.from_file(APP, default_timeout=60)
        app.run()
        app.query_params["part"], app.query_params["run"] = part, of.id
        if on != OWN:
            app.query_params["on"] = on
        app.switch_page(places.COMPARE).run()
        assert not app.exception
        return app

    return open_tab


def words(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.info]
    return "\n".join(element.value for element in parts).replace("\\", "")


@pytest.mark.parametrize("missing", ["neutral", "positive"])
def test_a_threshold_has_no_price_on_rows_of_one_kind(opened, run, missing):
    pair = [table[~table["label"].isin([missing, "bullish"])] for table in made_pair(120, seed=3)]
    key = save_judged(run, "other.csv", "0123456789abcdef" * 4, *pair)
    app = opened("Threshold", on=key)
    assert f"None of these rows is {missing}" in words(app)


def test_the_prior_alone(opened, run):
    test, validation, _ = run_tables(run)
    text = words(opened("Only the prior?"))
    for sentence in prior_sentences(prior_account(test, validation).pieces):
        assert sentence in text
    assert "fitted on 60 validation rows" in text


def test_references_for_scale(opened, run):
    test, _, training = run_tables(run)
    text = words(opened("For scale"))
    for _, sentence in reference_sentences(references(test[1], training.rows)):
        assert sentence in text
    assert "trained on the 4 rows that the fine-tuned adapter has learnt" in text


def test_test_texts_that_were_trained_on_are_shown(opened, run, runs_dir):
    assert "None of the 200 test texts has a twin among the 4 training texts" in words(opened("For scale"))
    # Texts that differ in more than a digit.
    texts = [f"Made text x{chr(97 + number % 26)}{chr(97 + number // 26)}" for number in range(260)]
    baseline, tuned = (table.assign(text=texts) for table in made_pair(260, seed=1, validation=60))
    seen = tuned.iloc[100:103]
    app = opened("For scale", made_run(runs_dir, baseline, tuned, pd.concat([TRAINING, seen[["text", "label"]]])))
    assert "3 of 200 test texts have a twin among the 7 training texts: 3 the same" in words(app)
    rest = compare_predictions(*(table.iloc[60:].drop(seen.index) for table in (baseline, tuned)))
    assert f"Without them: accuracy {rest.baseline.accuracy:.1%} before" in words(app)
    assert f"{points(rest.accuracy_difference)}, n = 197" in words(app)
    assert app.dataframe[-1].value["row_id"].tolist() == seen["row_id"].tolist()


def test_rivals_with_a_better_prompt(opened, run):
    assert f"evaluate {run.id} --rival few-shot:6" in "".join(code.value for code in opened("For scale").code)
    test, _, _ = run_tables(run)
    place = run.predictions_file("rival-few-shot-6")
    save_predictions(test[0], place)
    place.with_suffix(".json").write_text('{"title": "base model *with* 6 examples"}')
    app = opened("For scale")
    rival = next(table.value for table in app.dataframe if "rival" in table.value)
    assert rival["rival"].tolist() == ["base model *with* 6 examples"]
    assert rival["accuracy"].tolist() == [compare_predictions(*test).baseline.accuracy]
    assert "fine-tuned is better than base model *with* 6 examples" in words(app)


def test_how_sure(opened, run):
    test, _, _ = run_tables(run)
    app = opened("How sure?")
    before, after = (brier_scores(table).mean() for table in test)
    shown = [metric.value for metric in app.metric if "Brier" in metric.label]
    assert shown == [f"{before:.3f} → {after:.3f}"]
    assert "n = 200 test rows" in words(app)


def test_the_threshold_is_picked_on_validation_rows(opened, run):
    test, validation, _ = run_tables(run)
    app = opened("Threshold")
    for target in (0.05, 0.2):
        app.select_slider(key="target").set_value(target).run()
        choice = threshold_choice(validation[1], test[1], target)
        assert f"threshold **{choice.threshold:.2f}**" in words(app)
        assert points(choice.positive_recall.difference) in words(app)


def test_without_validation_rows_nothing_is_fitted(runs_dir, opened):
    bare = made_run(runs_dir, *made_pair(60, seed=2), name="bare")
    for part in ("Only the prior?", "Threshold"):
        assert "Nothing is ever fitted on test rows" in words(opened(part, bare))
    assert "did not keep its training rows" in words(opened("For scale", bare))


def test_written_answers_and_the_flattering_switch(opened, run):
    assert f"evaluate {run.id} --generate" in opened("Written answers").code[-1].value
    for model in ("baseline", "tuned"):
        table = pd.read_parquet(run.predictions_file(model))
        table["generated_label"] = table["predicted"].where(table["label"] != "neutral", "invalid")
        table["generated"] = " " + table["generated_label"]
        save_predictions(table, run.predictions_file(model))
    app = opened("Written answers")

    def figures() -> pd.DataFrame:
        shown = [element.value for element in app.dataframe if "answers" in element.value][0]
        return shown.set_index(["model", "answers"])

    strict = figures()
    neutral = int((run_tables(run)[0][0]["label"] == "neutral").sum())
    assert strict.loc[("Fine-tuned", "written"), "invalid"] == neutral
    app.toggle(key="flatter").set_value(True).run()
    assert figures().loc[("Fine-tuned", "written"), "invalid"] == 0
    assert figures().loc[("Fine-tuned", "written"), "accuracy"] > strict.loc[("Fine-tuned", "written"), "accuracy"]
    assert figures().loc[("Fine-tuned", "scored")].equals(strict.loc[("Fine-tuned", "scored")])


def test_both_exports_are_offered(opened):
    app = opened("Export")
    labels = [button.proto.label for button in app.get("download_button")]
    assert {"Report (one HTML file)", "Figures (JSON)"} <= set(labels)
