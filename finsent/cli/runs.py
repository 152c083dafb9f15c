"""Commands about the history: ``runs``, ``show``, ``log``, ``curves``, ``describe``, ``adapter`` and ``delete``."""

import argparse
import contextlib
from typing import TYPE_CHECKING, Any

from finsent.cli.arguments import UNNAMED, Commands, Printed, add_command, add_output, add_run, add_runs_dir, known
from finsent.cli.meant import unnamed_run
from finsent.cli.output import records, table_text, write_file, write_table
from finsent.errors import FiguresFormatError, UsageError
from finsent.runs.chain import chain_of
from finsent.runs.find import RUN_HELP, find_any, find_folder, find_run
from finsent.runs.names import changes_in_words
from finsent.runs.signs import elsewhere
from finsent.runs.store import DamagedRun, Run, all_runs, log_tail

if TYPE_CHECKING:
    import pandas as pd

    from finsent.metrics.figures import Interval


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    add_runs_dir(add_command(commands, "runs", show_runs))
    add_run(add_command(commands, "show", show_run), optional=True)
    tail = add_command(commands, "log", show_log)
    tail.add_argument("--lines", type=int, default=40, help="how many (default 40)")
    add_run(tail)
    curves = add_command(commands, "curves", show_curves)
    curves.add_argument("runs", nargs="*", metavar="RUN", help=f"{RUN_HELP}; default: {UNNAMED}")
    curves.add_argument("--tag", help="one quantity, for example train/loss or eval/loss (default: all)")
    curves.add_argument(
        "--neutral", action="store_true", help="neutral validation texts called positive, with n and 95 %% interval"
    )
    add_output(curves, "--csv", "write every point as CSV")
    add_runs_dir(curves)
    words = add_command(commands, "describe", describe)
    words.add_argument("--name", help="a short name; an empty one takes it away")
    words.add_argument("--note", help="a note; an empty one takes it away")
    add_run(words)
    adapter = add_command(commands, "adapter", save_adapter)
    add_output(adapter, "--out", "default: finsent-adapter-RUN.zip")
    add_run(adapter)
    add_run(add_command(commands, "delete", remove_run))


def show_runs(options: argparse.Namespace) -> Printed:
    """All runs, newest first, with their results before → after (95 % interval), rows, seed, and what was changed.

    Those whose record is damaged follow, each with what is wrong.

    Example: ``python -m finsent runs``
    """
    import pandas as pd

    from finsent.runs.history import history_table

    runs, damaged = all_runs(options.runs_dir)
    broken = [{"run": run.id, "state": run.state, "error": run.problem} for run in damaged]
    listed = (
        ["\n".join([f"\n{len(damaged)} not readable:", *(f"  {run.problem}" for run in damaged)])] if damaged else []
    )
    if not runs:
        return Printed(broken, "\n".join([f"No runs in {options.runs_dir}.", *listed]))
    figures = history_table(runs)
    shown = ["n", "accuracy before", "accuracy after", "neutral as positive before", "neutral as positive after"]
    values = [
        {"run": run.id, "name": run.name, "state": run.state, "recipe": run.recipe.name, "steps": run.steps}
        | {"seconds": run.seconds, "source": run.recipe.source, "model": run.recipe.model, "error": run.error}
        | {"created": run.created.isoformat(), "note": run.note}
        | {"rows": run.splits.get("train"), "seed": run.recipe.seed, "changed": row["changed"]}
        | {name.replace(" ", "_"): row[name] for name in shown}
        for run, row in zip(runs, records(figures), strict=True)
    ]
    table = table_text(pd.DataFrame([_listed(run) for run in runs]), rows=None)
    return Printed([*values, *broken], "\n".join([table, *listed]))


def _listed(run: Run) -> dict[str, Any]:
    """Return a run's line in the list: its results with the interval of those after, what it was, what differs."""
    from finsent.runs.history import read_comparison

    results = None
    # What is wrong with a file of figures is said by show; here it must not hide the other runs.
    with contextlib.suppress(FiguresFormatError):
        results = read_comparison(run)
    before, after = (results.baseline, results.tuned) if results else (None, None)
    return {
        "run": run.id,
        "name": run.title,
        "state": str(run.state),
        "accuracy": _before_after(before.accuracy, after.accuracy, after.accuracy_ci) if before and after else "–",
        "neutral as positive": _before_after(
            before.neutral_as_positive, after.neutral_as_positive, after.neutral_as_positive_ci
        )
        if before and after
        else "–",
        "n": results.n if results else "–",
        "rows": run.splits.get("train", "–"),
        "seed": run.recipe.seed,
        "changed": ", ".join(changes_in_words(run.recipe)) or "–",
        "date": run.created.astimezone().strftime("%Y-%m-%d %H:%M"),
    }


def _before_after(before: float | None, after: float | None, interval: "Interval | None") -> str:
    if before is None or after is None or interval is None:
        return "–"
    return f"{before:.1%} → {after:.1%} ({interval.low:.1%} to {interval.high:.1%})"


def show_run(options: argparse.Namespace) -> Printed:
    """A run's whole record: state, settings, data, model, versions, hardware.

    With --json it is run.json, with what the run was made of as facts, and the chain of runs that it continues.
    Example: ``python -m finsent show latest``
    """
    from finsent.runs.damage import damaged_files
    from finsent.runs.history import folder_bytes, folder_files, provenance_table, settings_table

    run = unnamed_run(options) if options.run is None else find_any(options.runs_dir, options.run)
    if isinstance(run, DamagedRun):
        files = folder_files(run)
        value = {"run": run.id, "state": run.state, "error": run.problem, "folder": str(run.folder)}
        lines = [f"{run.id}: {run.state}", run.problem, *(f"{size:>12,} {file}" for file, size in files)]
        return Printed(value | {"files": dict(files)}, "\n".join(lines))
    facts, settings, damaged = provenance_table(run), settings_table(run), damaged_files(run)
    chain = chain_of(run, *all_runs(run.folder.parent))
    value = run.model_dump(mode="json") | {
        "facts": dict(zip(facts["fact"], facts["value"], strict=True)),
        "folder": str(run.folder),
        "folder_bytes": folder_bytes(run),
        "damaged": damaged,
        "chain": [link.id for link in chain],
    }
    parts = [
        f"{run.title}: {run.state}",
        f"Continued: {' → '.join(link.words for link in chain)}" if len(chain) > 1 else "",
        elsewhere(run),
        run.error or "",
        *damaged,
        run.warning or "",
        run.note,
        table_text(settings, None),
        table_text(facts, None),
    ]
    return Printed(value, "\n\n".join(part for part in parts if part))


def show_log(options: argparse.Namespace) -> Printed:
    """The last lines that a run's worker said.

    Example: ``python -m finsent log latest --lines 100``
    """
    if options.lines < 1:
        raise UsageError(f"--lines must be 1 or more, not {options.lines}.")
    run = find_any(options.runs_dir, options.run)
    words = log_tail(run, options.lines)
    return Printed({"run": run.id, "log": words.splitlines()}, words or "Nothing yet.")


def show_curves(options: argparse.Namespace) -> Printed:
    """The curves of one run or of several: loss, learning rate, neutral called positive, and so on.

    Example: ``python -m finsent curves latest --tag eval/loss``
    """
    import pandas as pd

    runs = [find_run(options.runs_dir, words) for words in options.runs] or [unnamed_run(options)]
    if options.neutral:
        points = pd.concat([_neutral_points(run) for run in runs], ignore_index=True)
        if options.csv is not None:
            write_table(options.csv, points)
        return Printed(records(points), table_text(points, rows=None))
    points = pd.concat([_points(run) for run in runs], ignore_index=True)
    if options.tag is not None:
        known([options.tag], sorted(points["tag"].unique()), "curve")
        points = points[points["tag"] == options.tag]
    if options.csv is not None:
        write_table(options.csv, points)
    last = points.groupby(["run", "tag"], sort=False).agg(
        points=("step", "size"), last_step=("step", "last"), last_value=("value", "last")
    )
    return Printed(records(points), table_text(last.reset_index(), rows=None))


def _points(run: Run) -> "pd.DataFrame":
    from finsent.runs.curves import read_curves

    return read_curves(run.folder).assign(run=run.id)[["run", "tag", "step", "value", "wall_time"]]


def _neutral_points(run: Run) -> "pd.DataFrame":
    from finsent.runs.curves import neutral_called_positive, read_curves

    points = neutral_called_positive(run, read_curves(run.folder)).assign(run=run.id)
    return points[["run", "step", "value", "low", "high", "n", "of"]]


def describe(options: argparse.Namespace) -> Printed:
    """Give a run a name and a note.

    Example: ``python -m finsent describe latest --name "lower rate" --note "best so far"``
    """
    from finsent.runs.history import describe_run

    run = find_run(options.runs_dir, options.run)
    if options.name is None and options.note is None:
        raise UsageError("There is nothing to change. Give --name, --note, or both.")
    name = run.name if options.name is None else options.name
    run = describe_run(run, name, run.note if options.note is None else options.note)
    return Printed({"run": run.id, "name": run.name, "note": run.note}, f"Run {run.id}: {run.name or 'no name'}")


def save_adapter(options: argparse.Namespace) -> Printed:
    """A run's adapter as a zip file: PEFT's files, a README, and a program that classifies without finsent.

    Example: ``python -m finsent adapter latest --out adapter.zip``
    """
    from finsent.report.export import export_archive

    run = find_run(options.runs_dir, options.run)
    content = export_archive(run, "adapter")
    file = write_file(f"finsent-adapter-{run.id}.zip" if options.out is None else options.out, content)
    return Printed({"run": run.id, "file": file, "bytes": len(content)}, file)


def remove_run(options: argparse.Namespace) -> Printed:
    """Delete a run folder with its adapter, predictions and curves; this cannot be undone.

    Example: ``python -m finsent delete RUN``
    """
    from finsent.runs.deletion import delete_run

    folder = find_folder(options.runs_dir, options.run)
    delete_run(options.runs_dir, folder.name)
    return Printed({"run": folder.name, "deleted": True}, f"Deleted run {folder.name}.")
