"""The command ``map``: where the texts of a data set stand beside one another."""

import argparse
import sys
from typing import TYPE_CHECKING

from finsent.cli.arguments import (
    MODEL_HELP,
    Commands,
    Printed,
    add_choices,
    add_command,
    add_output,
    add_runs_dir,
    add_source,
)
from finsent.cli.output import records, table_text, write_table
from finsent.cli.progress import counter
from finsent.data.choices import choices_of
from finsent.errors import RunError
from finsent.runs.find import RUN_HELP, find_run

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


def add_commands(commands: Commands) -> None:
    """Add the command of this module."""
    placed = add_command(commands, "map", place_texts)
    placed.add_argument("--model", help=f"place texts by how this model reads them, not by words: {MODEL_HELP}")
    placed.add_argument("--run", metavar="RUN", help=f"add what both models of a run say of them: {RUN_HELP}")
    add_output(placed, "--csv", "write the places as CSV")
    add_runs_dir(placed)
    add_source(placed)
    add_choices(placed)


def place_texts(options: argparse.Namespace) -> Printed:
    """Place the texts of a data set in two dimensions: those that are alike stand near each other.

    Alike are texts with words in common, or with --model those with like hidden states; these are computed once for
    the same texts, of at most 5,000 of them.

    Example: ``python -m finsent map --source embedded --csv map.csv``
    """
    from finsent.data.dataset import load_data, split_rows
    from finsent.data.text_map import text_map

    data = load_data(options.source, choices_of(options))
    rows = split_rows(data.rows)
    if options.run is not None:
        rows = _answered(rows, data.fingerprint, options)
    if options.model is None:
        some, places = rows, text_map(rows["text"])
    else:
        some, places = _placed_by_model(rows, options.model, options.runs_dir)
    table = places.join(some.drop(columns=["system_prompt", "prompt"]))
    if options.csv is not None:
        write_table(options.csv, table)
    by = f"the hidden states of {options.model}" if options.model else "their words"
    head = f"{len(table):,} of {len(rows):,} texts placed by {by}; axes have no unit"
    return Printed(records(table), f"{head}\n{table_text(table[['row_id', 'x', 'y', 'label', 'text']].round(2))}")


def _placed_by_model(rows: "pd.DataFrame", model: str, runs_dir: "Path") -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return the rows that are placed and their places; the states are read from the cache or computed here."""
    from finsent.data.text_map import vector_map
    from finsent.evaluation.text_states import compute_states, model_reading, read_states

    some, reading = model_reading(rows, model)
    states, why = read_states(reading, runs_dir)
    if why:
        print(f"finsent: What was kept of these texts is not used: {why}. It is computed again.", file=sys.stderr)
    if states is None:
        states = compute_states(reading, runs_dir, counter("tokens"))
    return some, vector_map(states, some.index)


def _answered(rows: "pd.DataFrame", fingerprint: str, options: argparse.Namespace) -> "pd.DataFrame":
    from finsent.evaluation.row_answers import sets_on, with_answers

    run = find_run(options.runs_dir, options.run)
    if not sets_on(run, fingerprint):
        raise RunError(
            f"Run {run.id} was not judged on rows of these data. Judge it on them first: python -m finsent evaluate "
            f"{run.id} --data {options.source}"
        )
    return with_answers(rows, run, fingerprint)
