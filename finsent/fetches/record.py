"""The record of a fetch: how far a model or a data set is, in a file that whoever asks for it reads."""

import contextlib
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from finsent.errors import ModelNotFoundError, RunError
from finsent.files import read_json, write_atomically
from finsent.hub_ids import parse_id
from finsent.machine import cache_dir
from finsent.runs.locks import LOCK_SECONDS, held
from finsent.runs.processes import alive, boot_id
from finsent.runs.signs import SECONDS_UNTIL_LOST

_ENDED_EARLY = (
    "The process that fetched it ended before it was done: it was killed, or there is no room on the disk. Fetch it "
    "again: it goes on where it stopped."
)
_LOST = "{host}, which fetched it, has given no sign for {minutes:.0f} minutes. Fetch it again: it goes on from here."


Kind = Literal["model", "dataset"]


class FetchState(StrEnum):
    """Where a fetch is."""

    FETCHING = "fetching"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Fetch(BaseModel):
    """The fetch of a model, or of a part of a data set: ``done`` of ``total`` bytes, ``rate`` of them a second.

    ``model`` is the name of either; of a data set ``configuration`` and ``split`` say which part it is (see
    :class:`finsent.data.hub_set.Part`). ``heard`` is when bytes came last, ``error`` what ended it as a sentence; the
    rest says which process it is.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    kind: Kind = "model"
    configuration: str = ""
    split: str = ""
    state: FetchState = FetchState.FETCHING
    done: int = Field(default=0, ge=0)
    total: int = Field(ge=0)
    rate: float | None = None
    heard: AwareDatetime
    error: str = ""
    pid: int
    pid_created: float
    pid_ticks: int | None = None
    boot: str = ""
    host: str = ""

    @property
    def at_work(self) -> bool:
        """Whether it goes on."""
        return self.state == FetchState.FETCHING

    @property
    def is_here(self) -> bool:
        """Whether its process is one of this machine; several may share the folder of the records."""
        return self.host in ("", socket.gethostname())

    @property
    def share(self) -> float:
        """How much of it is here, from 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at the present rate; None while that is not known."""
        return max(0, self.total - self.done) / self.rate if self.rate else None

    @property
    def silent_seconds(self) -> float:
        """How long nothing has come."""
        return (datetime.now(UTC) - self.heard).total_seconds()


def read_fetch(model: str, kind: Kind = "model") -> Fetch | None:
    """Return the last fetch of a model or data set by its name, or None; one whose process is gone has failed.

    Processes of another machine cannot be looked at; theirs are gone when nothing was written for five minutes.
    """
    try:
        fetch = Fetch.model_validate(read_json(_file(model, kind)))
        written = _file(model, kind).stat().st_mtime
    except (OSError, ValueError):
        # There is none, or it cannot be read, and then fetching again is all that can be done.
        return None
    if not fetch.at_work:
        return fetch
    if fetch.is_here:
        lives = fetch.boot == boot_id() and alive(fetch.pid, fetch.pid_created, fetch.pid_ticks)
        error = _ENDED_EARLY
    else:
        lives = time.time() - written < SECONDS_UNTIL_LOST
        error = _LOST.format(host=fetch.host, minutes=SECONDS_UNTIL_LOST / 60)
    return fetch if lives else fetch.model_copy(update={"state": FetchState.FAILED, "error": error})


def write_fetch(fetch: Fetch) -> None:
    """Write a fetch's record; for its process while that lives, and else under :func:`fetch_lock`."""
    write_atomically(_file(fetch.model, fetch.kind), fetch.model_dump_json())


@contextlib.contextmanager
def fetch_lock(model: str, kind: Kind = "model") -> Iterator[None]:
    """Hold the lock under which the fetch of a model or data set is started and cancelled.

    Raises:
        RunError: another process has held it for 30 s.
        DiskFullError: it cannot be written.
    """
    file = _file(model, kind).with_suffix(".lock")
    busy = RunError(f"The fetch of {model} has been locked by another process for {LOCK_SECONDS} s. Try again soon.")
    with held(file, busy, f"The folder {file.parent}", make=True):
        yield


def _file(model: str, kind: Kind = "model") -> Path:
    asked = parse_id(model, ModelNotFoundError, "model or data set")
    folder = cache_dir() / "fetches" / ("data-sets" if kind == "dataset" else "")
    return folder / f"{asked.repository.replace('/', '--')}--{asked.revision.replace('/', '--')}.json"
