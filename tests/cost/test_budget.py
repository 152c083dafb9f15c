"""A time for a run picks its epochs, or else its rows; what it picks fits, and more would not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finsent.cost.budget import MOST_EPOCHS, parse_duration, within_budget
from finsent.cost.estimate import cost_of
from finsent.cost.speed import Speed
from finsent.errors import BudgetError
from finsent.recipe import change_recipe, get_recipe

QUICK = get_recipe("quick")
SPLITS = {"train": 1000, "validation": 100, "test": 100}
SPEED = Speed(basis="a calibration", preparing=10, train_row=0.2, score_row=0.05, validation_row=0.05)


@pytest.mark.parametrize(("text", "seconds"), [("3m", 180), ("90s", 90), ("1h30m", 5400), (" 2 min ", 120)])
def test_a_duration_has_a_unit(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "180", "1.5", "soon", "-3m", "0s", "nan", "3 parsecs", "9" * 400 + "m"])
def test_what_is_no_duration_is_refused_in_a_sentence(text):
    with pytest.raises(BudgetError, match="Give a number with its unit"):
        parse_duration(text)


@given(st.floats(60, 2000))
def test_what_is_picked_fits_and_more_would_not(seconds):
    budget = within_budget(QUICK, SPLITS, SPEED, seconds)
    recipe = budget.recipe
    rows = recipe.rows or SPLITS["train"]
    assert budget.seconds == cost_of(SPEED, recipe, SPLITS | {"train": rows}) <= seconds
    assert change_recipe(recipe, {"rows": QUICK.rows, "epochs": QUICK.epochs}) == QUICK
    if recipe.rows is None:
        assert 1 <= recipe.epochs <= MOST_EPOCHS
        more = change_recipe(recipe, {"epochs": recipe.epochs + 1})
        assert recipe.epochs == MOST_EPOCHS or cost_of(SPEED, more, SPLITS) > seconds
    else:
        assert recipe.epochs == 1 and recipe.rows % QUICK.batch_size == 0 and recipe.rows >= 50
        assert cost_of(SPEED, recipe, SPLITS | {"train": recipe.rows + QUICK.batch_size}) > seconds
        assert f"{recipe.rows:,} of 1,000 training rows" in budget.words


def test_too_short_a_time_says_how_much_it_takes():
    with pytest.raises(BudgetError, match=r"20 s are too short: a run on 56 rows.* takes about 5\d s"):
        within_budget(QUICK, SPLITS, SPEED, 20)


def test_without_a_measurement_nothing_is_guessed():
    with pytest.raises(BudgetError, match="Measure it first"):
        within_budget(QUICK, SPLITS, None, 180)


def test_few_rows_are_all_taken_or_none():
    few = SPLITS | {"train": 30}
    assert within_budget(QUICK, few, SPEED, 60).recipe.rows is None
    with pytest.raises(BudgetError, match="30 rows"):
        within_budget(QUICK, few, SPEED, 20)
