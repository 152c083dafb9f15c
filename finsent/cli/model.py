"""Commands about base models: ``model``, ``summary`` and ``memory``."""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from finsent.cli.arguments import Commands, Printed, add_command, add_model, add_runs_dir
from finsent.cli.recipe_options import add_recipe, recipe_of_options
from finsent.errors import RunActiveError, UsageError
from finsent.hub import model_files
from finsent.models.base import EMBEDDED, compute_device
from finsent.models.hub_facts import model_facts, runs_here
from finsent.models.memory import TYPICAL_ROW, TYPICAL_SHARED, compare_methods, memory_account
from finsent.models.skeleton import read_configuration
from finsent.models.summary import summarise
from finsent.recipe import Recipe, change_recipe, get_recipe
from finsent.runs.store import active_run
from finsent.sizes import size_words

if TYPE_CHECKING:
    from finsent.models.memory import MemoryAccount


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    model = add_command(commands, "model", show_model)
    model.add_argument("id", metavar="ID", help="owner/name on the model hub, with @revision if not main")
    model.add_argument("--fetch", action="store_true", help="fetch it, too; goes on with what came before")
    summary = add_command(commands, "summary", show_summary)
    add_model(summary)
    summary.add_argument("--rank", type=int, default=8, help="LoRA rank (default 8)")
    summary.add_argument("--targets", default="q_proj,v_proj", help="matrices that get LoRA (default q_proj,v_proj)")
    memory = add_command(commands, "memory", show_memory)
    add_recipe(memory)
    memory.add_argument("--tokens", type=int, help="prompt and answer of a row in tokens (default: a headline's)")
    memory.add_argument("--measure", action="store_true", help="measure one real step, too (about 20 s)")
    add_runs_dir(memory)


def show_model(options: argparse.Namespace) -> Printed:
    """What the model hub says of a model: size, licence, access, architecture, and whether it runs here.

    Nothing large is fetched without --fetch. ``--model ID`` uses it in every other command.
    Example: ``python -m finsent model owner/name@main --fetch``
    """
    facts = model_facts(options.id)
    sentences = list(facts.sentences)
    if facts.problems:
        return Printed(facts.as_json() | {"sentences": sentences}, "\n".join(sentences), failed=True)
    sentences += runs_here(facts.name)
    value = facts.as_json() | {"sentences": sentences}
    if options.fetch:
        value["folder"] = str(model_files(facts.asked).fetch(tqdm, newest=True))
        sentences.append(f"Fetched: {value['folder']}")
    return Printed(value, "\n".join(sentences))


def show_summary(options: argparse.Namespace) -> Printed:
    """Parameters of a model before and after LoRA, as torchinfo prints them, and the memory of a training step.

    Example: ``python -m finsent summary --model qwen3-0.6b --rank 16``
    """

    changes = {"model": options.model, "lora_rank": options.rank, "target_modules": options.targets}
    recipe = change_recipe(get_recipe("quick"), changes)
    summary = summarise(recipe.model, rank=recipe.lora_rank, target_modules=recipe.target_modules)
    account = _account(recipe)
    lines = [
        summary.before.text,
        f"\nAfter adding LoRA (rank {options.rank})\n{summary.after.text}",
        f"\n{_account_text(account)}",
    ]
    return Printed(summary.as_json() | {"memory": account.as_json()}, "\n".join(lines))


def show_memory(options: argparse.Namespace) -> Printed:
    """What a training step of a recipe holds in memory, predicted and measured, and what other methods would.

    Example: ``python -m finsent memory --recipe quick --set batch_size=32 --measure``
    """
    from finsent.runs.reach import check_in_reach

    recipe = recipe_of_options(options)
    if options.source is not None:
        # What is predicted depends on the model alone, which need not be in reach.
        check_in_reach(change_recipe(recipe, {"model": EMBEDDED}))
    if options.tokens is not None and options.tokens < 1:
        raise UsageError(f"--tokens must be 1 or more, not {options.tokens}.")
    account = _account(recipe, options.tokens)
    methods = compare_methods(read_configuration(recipe.model), recipe)
    value: dict[str, Any] = {"predicted": account.as_json(), "methods": [asdict(method) for method in methods]}
    lines = [_account_text(account), "\nWhatever the batch (weights, gradients, optimizer state):"]
    for method in methods:
        held = method.weights + method.gradients + method.optimizer
        lines.append(f"  {method.method:<22}{size_words(held):>12}")
    if options.measure:
        measured = _measure(recipe, options)
        value["measured"] = measured
        error = measured["predicted"]["total"] / measured["peak_bytes"] - 1
        lines.append(
            f"\nMeasured: {size_words(measured['peak_bytes'])}; predicted for that batch of {measured['rows']} rows: "
            f"{size_words(measured['predicted']['total'])}, an error of {error:+.1%} (n = 1 step)"
        )
    return Printed(value, "\n".join(lines))


def _account(recipe: Recipe, tokens: int | None = None) -> "MemoryAccount":

    device = compute_device()
    row = TYPICAL_ROW if tokens is None else tokens
    return memory_account(read_configuration(recipe.model), recipe, row, min(TYPICAL_SHARED, row), device=device)


def _account_text(account: "MemoryAccount") -> str:
    return "\n".join(
        [
            f"Memory of a training step, batch of {account.rows}, {account.dtype}",
            *(f"  {piece.name:<22}{size_words(piece.bytes):>12}  {piece.how}" for piece in account.pieces),
            f"  {'Total':<22}{size_words(account.total):>12}",
        ]
    )


def _measure(recipe: Recipe, options: argparse.Namespace) -> dict[str, Any]:
    from finsent.cost.measured_memory import measure_apart

    busy = active_run(options.runs_dir)
    if busy is not None:
        raise RunActiveError(f"Run {busy.id} is at work and would be slowed down. Measure when it has ended.")
    step = measure_apart(recipe)
    return asdict(step) | {"predicted": step.predict(recipe).as_json()}
