"""Settings of a form: every field of a recipe, with the range that the recipe itself checks."""

import shlex

import pytest

from finsent.cli.main import build_parser
from finsent.cli.recipe_options import chosen_recipe
from finsent.errors import RecipeError
from finsent.recipe import Recipe, change_recipe, get_recipe
from finsent.recipe_form import HEAD_FIELDS, command_line, settings, show_value

BY_NAME = {setting.name: setting for setting in settings()}


def test_every_field_of_a_recipe_is_in_the_form_or_its_head_once():
    assert sorted([*BY_NAME, *HEAD_FIELDS]) == sorted(Recipe.model_fields)
    assert len(settings()) == len(BY_NAME)


@pytest.mark.parametrize("setting", [s for s in settings() if s.low is not None], ids=lambda s: s.name)
def test_the_range_is_the_one_that_the_recipe_checks(setting):
    # What goes together with every value of the setting: a batch no larger than few rows, a multiple of any processes.
    others = {"processes": {"batch_size": setting.high}}
    start = change_recipe(get_recipe("quick"), {"batch_size": 1} | others.get(setting.name, {}))
    tiny = 1 if setting.kind == "integer" else 1e-6
    lowest = setting.low + tiny if setting.above_low else setting.low
    change_recipe(start, {setting.name: lowest})
    with pytest.raises(RecipeError, match=setting.name):
        change_recipe(start, {setting.name: lowest - tiny if not setting.above_low else setting.low})
    if setting.high is not None:
        highest = setting.high - tiny if setting.below_high else setting.high
        change_recipe(start, {setting.name: highest})
        with pytest.raises(RecipeError, match=setting.name):
            change_recipe(start, {setting.name: setting.high if setting.below_high else highest + tiny})


@pytest.mark.parametrize(
    ("name", "kind", "optional", "words"),
    [
        ("rows", "integer", True, "from 8"),
        ("lora_rank", "integer", False, "from 1 to 256"),
        ("lora_dropout", "number", False, "from 0, below 1"),
        ("learning_rate", "number", False, "above 0 to 0.1"),
        ("gradient_checkpointing", "flag", False, ""),
        ("schedule", "choice", False, ""),
        ("target_modules", "choices", False, ""),
    ],
)
def test_kinds_and_ranges_in_words(name, kind, optional, words):
    setting = BY_NAME[name]
    assert (setting.kind, setting.optional, setting.range) == (kind, optional, words)


def test_titles_are_words():
    assert BY_NAME["lora_rank"].title == "LoRA rank"
    assert BY_NAME["max_grad_norm"].title == "Max gradient norm"


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "all"), (True, "yes"), (("q_proj", "v_proj"), "q_proj, v_proj"), (5e-4, "0.0005"), (8, "8"), ("a", "a")],
)
def test_values_are_shown_as_people_read_them(value, words):
    assert show_value(value) == words


def test_the_command_line_gives_the_same_recipe():
    changes = {"model": "/a model", "rows": 64, "target_modules": ("q_proj", "o_proj"), "validation_rows": None}
    recipe = change_recipe(get_recipe("quick"), changes | {"gradient_checkpointing": True, "learning_rate": 1e-4})
    words = shlex.split(command_line(recipe))
    assert words[:3] == ["python", "-m", "finsent"]
    assert chosen_recipe(build_parser().parse_args(words[3:])) == recipe
