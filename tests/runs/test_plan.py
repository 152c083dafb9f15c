"""What is said before a launch is what will happen, also where less is there than was asked for."""

import pytest

from finsent.data.prepared import prepare
from finsent.recipe import change_recipe, get_recipe
from finsent.runs.plan import drawn_words, plan_words, warmup_words


@pytest.fixture
def recipe(small_csv):
    """120 rows, split into 96, 12 and 12."""
    return change_recipe(get_recipe("quick"), {"source": str(small_csv), "rows": 48})


def test_what_is_drawn_is_said_beside_what_there_is(recipe):
    assert drawn_words(recipe, prepare(recipe)) == {
        "rows": "48 drawn of 96",
        "validation_rows": "12, all there are; 200 asked for",
        "test_rows": "12, all there are; 600 asked for",
    }
    every = change_recipe(recipe, {"rows": None, "validation_rows": None})
    words = drawn_words(every, prepare(every))
    assert (words["rows"], words["validation_rows"]) == ("96, all there are", "12, all there are")


def test_the_plan_names_data_rows_model_and_differences(recipe):
    words = plan_words(recipe, prepare(recipe))
    assert "48 rows of small.csv" in words
    assert "SmolLM2-135M-Instruct" in words
    assert "12 validation rows" in words and "12 test rows" in words
    assert words.endswith("Training settings: recipe quick with rows 48 (not all).")


def test_many_differences_are_counted(recipe):
    changes = {"lora_rank": 4, "seed": 7, "epochs": 2, "batch_size": 4, "learning_rate": 1e-3}
    words = plan_words(change_recipe(recipe, changes), prepare(recipe))
    assert words.endswith(" and 2 more.")
    assert "lora_rank 4 (not 8)" in words


def test_a_recipe_as_it_is_says_so():
    recipe = get_recipe("quick")
    assert plan_words(recipe, prepare(recipe)).endswith("Training settings: as in the recipe quick.")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (24, "No warm-up, not one over 10 steps: it takes a tenth of a run's steps at most."),
        (160, "Warm-up over 2 of these steps, not 10: it takes a tenth of a run's steps at most."),
        (1_055, ""),
    ],
)
def test_a_warm_up_that_is_cut_short_says_so(rows, said):
    assert warmup_words(get_recipe("quick"), rows) == said
