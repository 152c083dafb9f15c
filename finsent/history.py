"""Past runs: their figures, the history table, and what a visitor takes away from a run."""

import io
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from finsent.errors import AdapterError
from finsent.recipes import changed_fields
from finsent.runs import Run, update_run
from finsent.settings import show_value

NAME_LENGTH = 80
NOTE_LENGTH = 2_000
#: Measured facts that are of one worker alone.
_OF_ONE_WORKER = frozenset({"training_seconds", "packed_tokens", "row_tokens", "peak_memory_bytes"})


def read_comparison(run: Run) -> dict[str, Any] | None:
    """Return the figures of a run's test split (see ``metrics.compare_predictions``), or None before they exist."""
    try:
        return json.loads(run.evaluation_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def history_table(runs: Iterable[Run]) -> pd.DataFrame:
    """Return one row a run: what it was, how long it took, and its figures with their number of test rows.

    Shares are from 0 to 1, ``seconds`` at work; a figure that does not exist is missing.
    """
    return pd.DataFrame([_history_row(run) for run in runs])


def settings_table(run: Run) -> pd.DataFrame:
    """Return every setting of a run with its value and, where the recipe had another one, that; all as text."""
    changed = changed_fields(run.recipe)
    rows = [
        {"setting": name, "value": show_value(value), "recipe": show_value(changed[name][0]) if name in changed else ""}
        for name, value in run.recipe.model_dump().items()
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


def folder_bytes(run: Run) -> int:
    """Return the size of a run's files in bytes."""
    return sum(path.stat().st_size for path in run.folder.rglob("*") if path.is_file())


def adapter_time(run: Run) -> int:
    """Return what changes when a run's adapter is replaced: when it was written, in ns, or 0 without one."""
    return (run.adapter_dir / "adapter_model.safetensors").stat().st_mtime_ns if run.has_adapter else 0


def adapter_archive(run: Run) -> bytes:
    """Return a run's adapter folder as a zip file.

    Raises:
        AdapterError: the run has no adapter.
    """
    if not run.has_adapter:
        raise AdapterError(f"Run {run.id} has no adapter. Wait for its training to end, or choose a run that is done.")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(run.adapter_dir.rglob("*")):
            if path.is_file():
                archive.write(path, Path("adapter") / path.relative_to(run.adapter_dir))
    return stream.getvalue()


def _fact_name(run: Run, key: str) -> str:
    """Name a measured fact; those of one worker say so where the run has had several."""
    since = " since it was resumed" if run.resumed and key in _OF_ONE_WORKER else ""
    return key.replace("_", " ") + since


def _history_row(run: Run) -> dict[str, Any]:
    comparison = read_comparison(run) or {}
    before, after = comparison.get("baseline", {}), comparison.get("tuned", {})
    return {
        "run": run.id,
        "name": run.name,
        "state": str(run.state),
        "recipe": run.recipe.name + (" (changed)" if _settings_changed(run) else ""),
        "data": run.source_title or run.recipe.source,
        "model": run.model_title or run.recipe.model,
        "steps": run.steps,
        "seconds": run.seconds if not run.active else None,
        "n": comparison.get("n"),
        "accuracy before": before.get("accuracy"),
        "accuracy after": after.get("accuracy"),
        "neutral as positive before": before.get("neutral_as_positive"),
        "neutral as positive after": after.get("neutral_as_positive"),
        "created": run.created,
        "note": run.note,
    }


def _settings_changed(run: Run) -> bool:
    return bool(changed_fields(run.recipe).keys() - {"source", "model"})
