"""A run written out in a form that works without finsent: adapter, merged model, notebook, or model card."""

import io
import secrets
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from finsent.errors import ExportError
from finsent.files import remove, typed_path
from finsent.report.adapter_files import adapter_files
from finsent.report.merged import write_merged
from finsent.report.model_card import model_card
from finsent.report.notebook import write_notebook
from finsent.runs.store import Run

#: The forms, each with what it is good for.
FORMS = {
    "adapter": "PEFT's files, with a README and a program that classifies by transformers and PEFT alone",
    "merged": "one model in 16 bits for transformers, vLLM or Ollama, with a certificate of how equal its answers are",
    "notebook": "a notebook that repeats the run with TRL and PEFT alone, with the rows that it needs",
    "model-card": "the README for a model hub: data, licences, recipe, figures with intervals, limits",
}


def export_run(run: Run, form: str, place: str | Path) -> Path:
    """Write a run in one of :data:`FORMS` into a folder that does not exist yet or is empty; return the folder.

    It appears whole or not at all.

    Raises:
        ExportError: there is no such form, or the folder holds something or cannot be written.
        FinsentError: the run lacks what the form needs; the message says what.
    """
    writers: dict[str, Callable[[Run, Path], object]] = {
        "adapter": lambda run, folder: _write(adapter_files(run), folder),
        "merged": write_merged,
        "notebook": write_notebook,
        "model-card": lambda run, folder: _write({"README.md": model_card(run, "model-card").encode()}, folder),
    }
    if form not in writers:
        raise ExportError(f"A run cannot be written as “{form}”. Choose one of: {', '.join(writers)}.")
    target = typed_path(place, ExportError, "folder", "Give another folder.").absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ExportError(f"{target} is there already and is not empty. Give a new folder.")
    scratch = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        scratch.mkdir(parents=True)
        writers[form](run, scratch)
        # An empty folder gives way.
        scratch.replace(target)
    except OSError as error:
        raise ExportError(f"{target} cannot be written ({error.strerror or error}). Give another folder.") from error
    finally:
        remove(scratch)
    return target


def export_archive(run: Run, form: str) -> bytes:
    """Return a run in one of :data:`FORMS` as a zip file of one folder; raises as :func:`export_run`."""
    stream = io.BytesIO()
    with tempfile.TemporaryDirectory(prefix="finsent-export-") as scratch:
        folder = export_run(run, form, Path(scratch) / form)
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
            for path in sorted(folder.rglob("*")):
                packed.write(path, path.relative_to(scratch))
    return stream.getvalue()


def _write(files: dict[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
