"""Where data come from: the embedded file, the hub, a file or a folder, each as a table in the Sujet columns.

Nothing is validated here beyond what reading needs; :mod:`finsent.data.dataset` does that, the same way for all.
"""

import json
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from finsent.data.folder import read_folder
from finsent.data.formats.raw import RawTable
from finsent.data.hub_set import known_set, may_name_data_set, names_data_set
from finsent.data.reading import read_raw
from finsent.data.sujet import to_sujet
from finsent.errors import (
    DataError,
    EncodingError,
    HubUnreachableError,
    SourceNotFoundError,
    first_line,
)
from finsent.files import ASSETS, near_names, typed_path
from finsent.hub import HUB_DATASET, SUJET_FILES, hub_answers, sujet_is_prepared
from finsent.hub_ids import or_on_the_hub

if TYPE_CHECKING:
    from datasets import Dataset

EMBEDDED, HUB = "embedded", "hub"
EMBEDDED_FILE = ASSETS / "lab_headlines.jsonl"
CARD_FILE = EMBEDDED_FILE.with_name("lab_headlines_card.md")


def embedded_table() -> pd.DataFrame:
    """Return the project's own headlines in the Sujet columns."""
    lines = EMBEDDED_FILE.read_text(encoding="utf-8").splitlines()
    table = pd.DataFrame([json.loads(line) for line in lines]).rename(columns={"kind": "topic", "id": "row_id"})
    return to_sujet(table.assign(dataset=table["family"].map({"news": "lab_news", "post": "lab_posts"})), "lab")


def hub_table() -> pd.DataFrame:
    """Return the hub's Sujet-Finance-Instruct-177k, all tasks; from the hub client's cache, if it is there.

    Raises:
        HubUnreachableError: it is not in the cache, and the hub does not give it.
        DiskFullError: there is no room for it.
        DataError: what is in the cache cannot be read.
    """
    if sujet_is_prepared():
        return _prepared_table(HUB_DATASET)
    if SUJET_FILES.cached is None and not hub_answers():
        raise HubUnreachableError(
            f"{HUB_DATASET} is on the model hub, which does not answer. Check the network, give the path of a "
            f"downloaded copy, or choose the source “{EMBEDDED}”."
        )
    return load_folder(SUJET_FILES.fetch())


def _prepared_table(name: str) -> pd.DataFrame:
    """Return the train split of a data set as ``datasets`` prepared it when it was fetched."""
    from datasets.packaged_modules.cache.cache import Cache

    # It says on standard error what it found, each time.
    logging.getLogger("datasets.packaged_modules.cache.cache").setLevel(logging.ERROR)
    try:
        kept = Cache(repo_id=name, dataset_name=name.rpartition("/")[2], version="auto", hash="auto")
        return _as_table(kept.as_dataset(split="train"))
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{name} cannot be read from the cache of the library datasets ({first_line(error)}). Remove it there, and "
            "it is fetched again."
        ) from error


def load_folder(folder: Path) -> pd.DataFrame:
    """Return the train split of a folder that the library ``datasets`` reads, as the hub has it.

    It is read afresh each time and leaves nothing in the library's cache.

    Raises:
        DataError: what is there cannot be read as a data set.
    """
    from datasets import load_dataset

    try:
        with tempfile.TemporaryDirectory(prefix="finsent-") as cache:
            return _as_table(load_dataset(str(folder), split="train", cache_dir=cache))
    except Exception as error:
        # It reads every kind of file with another library, each with error classes of its own.
        cause = error.__cause__ or error
        if isinstance(cause, UnicodeDecodeError):
            raise EncodingError(f"{folder} holds a file that is not UTF-8 text ({cause}). Save it as UTF-8.") from error
        raise DataError(f"{folder} cannot be read as a data set ({first_line(cause)}).") from error


def _as_table(dataset: "Dataset") -> pd.DataFrame:
    table: pd.DataFrame = dataset.to_pandas()
    return table


def local_path(source: str) -> Path:
    """Return the path that a source names, ``~`` resolved; what is there is for :func:`local_table` to see.

    Raises:
        SourceNotFoundError: it is blank or can be no path; see :func:`finsent.files.typed_path`.
    """
    return typed_path(source, SourceNotFoundError, "data", f"Give {EMBEDDED}, {HUB}, or a file or folder.")


def local_table(path: Path) -> RawTable:
    """Return a file, or every file of a folder, as a table whose columns nobody has chosen yet.

    Raises:
        SourceNotFoundError: there is nothing at that path that could be read.
        DataError: see :mod:`finsent.data.reading` and :mod:`finsent.data.folder`.
    """
    if path.is_dir():
        return read_folder(path)
    if path.is_file():
        return read_raw(path)
    advice = f"Give {EMBEDDED}, {HUB}, or a file or folder."
    if path.exists():
        what = "no file that can be read, but a pipe, a device or a socket"
        raise SourceNotFoundError(f"{str(path)[:200]} is {what}. {advice}")
    mistyped = near_names(path) + (or_on_the_hub(str(path)) if may_name_data_set(str(path)) else "")
    raise SourceNotFoundError(f"There is no data at {str(path)[:200]}.{mistyped} {advice}")


def source_version(source: str) -> str:
    """Return what changes when a source's files change (names, sizes, times), so that a cache can tell."""
    if names_data_set(source):
        found = known_set(source)
        return found.commit if found is not None else ""
    try:
        path = local_path(source)
        files = sorted(path.rglob("*")) if path.is_dir() else [path] if path.is_file() else []
        return ";".join(f"{file}:{file.stat().st_size}:{file.stat().st_mtime_ns}" for file in files if file.is_file())
    except (OSError, SourceNotFoundError):
        return ""
