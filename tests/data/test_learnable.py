"""What keeps a run from learning is said before it is launched, with what would help."""

from dataclasses import replace

import pandas as pd
import pytest

from finsent.data.learnable import few_rows, few_steps, launch_warnings, one_label, untaught_labels
from finsent.data.prepared import prepare
from finsent.recipe import RECIPES, change_recipe, get_recipe


def recipe(**changes):
    return change_recipe(get_recipe("quick"), changes)


@pytest.mark.parametrize("name", ["quick", "best"])
def test_the_recipes_on_the_embedded_headlines_are_launched_without_a_word(name):
    assert launch_warnings(RECIPES[name], prepare(RECIPES[name])) == []


def test_fifteen_steps_with_a_warm_up_of_ten_are_spoken_of_with_the_epochs_that_would_help():
    warning = few_steps(recipe(), 120)
    assert warning.title == "Only 15 steps"
    assert "warm-up of 10 steps" in warning.why
    assert "cut to 1" in warning.why
    assert "2 epochs" in warning.remedy
    assert few_steps(recipe(epochs=2), 120) is None


def test_three_warm_ups_are_enough_and_no_warm_up_asks_for_nothing():
    assert few_steps(recipe(warmup_steps=5), 8 * 15) is None
    assert few_steps(recipe(warmup_steps=5), 8 * 14).title == "Only 14 steps"
    assert few_steps(recipe(warmup_steps=0), 8) is None
    assert few_steps(recipe(), 8).title == "Only 1 step"


def test_fewer_than_fifty_rows_are_spoken_of_and_drawn_ones_can_be_more():
    assert few_rows(recipe(), 50) is None
    assert few_rows(recipe(), 49).remedy == "Give more labelled texts."
    assert "Draw more" in few_rows(recipe(rows=16), 16).remedy


def test_one_label_over_three_classes():
    assert "answer neutral whatever the text says" in one_label(["neutral"] * 3).why
    assert one_label(["positive", "bullish"]).title == "Every training row is positive"
    assert one_label(["neutral", "positive"]) is None
    assert one_label([]) is None


def test_a_label_that_is_judged_and_never_taught():
    assert untaught_labels(["neutral", "positive"], ["negative", "neutral"]).title == "No training row is negative"
    assert untaught_labels(["neutral", "bullish"], ["positive", "neutral"]) is None
    # What a run continues has taught it the others.
    drawn = prepare(recipe())
    untaught = replace(drawn, train=drawn.train[~drawn.train["label"].isin(["negative", "bearish"])])
    assert "No training row is negative" in [one.title for one in launch_warnings(recipe(), untaught)]
    assert launch_warnings(recipe(), untaught, taught=["negative"]) == []
    # That there is one label alone is said already.
    assert untaught_labels(["neutral"], ["negative", "neutral"]) is None


def test_a_repair_set_of_one_class_is_spoken_of_when_it_is_to_be_trained_on(tmp_path):
    texts = [f"Sales were {number} million" for number in range(60)]
    file = tmp_path / "repair.csv"
    pd.DataFrame({"text": texts, "label": "neutral", "family": "news"}).to_csv(file, index=False)
    chosen = recipe(source=str(file))
    found = launch_warnings(chosen, prepare(chosen))
    assert [warning.title for warning in found] == [
        "Only 48 training rows",
        "Only 6 steps",
        "Every training row is neutral",
    ]
    assert "--other-labels" in found[-1].remedy
    assert found[-1].as_json()["title"] == "Every training row is neutral"
