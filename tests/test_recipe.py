"""Recipes: the tutorial to the letter, and one sentence for every wrong setting."""

import pytest

from finsent.errors import RecipeError
from finsent.recipe import RECIPES, Recipe, change_recipe, changed_fields, get_recipe, warmup_steps


def test_the_tutorial_recipe_is_the_tutorial():
    recipe = get_recipe("tutorial")
    assert (recipe.model, recipe.source) == ("qwen3-0.6b", "hub")
    assert (recipe.lora_rank, recipe.lora_alpha, recipe.lora_dropout) == (8, 32, 0.05)
    assert recipe.target_modules == ("q_proj", "v_proj")
    assert (recipe.epochs, recipe.batch_size, recipe.gradient_accumulation) == (10, 8, 5)
    assert (recipe.learning_rate, recipe.loss, recipe.compute_dtype) == (2e-5, "sequence", "bfloat16")
    assert (recipe.logging_steps, recipe.evaluations_per_epoch, recipe.split_seed) == (5, 1, 42)
    assert (recipe.rows, recipe.validation_rows, recipe.test_rows) == (None, None, None)
    # What the tutorial leaves to transformers' defaults.
    assert (recipe.schedule, recipe.warmup_steps, recipe.weight_decay, recipe.max_grad_norm) == ("linear", 0, 0, 1)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_knows_its_name_and_differs_from_itself_in_nothing(name):
    recipe = get_recipe(name)
    assert recipe.name == name
    assert changed_fields(recipe) == {}


def test_every_setting_has_a_reason():
    assert [name for name, field in Recipe.model_fields.items() if not field.description] == []


def test_an_unknown_recipe_names_the_known_ones():
    with pytest.raises(RecipeError, match="quick, best, tutorial"):
        get_recipe("fast")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rank": "8"}, "no setting “rank”"),
        ({"lora_rank": "0"}, "lora_rank.*greater than or equal to 1"),
        ({"lora_rank": "many"}, "lora_rank.*integer"),
        ({"learning_rate": "0"}, "learning_rate.*greater than 0"),
        ({"learning_rate": "nan"}, "learning_rate"),
        ({"epochs": "inf"}, "epochs"),
        ({"lora_dropout": "1"}, "lora_dropout.*less than 1"),
        ({"schedule": "steep"}, "schedule.*linear"),
        ({"target_modules": ""}, "target_modules"),
        ({"target_modules": "q_proj,q_proj"}, "twice"),
        ({"target_modules": "lm_head"}, "target_modules"),
        ({"rows": "8", "batch_size": "16"}, "smaller than batch_size"),
        ({"attention": "prefix"}, "no setting “attention”"),
    ],
)
def test_a_wrong_setting_is_told_in_one_sentence(changes, words):
    with pytest.raises(RecipeError, match=words) as caught:
        change_recipe(get_recipe("quick"), changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("asked", "rows", "used"), [(10, 1055, 10), (10, 24, 0), (10, 72, 0), (10, 80, 1), (10, 800, 10), (0, 1055, 0)]
)
def test_a_warm_up_takes_a_tenth_of_the_steps_at_most(asked, rows, used):
    recipe = change_recipe(get_recipe("quick"), {"warmup_steps": asked})
    assert warmup_steps(recipe, rows) == used


def test_changes_are_read_as_a_command_line_gives_them():
    recipe = change_recipe(
        get_recipe("quick"),
        {"learning_rate": "1e-3", "rows": "none", "target_modules": "q_proj, o_proj", "gradient_checkpointing": "true"},
    )
    assert recipe.learning_rate == 1e-3
    assert recipe.rows is None
    assert recipe.target_modules == ("q_proj", "o_proj")
    assert recipe.gradient_checkpointing is True


def test_changed_fields_show_both_values():
    recipe = change_recipe(get_recipe("quick"), {"lora_rank": 16})
    assert changed_fields(recipe) == {"lora_rank": (8, 16)}


def test_a_recipe_of_another_name_has_nothing_to_differ_from():
    assert changed_fields(change_recipe(get_recipe("quick"), {"name": "mine"})) == {}
