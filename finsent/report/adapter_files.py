"""What a run's adapter is passed on as: PEFT's files, how it was trained, a README and a program that uses it.

No path of this machine stands in them.
"""

import json
from pathlib import Path
from typing import Any

from finsent.errors import AdapterError, reason
from finsent.files import ASSETS, read_json
from finsent.labels import NEWS_ANSWERS, POST_ANSWERS
from finsent.report.model_card import model_card
from finsent.runs.adapter_export import adapter_note, base_origin, public_name
from finsent.runs.store import Run

NOTE, PROGRAM = "finsent.json", "predict.py"
_CONFIG = "adapter_config.json"
_REMEDY = "Train the run again, or choose another."


def adapter_files(run: Run) -> dict[str, bytes]:
    """Return the files of a run's adapter, each with its path inside the adapter's folder.

    Raises:
        AdapterError: the run has no adapter, or something in its folder is a link, is no file, or cannot be read.
    """
    if not run.has_adapter:
        raise AdapterError(f"Run {run.id} has no adapter. Wait for its training to end, or choose a run that is done.")
    files = {}
    for path in [run.adapter_dir, *sorted(run.adapter_dir.rglob("*"))]:
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise AdapterError(f"{path} is a link, or no file; it is not followed. Remove it, and try again.")
        if path.is_file():
            files[path.relative_to(run.adapter_dir).as_posix()] = _portable(path, run)
    return files | {
        "README.md": model_card(run, "adapter").encode(),
        NOTE: to_json(usage_note(run)),
        PROGRAM: program(),
    }


def usage_note(run: Run) -> dict[str, Any]:
    """Return what somebody must know who uses a run's model: prompt, labels, number formats, and where its base is."""
    return adapter_note(run) | {
        "base_model": public_name(run),
        "base": base_origin(run),
        "compute_dtype": run.settled_recipe.compute_dtype.replace("auto", "float32"),
        "answers": {"news": list(NEWS_ANSWERS), "posts": list(POST_ANSWERS)},
    }


def program() -> bytes:
    """Return the program that classifies with an exported model; it needs finsent.json beside it."""
    return (ASSETS / PROGRAM).read_bytes()


def to_json(value: Any) -> bytes:
    """Return a value as a JSON file."""
    return json.dumps(value, indent=2, ensure_ascii=False).encode()


def _portable(path: Path, run: Run) -> bytes:
    """Return what a file of an adapter holds, without paths of this machine, which older versions wrote into it."""
    try:
        if path.name == _CONFIG:
            config = read_json(path)
            if not isinstance(config, dict):
                raise ValueError("it is no configuration")
            named = str(config.get("base_model_name_or_path") or "")
            if Path(named).is_absolute():
                config["base_model_name_or_path"] = public_name(run)
            return to_json(config)
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise AdapterError(f"{path} is damaged: {reason(error)}. {_REMEDY}") from error
    if path.suffix in (".md", ".json") and Path(run.recipe.model).is_absolute():
        return content.replace(run.recipe.model.encode(), public_name(run).encode())
    return content
