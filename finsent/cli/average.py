"""The command ``average``: several runs' adapters as one."""

import argparse

from finsent.cli.arguments import Commands, Printed, add_command, add_runs_dir
from finsent.cli.groups import runs_named
from finsent.cli.training import see_through
from finsent.runs.find import RUN_HELP


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    average = add_command(commands, "average", average_runs)
    average.add_argument("runs", nargs="+", metavar="RUN", help=f"{RUN_HELP}; or a group of seeds")
    average.add_argument("--name", default="", help="a name for the run that is their average")
    average.add_argument("--queue", action="store_true", help="make it in the background, at once or in its turn")
    add_runs_dir(average)


def average_runs(options: argparse.Namespace) -> Printed:
    """Average the adapters of several runs, or of a group of seeds, into one, which is judged as a run of its own.

    Its update is exactly the mean of theirs, and its rank the sum. What would not be exact is refused.
    Example: ``python -m finsent average RUN OTHER``
    """
    from finsent.runs.averaged import submit_average
    from finsent.runs.queue import refuse_beside_run

    runs = [run for words in options.runs for run in runs_named(options.runs_dir, words)]
    if not options.queue:
        refuse_beside_run(options.runs_dir)
    run = submit_average(runs, options.name)
    if not options.queue:
        return see_through(run)
    value = {"run": run.id, "state": run.state, "waiting": run.waiting, "averaged": list(run.averaged)}
    return Printed(value, f"Run {run.id} averages {len(run.averaged)}. Follow it: python -m finsent watch {run.id}")
