"""Groups of runs that differ in their seed alone: launched, stopped, resumed and found together.

A seed decides LoRA's start, its dropout and the order of the rows. It says nothing about the task, and yet it moves
every figure; a group shows by how much. Each member is a run of its own, with the group in its record.
"""

import contextlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from finsent.data.prepared import Prepared
from finsent.errors import DiskFullError, RecipeError, RunNotFoundError, RunStateError
from finsent.recipe import Recipe, change_recipe
from finsent.runs.deletion import discard
from finsent.runs.locks import launch_lock
from finsent.runs.names import SEPARATOR, said, spoken_words
from finsent.runs.queue import resume, start_next, stop
from finsent.runs.reach import validate_launch
from finsent.runs.record import Group
from finsent.runs.starting import Command
from finsent.runs.store import Run, RunState, create_run, list_runs, read_run, update_run

#: Every member trains and is judged anew, so a group of so many takes so many times as long.
FEWEST_SEEDS, MOST_SEEDS = 2, 10
_PREFIX = "seeds-"
#: So that a member's name, which adds its seed, is no longer than a run's may be.
_LONGEST_NAME = 60


@dataclass(frozen=True)
class RunGroup:
    """A group with those of its members that are still there, in the order of their seeds as they were launched."""

    about: Group
    runs: tuple[Run, ...]

    @property
    def id(self) -> str:
        """The group's id, for example ``seeds-1f1187``."""
        return self.about.id

    @property
    def title(self) -> str:
        """The name that its owner gave it, else what its runs are called without their seed."""
        usual = Recipe.model_fields["seed"].default
        words = spoken_words(self.runs[0].recipe.model_copy(update={"seed": usual}))
        return self.about.name or f"{words}{SEPARATOR}{len(self.about.members)} seeds"

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the members that are there."""
        return tuple(run.recipe.seed for run in self.runs)

    @property
    def missing(self) -> int:
        """How many members were deleted."""
        return len(self.about.members) - len(self.runs)

    @property
    def active(self) -> bool:
        """Whether a member is at work or waits for its turn."""
        return any(run.active for run in self.runs)

    @property
    def done(self) -> tuple[Run, ...]:
        """The members that have been judged to the end."""
        return tuple(run for run in self.runs if run.state == RunState.DONE)

    @property
    def resumable(self) -> tuple[Run, ...]:
        """The members that can go on."""
        return tuple(run for run in self.runs if run.resumable)

    @property
    def at_work(self) -> Run | None:
        """The member that is at work, or None."""
        return next((run for run in self.runs if run.active and not run.waiting), None)

    @property
    def share_done(self) -> float:
        """How much of the group's training is done, 0 to 1: whole members, and the steps of the one at work."""
        return sum(map(_share, self.runs)) / len(self.runs)

    @property
    def seconds(self) -> float:
        """Seconds that its members have been at work, all of them together."""
        return sum(run.seconds or 0.0 for run in self.runs)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the last member ends, from what the finished ones took or else from the estimate.

        None where neither is known, or nothing is left to do.
        """
        took = [run.seconds for run in self.done if run.seconds]
        estimated = next((run.estimated_seconds for run in self.runs if run.estimated_seconds), None)
        each = sum(took) / len(took) if took else estimated
        if each is None or not self.active:
            return None
        return sum(max(0.0, each - (run.seconds or 0.0)) for run in self.runs if run.active)


def submit_group(
    recipe: Recipe,
    runs_dir: Path,
    seeds: int,
    name: str = "",
    estimated_seconds: float | None = None,
    command: Command = None,
    prepared: Prepared | None = None,
) -> RunGroup:
    """Queue as many runs of a recipe as there are ``seeds``: its own seed, and the ones after it.

    The first starts now or in its turn. ``estimated_seconds`` is what one of them will take. A member is named after
    the group and its seed, where the group has a name.

    Raises:
        RecipeError: as :func:`group_recipes`.
        SourceNotFoundError, ModelNotFoundError, HubUnreachableError, DiskFullError: as
            :func:`finsent.runs.queue.submit`. In all cases nothing is left behind.
    """
    recipes = group_recipes(validate_launch(recipe, prepared), seeds)
    created: list[Run] = []
    name = " ".join(name.split())[:_LONGEST_NAME]
    with launch_lock(runs_dir):
        try:
            for one in recipes:
                created.append(create_run(one, runs_dir, f"{name}, seed {one.seed}" if name else ""))
            about = Group(id=f"{_PREFIX}{secrets.token_hex(3)}", name=name, members=tuple(run.id for run in created))
            for run in created:
                update_run(run.folder, group=about, estimated_seconds=estimated_seconds)
        except DiskFullError:
            for run in created:
                discard(run.folder)
            raise
    start_next(runs_dir, command)
    return RunGroup(about, tuple(read_run(run.folder) for run in created))


def group_recipes(recipe: Recipe, seeds: int) -> list[Recipe]:
    """Return a recipe with its own seed and with the ones after it, ``seeds`` in all.

    Raises:
        RecipeError: fewer than two or more than ten, or a seed would be beyond its range.
    """
    if not FEWEST_SEEDS <= seeds <= MOST_SEEDS:
        raise RecipeError(f"Seeds must be from {FEWEST_SEEDS} to {MOST_SEEDS}, not {seeds:,}.")
    return [change_recipe(recipe, {"seed": recipe.seed + number}) for number in range(seeds)]


def groups_of(runs: Iterable[Run]) -> list[RunGroup]:
    """Return the groups that some runs belong to, the newest first, each with those of its members among them."""
    by_id: dict[str, dict[str, Run]] = {}
    about: dict[str, Group] = {}
    for run in runs:
        if run.group is not None:
            about.setdefault(run.group.id, run.group)
            by_id.setdefault(run.group.id, {})[run.id] = run
    found = [
        RunGroup(about[key], tuple(members[member] for member in about[key].members if member in members))
        for key, members in by_id.items()
    ]
    groups = [group for group in found if group.runs]
    return sorted(groups, key=lambda group: group.runs[0].created, reverse=True)


def group_of(run: Run, runs: Iterable[Run]) -> RunGroup | None:
    """Return the group of a run, with the members among ``runs``; None of a run that is in none."""
    if run.group is None:
        return None
    return next((group for group in groups_of(runs) if group.id == run.group.id), None)


def meant_group(runs_dir: Path, words: str) -> RunGroup | None:
    """Return the group that words mean, by its id, the beginning of it, or its name; None where they mean none.

    Raises:
        RunNotFoundError: they begin as a group's id does, and are none or several.
    """
    words = words.strip()
    groups = groups_of(list_runs(runs_dir))
    named = [group for group in groups if said(words) == said(group.title)]
    by_id = [group for group in groups if group.id.startswith(words)] if words.startswith(_PREFIX) else []
    found = named or by_id
    if len(found) == 1:
        return found[0]
    if not found and not words.startswith(_PREFIX):
        return None
    there = ", ".join(f"{group.id} ({group.title})" for group in found or groups) or "none"
    several = "could be any of several groups" if found else "is no group of runs"
    raise RunNotFoundError(f"“{words}” {several} in {runs_dir}. Groups: {there}. Give a whole id.")


def stop_group(group: RunGroup) -> list[Run]:
    """Stop the member at work and take the others out of the queue; return those that were told.

    Those that wait go first, so that none of them has its turn in between.

    Raises:
        RunStateError: no member is at work or waits.
    """
    active = [run for run in group.runs if run.active]
    if not active:
        raise RunStateError(f"No run of group {group.id} is at work or waits for its turn.")
    for run in sorted(active, key=lambda run: not run.waiting):
        # One that ends meanwhile need not be told.
        with contextlib.suppress(RunStateError):
            stop(run)
    return active


def resume_group(group: RunGroup, command: Command = None) -> list[Run]:
    """Put the members that ended before they were done back into the queue, in their order; return them.

    Raises:
        RunStateError: there is none.
        RunChangedError, ...: as :func:`finsent.runs.queue.resume`; members before that one have been put back.
    """
    runs = group.resumable
    if not runs:
        raise RunStateError(f"No run of group {group.id} ended before it was done, so there is none to go on with.")
    return [resume(run, command) for run in runs]


def read_again(group: RunGroup) -> RunGroup:
    """Return the group as its members' records are now, those that were deleted left out."""
    there = [run for run in group.runs if (run.folder / "run.json").is_file()]
    return RunGroup(group.about, tuple(read_run(run.folder) for run in there))


def _share(run: Run) -> float:
    if run.state == RunState.DONE:
        return 1.0
    if run.progress is None or run.progress.unit != "steps":
        return 0.0
    return min(1.0, run.progress.done / max(run.progress.total, 1))
