"""What to change when memory is short: settings of the same step that hold less, by the memory account.

What counts is the memory of the device that computes: processes on a CPU share the machine's, while each process on
GPUs has one to itself.
"""

from typing import Any

from finsent.models.base import Device, compute_device
from finsent.models.memory import TYPICAL_ROW, TYPICAL_SHARED, memory_account
from finsent.models.skeleton import read_configuration
from finsent.recipe import MOST_ACCUMULATION, Recipe, change_recipe
from finsent.sizes import size_words


def smaller_settings(recipe: Recipe, device: Device | None = None) -> list[tuple[Recipe, int]]:
    """Return recipes that need less memory than this one, each with the bytes of :func:`step_bytes`.

    The first halves the batch and doubles the gradient accumulation, the last takes as few rows at a time as a recipe
    allows, mostly one, and recomputes activations; a step stays as many rows, so that the result stays comparable. Rows
    of typical length are assumed. On a CPU one process holds less than several; on GPUs each keeps its own.

    Raises:
        ModelError: the recipe's model cannot be read.
    """
    device = device or compute_device()
    rows = recipe.batch_size * recipe.gradient_accumulation
    sizes = range(1, recipe.batch_size + 1)
    possible = {size: rows // size for size in sizes if rows % size == 0 and rows // size <= MOST_ACCUMULATION}
    processes = recipe.processes if device == "cuda" else 1
    least = min(size for size in possible if size % processes == 0)
    halved = recipe.batch_size // 2
    changes: list[dict[str, Any]] = [{"batch_size": least, "gradient_accumulation": possible[least]}]
    changes[0] |= {"gradient_checkpointing": True, "processes": processes}
    if halved > least and halved in possible and halved % recipe.processes == 0:
        changes.insert(0, {"batch_size": halved, "gradient_accumulation": possible[halved]})
    now = step_bytes(recipe, device)
    smaller = [(other, step_bytes(other, device)) for other in (change_recipe(recipe, change) for change in changes)]
    return [(other, size) for other, size in smaller if size < now]


def step_bytes(recipe: Recipe, device: Device | None = None) -> int:
    """Return the bytes that one training step of a recipe holds, rows being of typical length.

    On a CPU they are those of all its processes, on GPUs those of one, which has a GPU to itself. ``device`` is the one
    that this process computes on, where it is not given.
    """
    device = device or compute_device()
    config = read_configuration(recipe.model)
    account = memory_account(config, recipe, TYPICAL_ROW, TYPICAL_SHARED, device=device)
    return account.total if device == "cuda" else recipe.processes * account.total


def memory_advice(recipe: Recipe, device: Device | None = None) -> str:
    """Return in words what a training step holds and which settings would hold less; see :func:`smaller_settings`."""
    device = device or compute_device()
    where = "" if device == "cpu" else " on the GPU" if recipe.processes == 1 else " on each GPU"
    sentences = [f"A training step of these settings holds about {size_words(step_bytes(recipe, device))}{where}."]
    for other, size in smaller_settings(recipe, device):
        settings = f"batch_size={other.batch_size} with gradient_accumulation={other.gradient_accumulation}"
        settings += " and gradient_checkpointing=true" if other.gradient_checkpointing else ""
        settings += f" and processes={other.processes}" if other.processes != recipe.processes else ""
        sentences.append(f"With {settings} it holds {size_words(size)}.")
    return " ".join(sentences)
