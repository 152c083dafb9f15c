"""The options that describe a recipe, and the help that lists every setting, read off the recipe itself."""

import argparse
import shutil
import sys
import textwrap
from typing import Any

from finsent.cli.arguments import MODEL_HELP, SOURCE_HELP, add_choices
from finsent.errors import RecipeError
from finsent.hub_ids import parse_id
from finsent.models.base import HUB_MODELS
from finsent.recipe import RECIPES, SOURCE_CHOICES, Recipe, change_recipe, get_recipe
from finsent.recipe_form import HEAD_FIELDS, Setting, settings, show_value
from finsent.runs.find import RUN_HELP, find_run
from finsent.runs.removed import removed_words

#: What ``--set`` is told where a setting has an option of its own.
_OWN_OPTIONS = {
    "name": "--recipe for the settings to start from, --name for the name of the run",
    "recipe": "--recipe",
    "source": "--source",
    "model": "--model",
    **{name: f"--{name.replace('_', '-')}" for name in SOURCE_CHOICES},
}


def add_recipe(command: argparse.ArgumentParser) -> "argparse._MutuallyExclusiveGroup":
    """Add the options of :func:`chosen_recipe`, and a list of every setting at the end of the help.

    Return the group of options that say which settings to start from, for others of the kind.
    """
    start = command.add_mutually_exclusive_group()
    start.add_argument("--recipe", default="quick", help=f"one of {', '.join(RECIPES)} (default quick)")
    start.add_argument("--like", metavar="RUN", help=f"start from the settings of a run instead: {RUN_HELP}")
    command.add_argument("--source", help=f"{SOURCE_HELP} (default: the recipe's)")
    add_choices(command)
    command.add_argument("--model", help=f"{MODEL_HELP} (default: the recipe's)")
    command.add_argument("--revision", help="branch, tag or commit of the hub's model (default main)")
    command.add_argument("--rows", type=int, help="training rows to draw (the test split stays the same)")
    command.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting; once for each"
    )
    command.epilog = settings_help()
    return start


def recipe_of_options(options: argparse.Namespace) -> Recipe:
    """Return the recipe that the options describe, ``--like RUN`` among them; raises as :func:`chosen_recipe`.

    Raises:
        RunNotFoundError: there is no run that ``--like`` names.
    """
    if options.like is None:
        return chosen_recipe(options)
    run = find_run(options.runs_dir, options.like)
    if run.removed_settings:
        print(f"Left out, since finsent no longer has them: {removed_words(run)}", file=sys.stderr)
    return chosen_recipe(options, run.recipe)


def chosen_recipe(options: argparse.Namespace, start: Recipe | None = None) -> Recipe:
    """Return the recipe that the options describe, from ``start`` or else from the recipe that they name.

    Raises:
        RecipeError: an unknown recipe or setting, a value out of range, ``--set`` without ``=``, a setting given
            twice, or one that has an option of its own.
    """
    changes: dict[str, Any] = {}
    for pair in options.set:
        key, value = _setting(pair)
        if key in changes or (key == "rows" and options.rows is not None):
            raise RecipeError(f"The setting {key} is given twice. Give it once.")
        changes[key] = value
    shorthand = {name: getattr(options, name, None) for name in ("source", "model", "rows", *SOURCE_CHOICES)}
    changes |= {key: value for key, value in shorthand.items() if value is not None}
    recipe = change_recipe(start or get_recipe(options.recipe), changes)
    revision = getattr(options, "revision", None)
    if revision is None:
        return recipe
    repository = HUB_MODELS.get(recipe.model) or parse_id(recipe.model, RecipeError, "model").repository
    return change_recipe(recipe, {"model": str(parse_id(f"{repository}@{revision}", RecipeError, "model"))})


def settings_help() -> str:
    """Return every setting with its valid values, its value in each recipe, and its reason, in groups."""
    lines = [f"settings for --set KEY=VALUE (values in {', '.join(RECIPES)}):"]
    width = min(shutil.get_terminal_size().columns, 120) - 2
    group = ""
    for setting in settings():
        if setting.group != group:
            group = setting.group
            lines += ["", f"{group}:"]
        lines += _entry(setting, width)
    return "\n".join(lines)


def _setting(pair: str) -> tuple[str, str]:
    key, found, value = (part.strip() for part in pair.partition("="))
    if not found or not key:
        raise RecipeError(f"--set needs KEY=VALUE, not “{pair}”.")
    if key in {"recipe", *HEAD_FIELDS}:
        raise RecipeError(f"{key} is no setting for --set. Use {_OWN_OPTIONS[key]}.")
    return key, value


def _entry(setting: Setting, width: int) -> list[str]:
    values = [show_value(getattr(recipe, setting.name)) for recipe in RECIPES.values()]
    in_recipes = values[0] if len(set(values)) == 1 else " / ".join(values)
    head = f"  {setting.name}: {_valid(setting)} ({in_recipes})"
    return [
        *textwrap.wrap(head, width, subsequent_indent="      ", break_on_hyphens=False),
        *textwrap.wrap(setting.reason, width, initial_indent="      ", subsequent_indent="      "),
    ]


def _valid(setting: Setting) -> str:
    match setting.kind:
        case "flag":
            return "yes or no"
        case "choice":
            return ", ".join(setting.options)
        case "choices":
            return f"one or more of {', '.join(setting.options)}, with commas between"
        case _:
            return setting.range + (", or none for all" if setting.optional else "")
