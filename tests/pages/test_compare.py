"""The Compare page: verdict, cells and transitions of a finished run; and what it says where there is none."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from finsent.recipe import get_recipe
from finsent.runs.evaluated_sets import save_judged
from finsent.runs.store import create_run, update_run
from pages.shared import places
from tests.evaluation.test_groups import made_group
from tests.predictions import made_pair, made_predictions, made_run, twelve

APP = Path(__file__).parents[2] / "pages" / "app.py"


@pytest.fixture
def app(runs_dir):
    app = AppTest.from_file(APP, default_timeout=60)
    app.run()
    return app.switch_page(places.COMPARE)


def words(app) -> str:
    return "\n".join(element.value for element in app.markdown).replace("\u00a0", " ")


def cell(app):
    return [element.value for element in app.dataframe if "row_id" in element.value][0]


def transition(app):
    return [element.value for element in app.dataframe if "row_id" in element.value][-1]


def test_without_runs_the_page_leads_to_the_first_one(app):
    app.run()
    assert not app.exception
    assert "no run yet" in app.info[0].value


def test_the_verdict_and_the_figures(app, runs_dir):
    made_run(runs_dir, *twelve(), name="twelve rows")
    app.run()
    assert not app.exception
    assert "can't be told apart" in words(app).replace("\\", "")
    assert "n = 12 test rows" in words(app).replace("\\", "")
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Accuracy"] == "50.0% → 66.7%"
    assert shown["Neutral called positive"] == "80.0% → 40.0%"


def test_a_gain_with_a_price_is_not_green(app, runs_dir):
    gold = ["neutral"] * 70 + ["positive"] * 40
    before = ["positive"] * 60 + ["neutral"] * 10 + ["positive"] * 40
    after = ["neutral"] * 90 + ["positive"] * 20
    made_run(runs_dir, made_predictions(gold, before), made_predictions(gold, after))
    app.run()
    assert not app.exception
    text = words(app).replace("\\", "")
    assert "**:orange[:material/balance: Fine-tuning helped, at a price]:** accuracy 45.5% → 81.8%" in text
    assert "- **Worse:** 20 rows broke\n    - recall of positive 100.0% → 50.0%" in text
    assert "training luck" in text


def test_a_run_that_learned_nothing_and_removed_settings_are_shown(app, runs_dir):
    run = made_run(runs_dir, *twelve())
    update_run(run.folder, warning="This run learned nothing.", removed_settings={"attention": "prefix"})
    app.run()
    assert not app.exception
    assert [element.value.replace("\\", "") for element in app.warning] == ["This run learned nothing."]
    captions = " ".join(element.value for element in app.caption).replace("\\", "")
    assert "no longer has: attention=prefix" in captions


def test_each_big_figure_has_both_intervals_and_n(app, runs_dir):
    made_run(runs_dir, *twelve())
    captions = [element.value.replace("\u00a0", " ") for element in app.run().caption]
    # Wilson's intervals of 4 and of 2 out of 5.
    assert "baseline 80.0% (37.6% to 96.4%), fine-tuned 40.0% (11.8% to 76.9%), n = 5" in captions


def test_the_cell_of_neutral_called_positive_is_open_at_first(app, runs_dir):
    made_run(runs_dir, *twelve())
    app.run()
    assert (app.selectbox(key="gold").value, app.selectbox(key="cell-answer").value) == ("neutral", "positive")
    assert sorted(cell(app)["row_id"]) == ["r3", "r4", "r5", "r7"]
    app.radio(key="cell-model").set_value("tuned").run()
    assert sorted(cell(app)["row_id"]) == ["r6", "r7"]
    app.selectbox(key="gold").set_value("positive")
    app.selectbox(key="cell-answer").set_value("invalid").run()
    assert cell(app)["row_id"].tolist() == ["r10"]


def test_five_labels_and_back(app, runs_dir):
    made_run(runs_dir, *twelve())
    app.run()
    app.segmented_control(key="classes").set_value(5).run()
    assert not app.exception
    app.selectbox(key="gold").set_value("bearish")
    app.selectbox(key="cell-answer").set_value("bullish").run()
    assert cell(app)["row_id"].tolist() == ["r2"]
    app.segmented_control(key="classes").set_value(3).run()
    assert not app.exception
    assert app.selectbox(key="gold").value == "neutral"


def test_transitions_open_their_rows(app, runs_dir):
    made_run(runs_dir, *twelve())
    app.run()
    assert transition(app)["row_id"].tolist() == ["r6", "r9", "r10"]
    app.selectbox(key="of").set_value("neutral").run()
    assert transition(app)["row_id"].tolist() == ["r6"]


def test_the_address_chooses_the_run(app, runs_dir):
    first = made_run(runs_dir, *twelve(), name="first")
    made_run(runs_dir, *made_pair(60), name="second")
    app.query_params["run"] = first.id
    app.run()
    assert app.selectbox[0].value == first.id
    assert {metric.label: metric.value for metric in app.metric}["Accuracy"] == "50.0% → 66.7%"


@pytest.mark.parametrize(("state", "said"), [("stopped", "is stopped"), ("failed", "is failed"), ("queued", "at work")])
def test_a_run_without_predictions_says_so(app, runs_dir, state, said):
    run = create_run(get_recipe("quick"), runs_dir)
    update_run(run.folder, state=state)
    app.run()
    assert not app.exception
    assert said in "".join(element.value for element in [*app.warning, *app.info])


def test_an_unknown_run_in_the_address_shows_the_newest(app, runs_dir):
    made_run(runs_dir, *twelve())
    app.query_params["run"] = "../../etc"
    app.run()
    assert not app.exception
    assert "Another one is shown" in app.warning[0].value


def test_a_text_is_never_markup(app, runs_dir):
    baseline, tuned = twelve()
    baseline["text"] = tuned["text"] = "<b>bold</b> **strong** $x$"
    made_run(runs_dir, baseline, tuned, name="<b>*name*</b>")
    app.run()
    assert not app.exception
    assert "<b>" not in words(app)
    assert cell(app)["text"].iloc[0] == "<b>bold</b> **strong** $x$"


def test_another_set_of_rows_is_chosen_and_stands_in_the_address(app, runs_dir):
    seen = twelve()[0][["row_id", "text", "label", "answers"]].head(3)
    run = made_run(runs_dir, *made_pair(120, seed=3), training=seen)
    app.run()
    assert not [box for box in app.selectbox if box.label == "Rows"]
    key = save_judged(run, "other *news*.csv", "ab" * 32, *twelve())
    app.run()
    next(box for box in app.selectbox if box.label == "Rows").set_value(key).run()
    assert not app.exception
    assert "n = 12 test rows" in words(app).replace("\\", "")
    assert "of 12 texts have a twin among the training texts (" in words(app).replace("\\", "")
    assert app.query_params["on"] == key


def test_a_run_of_a_group_shows_what_the_seed_moves_and_offers_the_average(app, runs_dir):
    group, _ = made_group(runs_dir, (1.2, 0.9))
    app.query_params["run"] = group.runs[0].id
    app.run()
    assert not app.exception
    shown = words(app).replace("\\", "")
    assert "Training luck: luck" in shown
    assert "The seed alone moves accuracy from" in shown
    table = next(frame.value for frame in app.dataframe if "spread" in frame.value)
    assert {"seed 42", "seed 43", "mean", "low", "high"} <= set(table)
    app.button(key=f"average-{group.id}").click().run()
    assert "no finished adapter" in app.error[0].value


def test_a_run_alone_says_nothing_of_a_group(app, runs_dir):
    made_run(runs_dir, *twelve())
    app.run()
    assert "Training luck:" not in words(app)
