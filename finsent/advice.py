"""What to change when memory is short: settings of the same step that hold less, by the memory account."""

from finsent.memory import TYPICAL_ROW, TYPICAL_SHARED, memory_account
from finsent.recipes import MOST_ACCUMULATION, Recipe, change_recipe
from finsent.skeleton import read_configuration


def smaller_settings(recipe: Recipe) -> list[tuple[Recipe, int]]:
    """Return recipes that need less memory than this one, each with the bytes that its training step holds.

    The first halves the batch and doubles the gradient accumulation, the last takes as few rows at a time as a recipe
    allows, mostly one, and recomputes activations; a step stays as many rows, so that the result stays comparable. Rows
    of typical length are assumed.

    Raises:
        ModelError: the recipe's model cannot be read.
    """
    rows = recipe.batch_size * recipe.gradient_accumulation
    sizes = range(1, recipe.batch_size + 1)
    possible = {size: rows // size for size in sizes if rows % size == 0 and rows // size <= MOST_ACCUMULATION}
    least, halved = min(possible), recipe.batch_size // 2
    changes = [{"batch_size": least, "gradient_accumulation": possible[least]}]
    changes[0] |= {"gradient_checkpointing": True, "processes": 1}
    if halved > least and halved in possible and halved % recipe.processes == 0:
        changes.insert(0, {"batch_size": halved, "gradient_accumulation": possible[halved]})
    now = step_bytes(recipe)
    smaller = [(other, step_bytes(other)) for other in (change_recipe(recipe, change) for change in changes)]
    return [(other, size) for other, size in smaller if size < now]


def step_bytes(recipe: Recipe) -> int:
    """Return the bytes that one training step of a recipe holds in all its processes, rows being of typical length."""
    account = memory_account(read_configuration(recipe.model), recipe, TYPICAL_ROW, TYPICAL_SHARED)
    return recipe.processes * account.total


def memory_advice(recipe: Recipe) -> str:
    """Return in words what a training step holds and which settings would hold less; see :func:`smaller_settings`."""
    sentences = [f"A training step of these settings holds about {_gigabytes(step_bytes(recipe))}."]
    for other, size in smaller_settings(recipe):
        settings = f"batch_size={other.batch_size} with gradient_accumulation={other.gradient_accumulation}"
        settings += " and gradient_checkpointing=true" if other.gradient_checkpointing else ""
        settings += f" and processes={other.processes}" if other.processes != recipe.processes else ""
        sentences.append(f"With {settings} it holds {_gigabytes(size)}.")
    return " ".join(sentences)


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.2f} GB"
