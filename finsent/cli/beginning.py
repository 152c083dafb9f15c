"""The options of ``train`` that say what a run begins with besides its recipe."""

import argparse
import sys
from typing import TYPE_CHECKING

from finsent.cli.recipe_options import chosen_recipe
from finsent.errors import UsageError
from finsent.recipe import Recipe
from finsent.runs.find import RUN_HELP, find_run
from finsent.runs.store import list_runs

if TYPE_CHECKING:
    from finsent.data.prepared import Prepared
    from finsent.runs.beginning import Beginning

_SAVED = ""


def add_beginning(command: argparse.ArgumentParser, start: "argparse._MutuallyExclusiveGroup") -> None:
    """Add ``--from`` to the options that say which settings to start from, and what goes with it."""
    start.add_argument("--from", dest="parent", metavar="RUN", help=f"continue a run, from its adapter: {RUN_HELP}")
    command.add_argument(
        "--corrections",
        nargs="?",
        const=_SAVED,
        metavar="FILE",
        help="train on corrected labels: those that correct has saved for the data, or those of a file",
    )
    command.add_argument(
        "--repair", metavar="FILE", help="with --from: train on the rows of a file, as repair writes it"
    )
    command.add_argument(
        "--replay", type=int, metavar="N", help="ordinary training rows with each row of --repair (default 3)"
    )


def recipe_of_parent(options: argparse.Namespace) -> Recipe:
    """Return the settings of the run that ``--from`` names, with the changes that the options make.

    Raises:
        ContinueError: a run with these settings cannot continue that one.
    """
    from finsent.evaluation.continuing import check_child
    from finsent.runs.reach import settle

    parent = find_run(options.runs_dir, options.parent)
    recipe = chosen_recipe(options, parent.recipe)
    check_child(parent, settle(recipe))
    return recipe


def fit_into(
    seconds: float, recipe: Recipe, options: argparse.Namespace, prepared: "Prepared | None"
) -> tuple[Recipe, "Prepared"]:
    """Return the recipe with the epochs and rows that fit into so many seconds, and its data; say what was picked.

    Raises:
        BudgetError: the time is too short, or the speed is not known.
    """
    from finsent.cost.budget import within_budget
    from finsent.cost.estimate import known_speed
    from finsent.data.prepared import draw, prepare
    from finsent.runs.reach import settle

    settled = settle(recipe)
    prepared = prepared or prepare(settled)
    speed = known_speed(settled, list_runs(options.runs_dir), options.runs_dir)
    budget = within_budget(settled, prepared.counts, speed, seconds)
    each = "" if options.seeds is None else " for each seed"
    print(f"Within {options.budget}{each}: {budget.words}.", file=sys.stderr)
    return budget.recipe, draw(budget.recipe, prepared.data)


def begin(options: argparse.Namespace, recipe: Recipe) -> tuple["Beginning | None", "Prepared | None"]:
    """Return what the new run begins with and its data then; (None, None) where that is its recipe alone.

    Raises:
        DataError, RunError: what is asked for cannot be begun with.
    """
    if options.parent is None and options.repair is not None:
        raise UsageError("--repair goes with --from RUN, the run that it repairs.")
    if options.repair is None and options.replay is not None:
        raise UsageError("--replay goes with --repair.")
    if options.parent is None and options.corrections is None:
        return None, None
    if options.budget is not None:
        raise UsageError("--budget picks the rows of a recipe. Leave it out with --from and --corrections.")
    if options.seeds is not None:
        raise UsageError("A group of seeds starts from the base model. Leave out --seeds, or --from and --corrections.")
    from finsent.data.dataset import load_data
    from finsent.data.prepared import prepare
    from finsent.evaluation.continuing import MOST_REPLAY, REPLAY, beginning
    from finsent.runs.corrections import given_corrections, saved_corrections

    replay = REPLAY if options.replay is None else options.replay
    if not 0 <= replay <= MOST_REPLAY:
        raise UsageError(f"--replay must be from 0 to {MOST_REPLAY}, not {replay}.")
    data = prepare(recipe)
    corrections = None
    if options.corrections == _SAVED:
        corrections = saved_corrections(options.runs_dir, data)
        if not corrections.rows:
            raise UsageError("Nothing was corrected in these data yet. See: python -m finsent correct --help")
    elif options.corrections is not None:
        corrections = given_corrections(options.corrections, data)
    begun = beginning(
        data,
        None if options.parent is None else find_run(options.runs_dir, options.parent),
        corrections,
        None if options.repair is None else load_data(options.repair).rows,
        replay,
        recipe.seed,
    )
    return begun, begun.prepared(data)
