"""Commands that train: ``train`` and ``resume``."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finsent.cli.arguments import Commands, Printed, add_command, add_run, add_runs_dir
from finsent.cli.beginning import add_beginning, begin, fit_into, recipe_of_parent
from finsent.cli.groups import group_named, queue_group, resume_whole_group, train_group
from finsent.cli.progress import watch
from finsent.cli.recipe_options import add_recipe, recipe_of_options
from finsent.errors import FinsentError, RunActiveError
from finsent.hub import sujet_is_cached
from finsent.metrics.figures_json import to_json
from finsent.recipe import Recipe, total_steps, warmup_steps
from finsent.recipe_form import command_line
from finsent.runs.find import find_run
from finsent.runs.store import Run, RunState, active_run, list_runs, load_run, waiting_before
from finsent.sizes import size_words

if TYPE_CHECKING:
    from finsent.data.prepared import Prepared
    from finsent.runs.beginning import Beginning


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    train = add_command(commands, "train", train_run)
    start = add_recipe(train)
    add_beginning(train, start)
    train.add_argument("--name", default="", help="a name for the run")
    train.add_argument(
        "--seeds", type=int, metavar="N", help="so many runs that differ in their seed alone, as a group (2 to 10)"
    )
    instead = train.add_mutually_exclusive_group()
    instead.add_argument(
        "--queue", action="store_true", help="start it in the background, at once or after the runs before it"
    )
    instead.add_argument("--estimate", action="store_true", help="print what the run would cost; launch nothing")
    instead.add_argument(
        "--measure", action="store_true", help="measure the speed of these settings (about 30 s), then estimate"
    )
    train.add_argument(
        "--budget", metavar="TIME", help="as many epochs, or else rows, as fit into a time such as 3m for the whole run"
    )
    add_runs_dir(train)
    add_run(add_command(commands, "resume", resume_run))


def train_run(options: argparse.Namespace) -> Printed:
    """Fine-tune, in the foreground, and print the run folder and the verdict.

    An interrupt from the keyboard stops the run and keeps what it learned.
    With --budget TIME it takes as many epochs or rows as fit, by the speed measured on this machine.
    With --seeds so many runs that differ in their seed alone follow one another: how much is training luck?
    With --from it starts from the adapter of another run, with that run's settings; --corrections trains on corrected
    labels, --repair on the rows of a file.
    Example: ``python -m finsent train --recipe quick --set learning_rate=3e-4 --name "lower rate"``
    """
    from finsent.cost.budget import parse_duration
    from finsent.runs.groups import group_recipes
    from finsent.runs.queue import launch

    recipe = recipe_of_options(options) if options.parent is None else recipe_of_parent(options)
    # Refused before anything is read or said.
    if options.seeds is not None:
        group_recipes(recipe, options.seeds)
    seconds = None if options.budget is None else parse_duration(options.budget)
    beginning, prepared = begin(options, recipe)
    if options.measure:
        prepared = _measured(recipe, options, prepared)
    if seconds is not None:
        recipe, prepared = fit_into(seconds, recipe, options, prepared)
    if options.estimate or options.measure:
        return _cost(recipe, options, prepared, beginning)
    if options.queue:
        return _submit(recipe, options, prepared, beginning)
    prepared = prepared or _read_here(recipe)
    warnings = _announced(recipe, prepared, options.runs_dir, beginning)
    if options.seeds is not None:
        ended = train_group(recipe, options.runs_dir, options.seeds, options.name, prepared)
    else:
        ended = see_through(launch(recipe, options.runs_dir, options.name, prepared=prepared, beginning=beginning))
    return ended._replace(value=ended.value | {"warnings": warnings})


def resume_run(options: argparse.Namespace) -> Printed:
    """Take a run, or what was left of a group of seeds, up again from its last checkpoint, and follow it to its end.

    Example: ``python -m finsent resume latest``
    """
    from finsent.runs.queue import resume

    if group := group_named(options.runs_dir, options.run):
        return resume_whole_group(group)
    return see_through(resume(find_run(options.runs_dir, options.run)))


def see_through(run: Run) -> Printed:
    """Follow a run to its end; an interrupt from the keyboard stops it and keeps what it learned."""
    from finsent.runs.queue import stop

    print(f"Run folder: {run.folder}", file=sys.stderr)
    try:
        run = watch(run)
    except KeyboardInterrupt:
        print("\nStopping; what was learned so far is kept.", file=sys.stderr)
        stop(run)
        run = watch(run)
    return ended(run)


def ended(run: Run) -> Printed:
    """Return how a run ended, with the verdict on it; a failed or lost one makes the command fail."""
    value = {
        "run": run.id,
        "state": run.state,
        "steps": run.steps,
        "seconds": round(run.seconds or 0, 1),
        "folder": str(run.folder),
        "error": run.error,
        "warning": run.warning,
    }
    verdict, words = _verdict(run)
    text = "\n".join(filter(None, [f"{run.state}: {run.folder}", run.error, run.warning, *words]))
    return Printed(value | {"verdict": verdict}, text, failed=run.state in {RunState.FAILED, RunState.LOST})


def _verdict(run: Run) -> tuple[dict[str, Any] | None, list[str]]:
    """Return the verdict on a run as JSON and in words; None and nothing where both models have not been judged."""
    from finsent.evaluation.in_proportion import run_verdict
    from finsent.metrics.wording import verdict_sentences

    if not run.has_comparison:
        return None, []
    try:
        verdict = run_verdict(run)
    except FinsentError as error:
        return None, [str(error)]
    return to_json(verdict), verdict_sentences(verdict)


def _read_here(recipe: Recipe) -> "Prepared | None":
    """Return a recipe's data; None where the hub's would have to be fetched first, which the worker does."""
    from finsent.data.prepared import prepare
    from finsent.runs.reach import settle

    recipe = settle(recipe)
    return None if recipe.source == "hub" and not sujet_is_cached() else prepare(recipe)


def _announced(
    recipe: Recipe, prepared: "Prepared | None", runs_dir: Path, beginning: "Beginning | None"
) -> list[dict[str, str]]:
    """Say on standard error what a run will be and what keeps it from learning; return the latter for JSON."""
    from finsent.data.learnable import launch_warnings
    from finsent.runs.plan import plan_words

    if prepared is None:
        return []
    print(plan_words(recipe, prepared), file=sys.stderr)
    warnings = launch_warnings(recipe, prepared, _taught_before(runs_dir, beginning))
    for warning in warnings:
        print(f"Before you launch: {warning.sentence}", file=sys.stderr)
    return [warning.as_json() for warning in warnings]


def _taught_before(runs_dir: Path, beginning: "Beginning | None") -> list[str]:
    """Return the labels that the adapter which a run starts from has learnt, as far as they are known."""
    from finsent.runs.taught import taught_rows

    if beginning is None or not beginning.origin.parent:
        return []
    rows = taught_rows(load_run(runs_dir, beginning.origin.parent)).rows
    return [] if rows is None else rows["label"].unique().tolist()


def _submit(
    recipe: Recipe, options: argparse.Namespace, prepared: "Prepared | None", beginning: "Beginning | None"
) -> Printed:
    from finsent.cost.estimate import estimate_run
    from finsent.data.prepared import prepare
    from finsent.runs.queue import submit

    prepared = prepared or prepare(recipe)
    warnings = _announced(recipe, prepared, options.runs_dir, beginning)
    estimate = estimate_run(recipe, prepared.counts, list_runs(options.runs_dir), options.runs_dir)
    seconds = estimate.seconds if estimate else None
    if options.seeds is not None:
        queued = queue_group(recipe, options.runs_dir, options.seeds, options.name, seconds, prepared)
        return queued._replace(value=queued.value | {"warnings": warnings})
    run = submit(recipe, options.runs_dir, options.name, seconds, prepared=prepared, beginning=beginning)
    value = {"run": run.id, "state": run.state, "waiting": run.waiting, "folder": str(run.folder)}
    value["warnings"] = warnings
    if not run.waiting:
        return Printed(value | {"before": 0}, f"Run {run.id} has started. Follow it: python -m finsent watch {run.id}")
    before = waiting_before(run)
    words = f"{before} in the queue before it" if before else "next in the queue"
    return Printed(value | {"before": before}, f"Run {run.id} waits for its turn, {words}.")


def _measured(recipe: Recipe, options: argparse.Namespace, prepared: "Prepared | None") -> "Prepared":
    """Measure the speed of a recipe's settings, for which nothing else may be at work; return its data."""
    from finsent.cost.speed import calibrate
    from finsent.data.prepared import prepare
    from finsent.runs.reach import settle

    recipe = settle(recipe)
    prepared = prepared or prepare(recipe)
    busy = active_run(options.runs_dir)
    if busy is not None:
        raise RunActiveError(f"Run {busy.id} is at work and would falsify the measurement. Measure when it ended.")
    calibrate(recipe, options.runs_dir)
    return prepared


def _cost(
    recipe: Recipe, options: argparse.Namespace, prepared: "Prepared | None", beginning: "Beginning | None"
) -> Printed:
    """Return what a run would take, by what was measured on this machine."""
    from finsent.cost.estimate import estimate_run, in_words
    from finsent.data.learnable import launch_warnings
    from finsent.data.prepared import prepare
    from finsent.runs.groups import group_recipes
    from finsent.runs.plan import plan_words, warmup_words
    from finsent.runs.reach import settle

    recipe = settle(recipe)
    seeds = 1 if options.seeds is None else len(group_recipes(recipe, options.seeds))
    prepared = prepared or prepare(recipe)
    rows = prepared.counts
    warnings = launch_warnings(recipe, prepared, _taught_before(options.runs_dir, beginning))
    steps, warmup = total_steps(recipe, rows["train"]), warmup_steps(recipe, rows["train"])
    estimate = estimate_run(recipe, rows, list_runs(options.runs_dir), options.runs_dir)
    plan = plan_words(recipe, prepared)
    value = {
        "plan": plan,
        "rows": rows,
        "steps": steps,
        "warmup_steps": warmup,
        "seconds": estimate.seconds if estimate else None,
        "memory_bytes": estimate.speed.peak_memory_bytes if estimate else None,
        "basis": estimate.speed.basis if estimate else None,
        "seeds": seeds,
        "warnings": [warning.as_json() for warning in warnings],
        "command": command_line(recipe),
    }
    lines = [plan, f"{steps:,} steps over {rows['train']:,} training rows."]
    lines += filter(None, [warmup_words(recipe, rows["train"])])
    lines += [f"Before you launch: {warning.sentence}" for warning in warnings]
    if estimate is None:
        lines.append("Cost: not measured yet on this machine. Measure it with --measure (about half a minute).")
    else:
        memory = estimate.speed.peak_memory_bytes
        lines.append(f"About {in_words(estimate.seconds)}" + (f", {size_words(memory)} of memory" if memory else ""))
        if seeds > 1:
            lines.append(f"{seeds} seeds, one after another: about {in_words(seeds * estimate.seconds)}.")
        lines.append(f"By the speed that {estimate.speed.basis} measured on this machine.")
    return Printed(value, "\n".join([*lines, command_line(recipe)]))
