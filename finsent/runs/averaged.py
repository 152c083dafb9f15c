"""Runs that train nothing: the adapters of other runs are put side by side as one, which is judged like any other.

Such a run stands in the queue and goes through the stages as every run does, but for the training. Its parents are
named in its record, and its adapter is its own, so that it stays what it is when they are deleted.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from finsent.data.prepared import DRAWING
from finsent.errors import AdapterError, RunStateError
from finsent.files import remove
from finsent.models.adapter import NOTE_FILE
from finsent.models.average import average_adapters, plan_average
from finsent.recipe import change_recipe
from finsent.runs.adapter_export import adapter_note
from finsent.runs.deletion import discard
from finsent.runs.evaluated_sets import forget_judged
from finsent.runs.locks import launch_lock
from finsent.runs.queue import start_next
from finsent.runs.reach import validate_launch
from finsent.runs.removed import check_answers_new_texts
from finsent.runs.starting import Command
from finsent.runs.store import Run, create_run, read_run, update_run

#: More adapters than this make a rank that nobody needs.
MOST_PARENTS = 10


def check_average(runs: Sequence[Run]) -> None:
    """Raise unless the adapters of these runs have an exact mean that can be judged on rows none of them has seen.

    Raises:
        RunStateError: there are too few or too many, one has no adapter, or they differ in data, rows or base model.
        AdapterError: as :func:`finsent.models.average.plan_average`.
        RemovedSettingError: one was trained with a way of reading texts that finsent no longer has.
    """
    if not 2 <= len({run.id for run in runs}) == len(runs) <= MOST_PARENTS:
        raise RunStateError(f"An average takes from 2 to {MOST_PARENTS} different runs. Name each of them once.")
    first = runs[0]
    for run in runs:
        check_answers_new_texts(run)
        if run.active or not run.has_adapter:
            raise RunStateError(f"Run {run.id} is {run.state} and has no finished adapter. Choose runs that are done.")
        if run.model_hash != first.model_hash:
            raise RunStateError(f"Runs {first.id} and {run.id} have different base models, so nothing can be averaged.")
        if run.source_hash != first.source_hash or _drawing(run) != _drawing(first):
            raise RunStateError(
                f"Runs {first.id} and {run.id} were trained on different rows, so that one may have seen what the "
                "average would be judged on. Average runs with the same data, rows and split."
            )
    plan_average([run.adapter_dir for run in runs])


def submit_average(runs: Sequence[Run], name: str = "", command: Command = None) -> Run:
    """Create the run that is the average of others, which is made and judged now or in its turn.

    It has the settings of the first one, whose adapters' rank is the sum of all.

    Raises:
        RunStateError, AdapterError, RemovedSettingError: as :func:`check_average`.
        SourceNotFoundError, ModelNotFoundError, DiskFullError: as :func:`finsent.runs.queue.submit`.
    """
    check_average(runs)
    first = runs[0]
    runs_dir = first.folder.parent
    recipe = validate_launch(change_recipe(first.recipe, {"processes": 1}))
    with launch_lock(runs_dir):
        run = create_run(recipe, runs_dir, " ".join(name.split()) or average_name(runs))
        try:
            parents = tuple(one.id for one in runs)
            update_run(run.folder, averaged=parents, compute_dtype=first.settled_recipe.compute_dtype)
        except BaseException:
            discard(run.folder)
            raise
    start_next(runs_dir, command)
    return read_run(run.folder)


def average_name(runs: Sequence[Run]) -> str:
    """Return what the average of some runs is called, by their group or by the first of them."""
    group = runs[0].group
    alike = group is not None and all(run.group == group for run in runs)
    title = group.name if group is not None and alike and group.name else runs[0].spoken
    return f"average of {len(runs)} · {title}"[:80]


def make_averaged_adapter(run: Run) -> Path:
    """Write the adapter of a run that is an average, and return its folder; it appears at once and whole.

    Raises:
        AdapterError: a parent's adapter is gone, or as :func:`finsent.models.average.average_adapters`.
    """
    folders = [run.folder.parent / parent / "adapter" for parent in run.averaged]
    gone = [folder.parent.name for folder in folders if not folder.is_dir()]
    if gone:
        raise AdapterError(
            f"Run {gone[0]}, whose adapter is to be averaged, was deleted. Average the runs that remain."
        )
    scratch = run.folder / ".adapter.new"
    remove(scratch)
    scratch.mkdir()
    average_adapters(folders, scratch)
    (scratch / NOTE_FILE).write_text(json.dumps(adapter_note(run), indent=2), encoding="utf-8")
    forget_judged(run)
    remove(run.adapter_dir)
    scratch.rename(run.adapter_dir)
    return run.adapter_dir


def _drawing(run: Run) -> dict[str, object]:
    return run.recipe.model_dump(include=set(DRAWING))
