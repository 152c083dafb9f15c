"""Commands that mend: ``suspects``, ``correct``, ``corrections`` and ``verify``."""

import argparse
from typing import TYPE_CHECKING, Any

from finsent.cli.arguments import Commands, Printed, add_command, add_output, add_run
from finsent.cli.meant import meant_run
from finsent.cli.output import records, table_text, write_file, write_table
from finsent.cli.progress import counter
from finsent.errors import UsageError
from finsent.metrics.figures_json import to_json
from finsent.runs.find import find_run

if TYPE_CHECKING:
    from finsent.data.prepared import Prepared
    from finsent.runs.corrections import CorrectionSet
    from finsent.runs.store import Run

_READ = "--read, which lets the base model read the rows once"
_SPLITS = ("train", "validation", "test")
_DECISIONS = ("keep", "change", "drop", "flag")


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    suspects = add_command(commands, "suspects", show_suspects)
    suspects.add_argument("--split", choices=_SPLITS, help="rows of one split alone (default: all)")
    add_output(suspects, "--csv", "write the rows as CSV")
    suspects.add_argument(
        "--read", action="store_true", help="let the run's base model read the rows first, if it has not: minutes, once"
    )
    add_run(suspects, optional=True)
    correct = add_command(commands, "correct", correct_row)
    correct.add_argument("--keep", action="store_true", help="its label is right")
    correct.add_argument("--label", help="its label is this one")
    correct.add_argument("--drop", action="store_true", help="leave the row out of training")
    correct.add_argument("--flag", action="store_true", help="its label is doubtful; all that a test row can have")
    correct.add_argument("--reason", default="", help="why")
    correct.add_argument("--undo", action="store_true", help="take the last decision back; give no row")
    correct.add_argument("--file", metavar="FILE", help="take over the corrections of a file, in place of all others")
    add_run(correct)
    correct.add_argument("row", nargs="?", metavar="ROW", help="the row id that suspects lists")
    listed = add_command(commands, "corrections", show_corrections)
    add_output(listed, "--csv", "write them as a file that correct and train take")
    add_run(listed, optional=True)
    add_run(add_command(commands, "verify", verify_child), optional=True)


def show_suspects(options: argparse.Namespace) -> Printed:
    """Rows whose label is worth a second look, the most doubtful first: probable label errors, never certain ones.

    By confident learning, from models that have not seen the row: by words alone, or with --read also by what the base
    model holds of each row's prompt, which finds more.
    Example: ``python -m finsent suspects latest --split train --csv suspects.csv``
    """
    from finsent.evaluation.suspects import run_suspects
    from finsent.runs.rows import prepare_again

    run = meant_run(options)
    data = prepare_again(run)
    if options.read:
        _let_it_read(run, data)
    found = run_suspects(run, data)
    rows = found.rows if options.split is None else found.rows[found.rows["split"] == options.split]
    if options.csv is not None:
        write_table(options.csv, rows)
    head = f"{len(rows):,} of {found.n:,} rows are worth a second look. None of them is surely wrong."
    left_out = f"\n{found.left_out:,} rows have a label too rare to look at." if found.left_out else ""
    by = f"The base model has read {found.read:,} of them." if found.read else f"By words alone; more with {_READ}."
    shown = table_text(rows[["row_id", "split", "label", "likely", "p_label", "p_likely", "evidence", "text"]])
    value = {"run": run.id, "n": found.n, "left_out": found.left_out, "read": found.read, "rows": records(rows)}
    return Printed(value, f"{head} {by}{left_out}\n{shown}")


def _let_it_read(run: "Run", data: "Prepared") -> None:
    """Read the prompts of a run's rows with its base model, unless that was done."""
    from finsent.evaluation.suspects import run_reading
    from finsent.evaluation.text_states import compute_states, read_states

    _, reading = run_reading(run, data)
    if read_states(reading, run.folder.parent)[0] is None:
        compute_states(reading, run.folder.parent, counter("tokens"))


def correct_row(options: argparse.Namespace) -> Printed:
    """Decide about a row's label: keep, change, drop or flag it. The data themselves stay as they are.

    Decisions are kept for the data set, in corrections.csv in the folder of runs; train --corrections uses them.
    Example: ``python -m finsent correct latest ROW --flag --reason "an announcement, no result"``
    """
    from finsent.runs.corrections import decide, given_corrections, take_over, undo
    from finsent.runs.rows import prepare_again

    asked = [options.keep, options.label is not None, options.drop, options.flag]
    whole = [options.undo, options.file is not None]
    if sum(asked) + sum(whole) != 1 or (options.row is None) != any(whole):
        raise UsageError("Give a ROW and one of --keep, --label, --drop, --flag; or else --undo, or --file, alone.")
    run = find_run(options.runs_dir, options.run)
    data = prepare_again(run)
    if options.undo:
        saved, row = undo(options.runs_dir, data)
        return _saved(saved, f"Row {row}: the last decision is taken back.")
    if options.file is not None:
        saved = take_over(options.runs_dir, data, given_corrections(options.file, data))
        return _saved(saved, f"Taken over from {options.file}.")
    decision = _DECISIONS[asked.index(True)]
    saved = decide(options.runs_dir, data, options.row, decision, options.label or "", options.reason)
    made = saved.rows[options.row]
    return _saved(saved, f"Row {options.row}: {made.decision} {made.old_label} {made.new_label}".rstrip() + ".")


def show_corrections(options: argparse.Namespace) -> Printed:
    """What was decided about the labels of a run's data set.

    Example: ``python -m finsent corrections latest --csv corrections.csv``
    """
    import pandas as pd

    from finsent.data.corrections import COLUMNS
    from finsent.runs.corrections import saved_corrections
    from finsent.runs.rows import prepare_again

    run = meant_run(options)
    saved = saved_corrections(options.runs_dir, prepare_again(run))
    if options.csv is not None:
        write_file(options.csv, saved.content)
    rows = pd.DataFrame([vars(one) for one in saved.rows.values()], columns=list(COLUMNS[:-1]))
    rows["time"] = [one.time.isoformat() for one in saved.rows.values()]
    told = _saved(saved, table_text(rows))
    return Printed(told.value | {"rows": records(rows)}, told.text)


def verify_child(options: argparse.Namespace) -> Printed:
    """What continuing a run mended and broke: baseline, parent and child on the same test rows.

    Example: ``python -m finsent verify CHILD --json``
    """
    from finsent.evaluation.verify import verify_run
    from finsent.metrics.wording import verdict_sentences

    run = meant_run(options, lambda run: run.has_comparison and bool(run.parent))
    found = verify_run(run)
    changed = found.answers[found.answers["change"].isin(["mended", "broken"])]
    value: dict[str, Any] = {"run": run.id, "parent": run.parent, "n": found.n, "counts": found.counts}
    value |= {"verdict": to_json(found.verdict), "sentences": verdict_sentences(found.verdict)}
    value |= {"comparison": to_json(found.comparison), "from_baseline": to_json(found.from_baseline)}
    columns = ["row_id", "change", "gold", "baseline", "parent", "child", "text"]
    head = f"Run {run.id} ({run.title}) continues {run.parent} ({found.parent})."
    text = "\n".join([head, *verdict_sentences(found.verdict), found.counted, table_text(changed[columns])])
    return Printed(value | {"changed": records(changed)}, text)


def _saved(saved: "CorrectionSet", words: str) -> Printed:
    counts = ", ".join(f"{count:,} {name}" for name, count in saved.counts.items())
    value = {"file": str(saved.file), "version": saved.version, "sha256": saved.sha256, "counts": saved.counts}
    return Printed(value, f"{words}\nVersion {saved.version} ({counts}): {saved.file}")
