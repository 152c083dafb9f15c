"""Which judged rows a command is about: a run, the set of rows, and how many classes are told apart."""

import argparse

from finsent.cli.arguments import add_run
from finsent.errors import UsageError
from finsent.runs.store import Run


def add_judged(command: argparse.ArgumentParser) -> None:
    """Add RUN and the options of the rows it was judged on."""
    add_run(command, optional=True)
    add_rows_and_classes(command)


def add_rows_and_classes(command: argparse.ArgumentParser) -> None:
    """Add ``--on`` and ``--classes``."""
    command.add_argument("--on", metavar="ROWS", help="rows judged with evaluate --data, by their title or key")
    command.add_argument("--classes", type=int, choices=[3, 5], default=3, help="labels told apart (default 3)")


def chosen_set(run: Run, wanted: str | None) -> str:
    """Return the key of the set of rows that ``--on`` names; without it, the run's own test split.

    Raises:
        UsageError: the run was not judged on such rows, or several sets have that title.
    """
    from finsent.runs.evaluated_sets import OWN, judged_sets

    if wanted is None:
        return OWN
    sets = judged_sets(run)
    found = [key for key, title in sets.items() if key and wanted in (key, title)]
    if len(found) == 1:
        return found[0]
    there = ", ".join(f"{title} ({key})" for key, title in sets.items() if key) or "no other rows"
    several = "Several sets have that title, so give a key. " if found else ""
    raise UsageError(f"Run {run.id} was judged on: {there}; not on “{wanted}” alone. {several}See: evaluate --data")
