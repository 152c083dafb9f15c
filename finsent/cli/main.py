"""The command line: everything that the app does, for people and for machines.

Each command prints text, or with ``--json`` one JSON value as the last line of standard output. Exit code 0 is
success, 1 a run that failed, 2 a user's mistake in one clear line on standard error. The commands stand in the other
modules of this package; they import what is slow only when they are carried out, so that ``--help`` is quick.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence

from finsent.cli import (
    average,
    behaviour,
    bench,
    data,
    evaluation,
    headlines,
    lab,
    mending,
    model,
    neutral,
    password,
    proportion,
    queue,
    runs,
    sharing,
    text_map,
    training,
    transfer,
    why,
)
from finsent.cli.arguments import Parser
from finsent.errors import FinsentError


def main(arguments: Sequence[str]) -> int:
    """Carry out one command and return the exit code."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        options = build_parser().parse_args(arguments)
        value, text, failed = options.command(options)
    except FinsentError as error:
        print(f"finsent: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    _say(json.dumps(value, ensure_ascii=False, allow_nan=False) if options.json else text)
    return 1 if failed else 0


def _say(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Whoever read has seen enough, as head has; Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = Parser(prog="python -m finsent", description="QLoRA fine-tuning for financial sentiment.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (
        lab,
        data,
        text_map,
        model,
        training,
        queue,
        average,
        runs,
        transfer,
        evaluation,
        proportion,
        neutral,
        mending,
        sharing,
        headlines,
        why,
        behaviour,
        bench,
        password,
    ):
        module.add_commands(commands)
    return parser
