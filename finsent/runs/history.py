"""Past runs: their figures, the history table, and what is told of a run."""

import contextlib
import json
import os
from collections.abc import Iterable
from typing import Any

import pandas as pd

from finsent.errors import FiguresFormatError, reason
from finsent.files import read_json, write_atomically
from finsent.metrics.figures import Comparison
from finsent.metrics.figures_json import from_json, to_json
from finsent.recipe import changed_fields
from finsent.recipe_form import show_value
from finsent.runs.names import changes_in_words
from finsent.runs.store import DamagedRun, Run, update_run

NAME_LENGTH = 80
NOTE_LENGTH = 2_000
#: Measured facts that are of one worker alone.
_OF_ONE_WORKER = frozenset({"training_seconds", "packed_tokens", "row_tokens", "peak_memory_bytes"})


def save_comparison(run: Run, comparison: Comparison) -> None:
    """Write the figures of a run's test split into its folder.

    Raises:
        DiskFullError: there is no room.
    """
    write_atomically(run.evaluation_file, json.dumps(to_json(comparison), indent=2))


def read_comparison(run: Run) -> Comparison | None:
    """Return the figures of a run's test split, or None before they exist.

    Raises:
        FiguresFormatError: the file is not JSON, or its keys or values are not those of this version.
    """
    if not os.path.lexists(run.evaluation_file):
        return None
    remedy = f"Evaluate the run again: python -m finsent evaluate {run.id}"
    try:
        values = read_json(run.evaluation_file)
    except (OSError, ValueError) as error:
        raise FiguresFormatError(
            f"The figures in {run.evaluation_file} cannot be read: {reason(error)}. {remedy}"
        ) from error
    return from_json(Comparison, values, str(run.evaluation_file), remedy)


def renew_comparison(run: Run, comparison: Comparison) -> None:
    """Write the figures of a run's test split anew where the saved ones are not these, or are of another form."""
    if _comparison_or_trouble(run)[0] != comparison:
        save_comparison(run, comparison)


def history_table(runs: Iterable[Run]) -> pd.DataFrame:
    """Return one row a run: what it was, how long it took, and its figures with their number of test rows.

    ``name`` is its title, and ``changed`` what differs from its recipe, data and model aside.
    Shares are from 0 to 1, ``seconds`` at work; a figure that does not exist is missing, and where the file of figures
    cannot be read the note says so.
    """
    return pd.DataFrame([_history_row(run) for run in runs])


def settings_table(run: Run) -> pd.DataFrame:
    """Return every setting of a run with its value and, where the recipe had another one, that; all as text.

    Settings of an older version that finsent no longer has come last.
    """
    changed = changed_fields(run.recipe)
    rows = [
        {
            "setting": name,
            "value": _shown_setting(run, name, value),
            "recipe": show_value(changed[name][0]) if name in changed else "",
        }
        for name, value in run.recipe.model_dump().items()
    ]
    rows += [
        {"setting": f"{name} (removed)", "value": show_value(value), "recipe": ""}
        for name, value in run.removed_settings.items()
    ]
    return pd.DataFrame(rows)


def provenance_table(run: Run) -> pd.DataFrame:
    """Return what a run was made of: data and model with their hashes, rows, hardware, versions; all as text."""
    facts = {
        "run": run.id,
        "data": run.source_title or run.recipe.source,
        "data SHA-256": run.source_hash,
        "model": run.model_title or run.recipe.model,
        "model SHA-256": run.model_hash,
        **origin_facts(run),
        **{f"{split} rows": str(count) for split, count in run.splits.items()},
        "computes in": run.settled_recipe.compute_dtype,
        **{key.replace("_", " "): str(value) for key, value in run.hardware.items() if value != ""},
        **{f"version of {name}": version for name, version in run.versions.items()},
        **{_fact_name(run, key): show_value(value) for key, value in run.measured.items()},
    }
    return pd.DataFrame({"fact": list(facts), "value": list(facts.values())})


def describe_run(run: Run, name: str, note: str) -> Run:
    """Give a run a name and a note; both may be empty and are cut at their longest length."""
    return update_run(run.folder, name=" ".join(name.split())[:NAME_LENGTH], note=note.strip()[:NOTE_LENGTH])


def folder_bytes(run: Run | DamagedRun) -> int:
    """Return the size of a run's files in bytes."""
    return sum(size for _, size in folder_files(run))


def folder_files(run: Run | DamagedRun) -> list[tuple[str, int]]:
    """Return the files in a run's folder, as paths inside it, with their sizes in bytes."""
    files = []
    for path in sorted(run.folder.rglob("*")):
        # A run at work replaces and removes its files while they are counted.
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                files.append((path.relative_to(run.folder).as_posix(), path.stat().st_size))
    return files


def adapter_time(run: Run) -> int:
    """Return what changes when a run's adapter is replaced: when it was written, in ns; 0 where it cannot be read."""
    try:
        return (run.adapter_dir / "adapter_model.safetensors").stat().st_mtime_ns
    except OSError:
        return 0


def _shown_setting(run: Run, name: str, value: Any) -> str:
    """Return a setting as text; a warm-up that was cut short says what was used."""
    used = run.measured.get(name, value) if name == "warmup_steps" else value
    return show_value(value) if used == value else f"{show_value(used)} used, {show_value(value)} asked for"


def origin_facts(run: Run) -> dict[str, str]:
    """Return what a run began with besides its recipe, as facts."""
    origin, facts = run.origin, {}
    if origin and origin.parent:
        facts["continues"] = origin.parent
    if origin and origin.corrections:
        used = origin.corrections
        facts["corrections"] = (
            f"version {used.version or 'of a file'}, SHA-256 {used.sha256[:16]}: {used.change:,} changed, "
            f"{used.drop:,} dropped, {used.flag:,} test rows flagged"
        )
    if origin and origin.repair:
        rows = origin.repair
        facts["repair set"] = (
            f"{rows.rows:,} rows, {rows.synthetic:,} of them synthetic, and {rows.replayed:,} ordinary ones replayed"
        )
    return facts


def _fact_name(run: Run, key: str) -> str:
    """Name a measured fact; those of one worker say so where the run has had several."""
    since = " since it was resumed" if run.resumed and key in _OF_ONE_WORKER else ""
    return key.replace("_", " ") + since


def _history_row(run: Run) -> dict[str, Any]:
    comparison, trouble = _comparison_or_trouble(run)
    before, after = (comparison.baseline, comparison.tuned) if comparison else (None, None)
    return {
        "run": run.id,
        "name": run.title,
        "state": str(run.state),
        "recipe": run.recipe.name,
        "changed": ", ".join([*changes_in_words(run.recipe), *(f"{name} (removed)" for name in run.removed_settings)]),
        "seed": run.recipe.seed,
        "learning rate": run.recipe.learning_rate,
        "data": run.source_title or run.recipe.source,
        "model": run.model_title or run.recipe.model,
        "steps": run.steps,
        "seconds": run.seconds if not run.active else None,
        "n": comparison.n if comparison else None,
        "accuracy before": before.accuracy if before else None,
        "accuracy after": after.accuracy if after else None,
        "neutral as positive before": before.neutral_as_positive if before else None,
        "neutral as positive after": after.neutral_as_positive if after else None,
        "created": run.created,
        "note": " ".join(part for part in (run.note, trouble) if part),
    }


def _comparison_or_trouble(run: Run) -> tuple[Comparison | None, str]:
    """Return a run's figures, or why they cannot be read: one run's damage must not hide the others."""
    try:
        return read_comparison(run), ""
    except FiguresFormatError as error:
        return None, str(error)
