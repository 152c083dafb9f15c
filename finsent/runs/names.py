"""What a run is called from its start: a name that a person can say, made of its recipe, its data and what differs.

For example ``quick · lab headlines · seed 7 · 2``: the recipe, the data, the settings that differ from the recipe, and
which of the runs of these words it is, from the second on.
"""

import re
from pathlib import PurePath
from typing import Any

from finsent.recipe import RECIPES, Recipe, changed_fields
from finsent.recipe_form import show_value

SEPARATOR = " · "
_DATA = {"embedded": "lab headlines", "hub": "Sujet"}
_MODELS = {"embedded": "SmolLM2-135M", "qwen3-0.6b": "Qwen3-0.6B"}
#: Settings that a name says in full, and the longest name of a file in it.
_MOST_CHANGES = 2
_LONGEST_FILE = 40
#: How a file is read, which its own name stands for in a run's.
_READING = ("text_column", "label_column", "labels", "thresholds", "leave_out")
_PINNED = re.compile(r"[^/]+/([^/@]+)@[0-9a-f]{40}")


def spoken_words(recipe: Recipe) -> str:
    """Return what a run of these settings is called: recipe, data, another model than the recipe's, what differs."""
    words = [recipe.name, _DATA.get(recipe.source) or _file_name(recipe.source)]
    if recipe.name in RECIPES and recipe.model != RECIPES[recipe.name].model:
        words.append(_MODELS.get(recipe.model) or _file_name(recipe.model))
    changes = _changes(recipe, ("source", "model", *_READING))
    words += changes[:_MOST_CHANGES]
    if len(changes) > _MOST_CHANGES:
        words.append(f"{len(changes) - _MOST_CHANGES} more changed")
    return SEPARATOR.join(words)


def changes_in_words(recipe: Recipe) -> list[str]:
    """Return the settings that differ from the recipe, data and model aside, for example ``["seed 7", "rows 300"]``."""
    return _changes(recipe, ("source", "model"))


def shortened(name: str, most: int) -> str:
    """Return a name in at most so many characters; one that was cut ends with "…"."""
    return name if len(name) <= most else f"{name[: most - 1].rstrip()}…"


def said(words: str) -> list[str]:
    """Return the words of a name as somebody may type them: without the points between its parts."""
    return words.replace(SEPARATOR.strip(), " ").split()


def _changes(recipe: Recipe, besides: tuple[str, ...]) -> list[str]:
    return [_change(name, now) for name, (_, now) in changed_fields(recipe).items() if name not in besides]


def _change(name: str, value: Any) -> str:
    return f"{name.replace('_', ' ').replace('lora', 'LoRA')} {show_value(value)}"


def _file_name(path: str) -> str:
    """Return what a file, a folder or a repository of the hub, which a run has with its commit, is called."""
    of_hub = _PINNED.fullmatch(path)
    name = of_hub[1] if of_hub else " ".join((PurePath(path).stem or path).split())
    return shortened(name, _LONGEST_FILE)
