"""Texts, or prompts, as a base model reads them: computed once for the same ones and model, and kept beside the runs.

The map places texts by them, and labels are held against what is read of prompts (see
:mod:`finsent.evaluation.suspects`).

They are kept as safetensors in ``runs/.states/<key>.safetensors``, with the whole hashes of texts and model inside and
how they were read; the texts themselves are not. A file that is damaged, or of other texts, another model or another
way to read, is not used and made anew.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from finsent.data.dataset import sample_rows
from finsent.errors import first_line
from finsent.files import replacing
from finsent.inference import prompt_states
from finsent.inference.scoring import Report
from finsent.inference.states import READING, mean_states
from finsent.models.base import load_base, model_hash, resolve_model
from finsent.runs.cores import computing_beside_runs

#: Texts of a map by a model's reading: the embedded model reads so many in about five minutes on two cores.
MOST_TEXTS = 5_000
#: Files that are kept, the newest; each has a few megabytes.
_KEPT = 12
_NAME = "states"
_MOST_BYTES = 2**30


@dataclass(frozen=True)
class ModelReading:
    """Texts, in their order, and the name of the base model that reads them, that of a folder as a whole path.

    ``prompted`` says that they are whole prompts, and read as :mod:`finsent.inference.prompt_states` does.
    """

    texts: tuple[str, ...]
    model: str
    prompted: bool = False

    @cached_property
    def texts_hash(self) -> str:
        """The SHA-256 (hex) of the texts in their order."""
        digest = hashlib.sha256()
        for text in self.texts:
            digest.update(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
        return digest.hexdigest()

    def about(self) -> dict[str, str]:
        """Return what the file says of itself; the model's hash may change once it has been fetched from the hub.

        Raises:
            ModelError: there is no such model.
        """
        reading = prompt_states.READING if self.prompted else READING
        return {"texts": self.texts_hash, "model": model_hash(resolve_model(self.model)), "reading": reading}


def model_reading(rows: pd.DataFrame, model: str) -> tuple[pd.DataFrame, ModelReading]:
    """Return the rows of a data table that a map by a model's reading shows, and their reading.

    They are all rows, or :data:`MOST_TEXTS` drawn with a seed. The model is a name, one of the hub, or a folder.

    Raises:
        ModelNotFoundError: there is no such model.
    """
    some = sample_rows(rows, MOST_TEXTS, seed=0)
    return some, ModelReading(tuple(some["text"]), resolve_model(model).name)


def prompt_reading(rows: pd.DataFrame, model: str) -> tuple[pd.DataFrame, ModelReading]:
    """Return the rows of a data table whose prompts are read, as :func:`model_reading` does, and the reading."""
    some = sample_rows(rows, MOST_TEXTS, seed=0)
    return some, ModelReading(tuple(some["prompt"]), resolve_model(model).name, prompted=True)


def states_dir(runs_dir: Path) -> Path:
    """Return the folder in which readings are kept."""
    return runs_dir / ".states"


def states_file(reading: ModelReading, runs_dir: Path) -> Path:
    """Return where the states of a reading are kept, be they there or not; raises as :meth:`ModelReading.about`."""
    key = hashlib.sha256("\n".join(reading.about().values()).encode()).hexdigest()[:32]
    return states_dir(runs_dir) / f"{key}.safetensors"


def read_states(reading: ModelReading, runs_dir: Path) -> tuple[np.ndarray | None, str]:
    """Return the kept states, shape (texts, width), or None with what is wrong with them ("" where there are none).

    Raises:
        ModelError: as :meth:`ModelReading.about`.
    """
    from safetensors import SafetensorError, safe_open

    file = states_file(reading, runs_dir)
    if not file.is_file():
        return None, ""
    try:
        if file.stat().st_size > _MOST_BYTES:
            return None, "it is larger than any that finsent writes"
        with safe_open(file, framework="numpy") as content:
            if content.metadata() != reading.about():
                return None, "it is of other texts, of another model, or was read in another way"
            states: np.ndarray = content.get_tensor(_NAME)
    except (OSError, SafetensorError, ValueError, TypeError, KeyError) as error:
        return None, f"it cannot be read ({first_line(error)})"
    if states.dtype != np.float32 or states.ndim != 2 or len(states) != len(reading.texts) or not states.shape[1]:
        return None, "it does not hold one row of numbers a text"
    if not np.isfinite(states).all():
        return None, "it holds what is no number"
    return states, ""


def compute_states(reading: ModelReading, runs_dir: Path, report: Report | None = None) -> np.ndarray:
    """Read the texts with the model in this process, keep the states and return them, shape (texts, width).

    It computes with the cores that runs leave. ``report(done, total)`` counts tokens and may raise to stop the work.

    Raises:
        ModelError, HubUnreachableError: the model cannot be used.
        DiskFullError: the states cannot be kept.
    """
    with computing_beside_runs([runs_dir]) as threads:
        model, tokenizer = load_base(reading.model)
        read = prompt_states.prompt_states if reading.prompted else mean_states
        states = read(model, tokenizer, list(reading.texts), threads.follow(report))
    _keep(states, reading, runs_dir)
    return states


def _keep(states: np.ndarray, reading: ModelReading, runs_dir: Path) -> None:
    from safetensors.numpy import save

    file = states_file(reading, runs_dir)
    with replacing(file) as scratch:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Written by Python: the package's own writer has no OSError for a full disk.
        scratch.write_bytes(save({_NAME: np.ascontiguousarray(states)}, metadata=reading.about()))
    _forget_oldest(file.parent)


def _forget_oldest(folder: Path) -> None:
    kept = []
    for file in folder.glob("*.safetensors"):
        # Another process may just have removed it.
        with suppress(FileNotFoundError):
            kept.append((file.stat().st_mtime_ns, file))
    for _, old in sorted(kept, reverse=True)[_KEPT:]:
        old.unlink(missing_ok=True)
