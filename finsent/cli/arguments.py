"""What the commands share: how one is added to the parser, and the options that several take."""

import argparse
import inspect
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, NoReturn, TypeAlias

from finsent.cli.output import file_to_write
from finsent.errors import UsageError
from finsent.models.base import EMBEDDED, MODELS
from finsent.runs.find import RUN_HELP
from finsent.runs.store import default_runs_dir, runs_folder

#: What ``add_subparsers`` returns; argparse has no public name for it.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

#: Options whose value may begin with a minus.
_SIGNED = ("--thresholds", "--labels")
_NUMBER = re.compile(r"-[\d.]")
SOURCE_HELP = "embedded, hub, owner/name[@revision] on the model hub, or a file or folder"
#: The run that is meant where none is named; :func:`finsent.cli.meant.meant_run` takes it.
UNNAMED = "the pinned run, else the best"
MODEL_HELP = f"{', '.join(MODELS)}, owner/name[@revision] on the model hub, or a folder"


class Printed(NamedTuple):
    """What a command gives back: the value that ``--json`` prints, the text for people, and whether a run failed."""

    value: Any
    text: str
    failed: bool = False


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, as every other mistake is said."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as ever; a value like -0.3,0.3 after an option that takes one is no option."""
        given = list(sys.argv[1:] if args is None else args)
        for place in range(len(given) - 1, 0, -1):
            if given[place - 1] in _SIGNED and _NUMBER.match(given[place]):
                given[place - 1 : place + 1] = [f"{given[place - 1]}={given[place]}"]
        return super().parse_known_args(given, namespace)

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with code 2."""
        print(f"finsent: {message}. See: {self.prog} --help", file=sys.stderr)
        sys.exit(2)


def add_command(
    commands: Commands, name: str, action: Callable[[argparse.Namespace], Printed]
) -> argparse.ArgumentParser:
    """Add a command that carries out ``action`` and takes ``--json``; return its parser.

    Its help is the function's docstring: the first line in the list of commands, and all of it in its own help.
    """
    words = inspect.cleandoc(action.__doc__ or "").replace("``", "")
    short = words.partition("\n")[0].rstrip(".")
    command = commands.add_parser(
        name,
        # Of argparse, which would read a per cent sign in the list of commands as a place for a value.
        help=(short[:1].lower() + short[1:]).replace("%", "%%"),
        description=words,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--json", action="store_true", help="print JSON as the last line")
    command.set_defaults(command=action)
    return command


def add_runs_dir(command: argparse.ArgumentParser) -> None:
    """Add ``--runs-dir``, the folder whose runs the command is about."""
    command.add_argument("--runs-dir", type=runs_folder, default=default_runs_dir(), help="folder of runs")


def add_run(command: argparse.ArgumentParser, optional: bool = False) -> None:
    """Add RUN and ``--runs-dir``, the run that the command is about; it may be left out where ``optional``."""
    if optional:
        command.add_argument("run", metavar="RUN", nargs="?", help=f"{RUN_HELP}; default: {UNNAMED}")
    else:
        command.add_argument("run", metavar="RUN", help=RUN_HELP)
    add_runs_dir(command)


def add_output(command: argparse.ArgumentParser, option: str, words: str) -> None:
    """Add an option that names a file to write; a command that could not write it ends before it does any work."""
    command.add_argument(option, metavar="FILE", type=file_to_write, help=words)


def add_model(command: argparse.ArgumentParser) -> None:
    """Add ``--model``, the embedded one if not given."""
    command.add_argument("--model", default=EMBEDDED, help=MODEL_HELP)


def add_source(command: argparse.ArgumentParser) -> None:
    """Add ``--source``, the embedded one if not given."""
    command.add_argument("--source", default=EMBEDDED, help=SOURCE_HELP)


def add_choices(command: argparse.ArgumentParser) -> None:
    """Add the options that say how a file is read; :func:`finsent.data.choices.choices_of` takes them from there."""
    group = command.add_argument_group("how a file is read")
    group.add_argument("--text-column", metavar="NAME", help="its column with the texts (default: by its name)")
    group.add_argument("--label-column", metavar="NAME", help="its column with the labels (default: by its name)")
    group.add_argument(
        "--labels", metavar="VALUE=LABEL,…", help="what its values mean, like 0=negative,1=neutral,2=positive"
    )
    group.add_argument("--thresholds", metavar="LOW,HIGH", help="where scores become negative and positive: -0.3,0.3")
    group.add_argument("--configuration", metavar="NAME", help="of a data set of the hub (default: its default one)")
    group.add_argument("--source-split", metavar="NAME", help="of a data set of the hub (default: all, as it has them)")
    group.add_argument(
        "--leave-out", action="store_true", default=None, help="go on without the rows that cannot be used"
    )


def add_model_and_source(command: argparse.ArgumentParser) -> None:
    """Add ``--model`` and ``--source``, the embedded ones if not given."""
    add_model(command)
    add_source(command)


def known(values: Iterable[str], choices: Iterable[str], what: str) -> list[str]:
    """Return the values, each of which must be a choice; for choices that are slow to import or known from data.

    Raises:
        UsageError: one of them is no choice.
    """
    values, choices = list(values), list(choices)
    for value in values:
        if value not in choices:
            raise UsageError(f"There is no {what} “{value}”. Choose from: {', '.join(choices) or 'none here'}.")
    return values
