"""Commands about what errors share: ``slices``, ``stories`` and ``disagree``."""

import argparse
from typing import Any

from finsent.cli.arguments import Commands, Printed, add_command, add_output, add_run, add_runs_dir, known
from finsent.cli.meant import meant_run
from finsent.cli.output import records, table_text, write_table
from finsent.metrics.figures_json import to_json
from finsent.runs.find import RUN_HELP, find_run


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    slices = add_command(commands, "slices", show_slices)
    slices.add_argument("--model", choices=["tuned", "baseline"], default="tuned", help="whose errors (default tuned)")
    add_run(slices, optional=True)
    stories = add_command(commands, "stories", show_stories)
    stories.add_argument("--story", help="rows of one story alone, for example forgotten")
    add_output(stories, "--csv", "write the rows as CSV")
    add_run(stories, optional=True)
    differ = add_command(commands, "disagree", show_disagreement)
    differ.add_argument("runs", nargs="+", metavar="RUN", help=f"two to six runs: {RUN_HELP}")
    differ.add_argument("--split", choices=["test", "validation"], default="test", help="which rows (default test)")
    add_output(differ, "--csv", "write the rows as CSV")
    add_runs_dir(differ)


def show_slices(options: argparse.Namespace) -> Printed:
    """What the errors of a model share: groups of texts in which it errs oftener, or that nothing splits them.

    Groups are chosen on validation rows and confirmed, or not, on test rows.
    Example: ``python -m finsent slices latest --model baseline``
    """
    from finsent.evaluation.slices import left_out_sentence, run_slices, slice_sentence, unconfirmed

    found = run_slices(meant_run(options), options.model)
    lines = [
        f"{len(found.kinds)} kinds of errors were looked at; groups chosen on {found.validation_n:,} validation rows, "
        f"confirmed on {found.test_n:,} test rows."
    ]
    lines += [f"{one.kind}, {' and '.join(one.words)}: {slice_sentence(one)}" for one in found.found]
    if not found.confirmed:
        lines.append(f"{unconfirmed(found)}.")
    if words := left_out_sentence(found):
        lines.append(words)
    return Printed(to_json(found), "\n".join(lines))


def show_stories(options: argparse.Namespace) -> Printed:
    """When each validation row was learnt, and forgotten: right or wrong at every evaluation of a run.

    Example: ``python -m finsent stories latest --story forgotten``
    """
    from finsent.evaluation.stories import STORIES, run_stories, without_lists

    run = meant_run(options, lambda run: run.predictions_file("validation").exists())
    found = run_stories(run)
    rows = found.rows
    if options.story is not None:
        known([options.story], STORIES, "story")
        rows = rows[rows["story"] == options.story]
    if options.csv is not None:
        write_table(options.csv, without_lists(rows))
    counts = ", ".join(f"{count:,} {story}" for story, count in found.counts.items())
    zero = f" (0: {found.start})" if found.start else " (what it began with is not known)"
    head = f"{found.n:,} validation rows at steps {', '.join(map(str, found.steps))}{zero}: {counts}"
    value: dict[str, Any] = {"run": run.id, "start": found.start}
    value |= {
        "steps": list(found.steps),
        "n": found.n,
        "counts": found.counts,
        "rows": records(rows),
    }
    columns = ["row_id", "story", "strip", "gold", "last answer", "first right", "forgotten", "text"]
    return Printed(value, f"{head}\n{table_text(rows[columns])}")


def show_disagreement(options: argparse.Namespace) -> Printed:
    """The rows on which two to six runs give different answers, and how often each two agree.

    Example: ``python -m finsent disagree latest OTHER --csv differ.csv``
    """
    from finsent.evaluation.disagreement import agreement_sentence, runs_disagree

    found = runs_disagree([find_run(options.runs_dir, words) for words in options.runs], options.split)
    if options.csv is not None:
        write_table(options.csv, found.rows)
    lines = [f"{len(found.rows):,} of {found.n:,} {found.split} rows are answered differently"]
    lines += [agreement_sentence(pair) for pair in found.pairs]
    value = {"split": found.split, "n": found.n, "pairs": [to_json(pair) for pair in found.pairs]}
    return Printed(value | {"rows": records(found.rows)}, "\n".join([*lines, table_text(found.rows)]))
