"""The run whose results a command reads: the one that was named, else the pinned one or the best, and which it is."""

import argparse
import sys
from collections.abc import Callable

from finsent.runs.find import find_run
from finsent.runs.removed import answers_new_texts
from finsent.runs.store import Run


def meant_run(options: argparse.Namespace, usable: Callable[[Run], bool] = lambda run: run.has_comparison) -> Run:
    """Return the run that ``options.run`` names; where it names none, the one that is taken of those ``usable``.

    Raises:
        RunNotFoundError: no run, or not one alone, is meant.
        RunError: the run's record cannot be read.
    """
    return unnamed_run(options, usable) if options.run is None else find_run(options.runs_dir, options.run)


def unnamed_run(options: argparse.Namespace, usable: Callable[[Run], bool] = lambda run: run.has_comparison) -> Run:
    """Return the run that is taken where nobody names one, and say on standard error which it is and why.

    Raises:
        RunNotFoundError: there is none.
    """
    from finsent.runs.chosen import chosen_run

    found = chosen_run(options.runs_dir, usable)
    print(f"No run was named, so this is of {found.run.title} ({found.run.id}): {found.why}.", file=sys.stderr)
    return found.run


def answers_anew(run: Run) -> bool:
    """Whether a run was judged and its adapter answers new texts, as commands need that ask both models anew."""
    return run.has_comparison and run.has_adapter and answers_new_texts(run)
