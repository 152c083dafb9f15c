"""The commands ``lab``, what the first page shows, and ``pin`` and ``unpin``, which run it shows."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finsent.cli.arguments import Commands, Printed, add_command, add_run, add_runs_dir
from finsent.errors import FinsentError
from finsent.machine import look_around
from finsent.runs.find import find_run
from finsent.runs.store import Run, at_work, list_runs

if TYPE_CHECKING:
    from finsent.evaluation.example import Story
    from finsent.runs.chosen import Chosen

_MOST_UNFINISHED = 3


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    add_runs_dir(add_command(commands, "lab", show_lab))
    add_run(add_command(commands, "pin", pin_run))
    add_runs_dir(add_command(commands, "unpin", unpin_run))


def show_lab(options: argparse.Namespace) -> Printed:
    """This machine, the run at work, those that were not finished, and the result of the pinned run or the best.

    Example: ``python -m finsent lab``
    """
    from finsent.metrics.wording import verdict_sentences
    from finsent.runs.chosen import interrupted, pinned_id

    world, runs = look_around(), list_runs(options.runs_dir)
    busy, unfinished, found = at_work(runs), interrupted(runs), _story(runs, options.runs_dir)
    value: dict[str, Any] = {"machine": asdict(world) | {"world": world.name}}
    value["at_work"] = {"run": busy.id, "state": busy.state} if busy else None
    value["unfinished"] = [{"run": run.id, "state": run.state, "steps": run.steps} for run in unfinished]
    value["pinned"], value["result"] = pinned_id(options.runs_dir), None
    lines = [f"{world.device}; {world.name} world", f"At work: run {busy.id}, {busy.state}" if busy else ""]
    lines += [
        f"Not finished: {run.title}, {run.state} at step {run.steps:,}. Go on: python -m finsent resume {run.id}"
        for run in unfinished[:_MOST_UNFINISHED]
    ]
    if found is None:
        lines.append("No finished run with a result yet. Launch one: python -m finsent train --recipe quick")
        return Printed(value, "\n".join(line for line in lines if line))
    chosen, story = found
    value["result"] = {
        "run": chosen.run.id,
        "why": chosen.why,
        "verdict": story.verdict.kind,
        "tone": story.verdict.tone,
        "sentences": verdict_sentences(story.verdict),
        "example": asdict(story.example) if story.example else None,
    }
    lines += [f"Result of run {chosen.run.title} ({chosen.why}):", *verdict_sentences(story.verdict)]
    if story.example:
        one = story.example
        lines += [f"A neutral text: {one.text}", f"  base model {one.baseline}, fine-tuned {one.tuned}"]
    return Printed(value, "\n".join(line for line in lines if line))


def pin_run(options: argparse.Namespace) -> Printed:
    """Pin a run: pages and commands take it where nobody names one.

    Example: ``python -m finsent pin latest``
    """
    from finsent.runs.chosen import pin

    run = find_run(options.runs_dir, options.run)
    pin(run)
    return Printed({"run": run.id, "pinned": True}, f"Pinned: {run.title} ({run.id}). It is taken where none is named.")


def unpin_run(options: argparse.Namespace) -> Printed:
    """Take the pin away: the best run on its validation rows is taken where nobody names one.

    Example: ``python -m finsent unpin``
    """
    from finsent.runs.chosen import unpin

    was = unpin(options.runs_dir)
    return Printed({"run": was, "pinned": False}, f"No longer pinned: {was}." if was else "No run was pinned.")


def _story(runs: list[Run], runs_dir: Path) -> "tuple[Chosen, Story] | None":
    """Return the run that is taken where nobody names one, and its story."""
    from finsent.evaluation.example import tell_story
    from finsent.runs.chosen import choose

    chosen = choose(runs, runs_dir)
    try:
        return None if chosen is None else (chosen, tell_story(chosen.run))
    except (FinsentError, OSError):
        return None
