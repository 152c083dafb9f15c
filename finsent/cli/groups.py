"""What the commands do where they are given a group of seeds: train it, follow it, stop it, resume it."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finsent.cli.arguments import Printed
from finsent.cli.output import table_text
from finsent.cli.progress import counter, watch
from finsent.data.choices import choices_of
from finsent.errors import UsageError
from finsent.metrics.figures_json import to_json
from finsent.recipe import Recipe
from finsent.runs.find import find_run
from finsent.runs.store import Run, RunState, read_run

if TYPE_CHECKING:
    from finsent.data.prepared import Prepared
    from finsent.runs.groups import RunGroup


def group_named(runs_dir: Path, words: str | None) -> "RunGroup | None":
    """Return the group that words mean, or None where there are none or they may mean a run."""
    from finsent.runs.groups import meant_group

    return None if words is None else meant_group(runs_dir, words)


def queue_group(
    recipe: Recipe, runs_dir: Path, seeds: int, name: str, seconds: float | None, prepared: "Prepared | None"
) -> Printed:
    """Queue a group and return at once."""
    from finsent.runs.groups import submit_group

    group = submit_group(recipe, runs_dir, seeds, name, seconds, prepared=prepared)
    value = {"group": group.id, "runs": [_facts(run) for run in group.runs]}
    words = f"Group {group.id} of {seeds} runs, seeds {_seeds(group)}."
    return Printed(value, f"{words} Follow it: python -m finsent watch {group.id}")


def train_group(recipe: Recipe, runs_dir: Path, seeds: int, name: str, prepared: "Prepared | None") -> Printed:
    """Train a group in the foreground; an interrupt from the keyboard stops it and keeps what was learned."""
    from finsent.runs.groups import submit_group
    from finsent.runs.queue import refuse_beside_run

    refuse_beside_run(runs_dir)
    return see_group_through(submit_group(recipe, runs_dir, seeds, name, prepared=prepared))


def see_group_through(group: "RunGroup") -> Printed:
    """Follow a group to its end; an interrupt from the keyboard stops the group."""
    from finsent.runs.groups import stop_group

    try:
        return follow_group(group)
    except KeyboardInterrupt:
        print("\nStopping the group; what was learned so far is kept.", file=sys.stderr)
        stop_group(_now(group))
        return follow_group(group)


def follow_group(group: "RunGroup") -> Printed:
    """Follow a group's members one after another; ending this command leaves them at work."""
    from finsent.cost.estimate import in_words

    for place, run in enumerate(group.runs, start=1):
        now = _now(group)
        if read_run(run.folder).active:
            left = f", about {in_words(now.seconds_left)} left for all" if now.seconds_left else ""
            print(f"Seed {run.recipe.seed}, {place} of {len(group.runs)}{left}: {run.folder}", file=sys.stderr)
            watch(run)
    return group_ended(_now(group))


def stop_whole_group(group: "RunGroup", now: bool) -> Printed:
    """Stop the member at work, with ``now`` at once, and take the others out of the queue."""
    from finsent.runs.groups import stop_group
    from finsent.runs.queue import end_now

    told = stop_group(group)
    if now and group.at_work is not None:
        end_now(group.at_work)
    value = {"group": group.id, "stopping": True, "runs": [run.id for run in told]}
    return Printed(value, f"Group {group.id}: {len(told)} of {len(group.runs)} runs were told to stop.")


def resume_whole_group(group: "RunGroup") -> Printed:
    """Put back what was stopped, failed or lost, and follow the group to its end."""
    from finsent.runs.groups import resume_group

    resume_group(group)
    return see_group_through(_now(group))


def evaluated_group(group: "RunGroup", options: argparse.Namespace) -> Printed:
    """Return what a group is worth, on its own test split or on the rows of ``--data``, which each member scores."""
    from finsent.data.dataset import load_data
    from finsent.evaluation.groups import judged_members
    from finsent.evaluation.judge import evaluate_run
    from finsent.runs.evaluated_sets import OWN, set_key

    if options.generate or options.rival:
        raise UsageError("--generate and --rival take one run. Give the run of one of the seeds.")
    if options.data is None:
        return _evaluation(group, OWN)
    for run in judged_members(group):
        evaluate_run(run, options.data, counter("rows"), choices=choices_of(options))
    return _evaluation(group, set_key(load_data(str(options.data), choices_of(options)).fingerprint))


def runs_named(runs_dir: Path, words: str) -> list[Run]:
    """Return the run that words mean, or the members of the group that they mean."""
    group = group_named(runs_dir, words)
    return [find_run(runs_dir, words)] if group is None else list(group.runs)


def _evaluation(group: "RunGroup", on: str) -> Printed:
    from finsent.evaluation.groups import evaluate_group, seeds_sentences, seeds_table
    from finsent.metrics.wording import verdict_sentences

    found = evaluate_group(group, on=on)
    lines = [f"{group.title}: {found.n:,} rows", *verdict_sentences(found.verdict), *seeds_sentences(found)]
    return Printed(to_json(found), "\n".join([*lines, "", table_text(seeds_table(found), None)]))


def group_ended(group: "RunGroup") -> Printed:
    """Return how a group ended, with its verdict; a failed or lost member makes the command fail."""
    from finsent.evaluation.groups import judged_members
    from finsent.runs.evaluated_sets import OWN

    value: dict[str, Any] = {
        "group": group.id,
        "seconds": round(group.seconds, 1),
        "runs": [_facts(run) for run in group.runs],
    }
    lines = [f"Group {group.id}: {len(group.done)} of {len(group.runs)} runs are done."]
    for run in group.runs:
        lines += filter(None, [f"seed {run.recipe.seed}: {run.state}: {run.folder}", run.error, run.warning])
    if len(judged_members(group)) > 1:
        verdict = _evaluation(group, OWN)
        value |= {"verdict": verdict.value["verdict"]}
        lines += ["", verdict.text]
    failed = any(run.state in {RunState.FAILED, RunState.LOST} for run in group.runs)
    return Printed(value, "\n".join(lines), failed)


def _now(group: "RunGroup") -> "RunGroup":
    from finsent.runs.groups import read_again

    return read_again(group)


def _facts(run: Run) -> dict[str, Any]:
    facts = {"run": run.id, "seed": run.recipe.seed, "state": run.state, "waiting": run.waiting, "steps": run.steps}
    return facts | {"error": run.error, "warning": run.warning, "folder": str(run.folder)}


def _seeds(group: "RunGroup") -> str:
    return ", ".join(map(str, group.seeds))
