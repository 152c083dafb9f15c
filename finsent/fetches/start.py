"""Start and cancel the fetch of a model or a data set; one at a time of each, whoever asks for it."""

from datetime import UTC, datetime
from typing import Any

from finsent.distributed import module_command, start_detached
from finsent.errors import RunStateError, WorkerStartError
from finsent.fetches.record import Fetch, FetchState, Kind, fetch_lock, read_fetch, write_fetch
from finsent.runs.processes import kill, recorded


def start_fetch(model: str, total: int, kind: Kind = "model", configuration: str = "", split: str = "") -> Fetch:
    """Fetch a model (``owner/name[@revision]``) of so many bytes in a process of its own; return how far it is.

    Of a data set (``kind``) ``configuration`` and ``split`` say which part is fetched, as in
    :class:`finsent.data.hub_set.Part`. One that goes on already, be it on another machine, is left alone.

    Raises:
        WorkerStartError: the system refuses to start it.
        RunError, DiskFullError: its record cannot be locked or written.
    """
    with fetch_lock(model, kind):
        known = read_fetch(model, kind)
        if known is not None and known.at_work:
            return known
        try:
            # What it says is nobody's: a library might write more of a request than anybody should read.
            process = start_detached([*module_command("finsent.fetches.worker", 1), model, kind])
        except OSError as error:
            raise WorkerStartError(
                f"The process that fetches {model} cannot be started ({error.strerror}). Free some memory and "
                "try again."
            ) from error

        part: dict[str, Any] = {"kind": kind, "configuration": configuration, "split": split}

        def write(who: dict[str, Any]) -> Fetch:
            fetch = Fetch(model=model, total=total, heard=datetime.now(UTC), **part, **who)
            write_fetch(fetch)
            return fetch

        return recorded(process, write)


def cancel_fetch(model: str, kind: Kind = "model") -> None:
    """End the fetch of a model or data set if one goes on; what came is kept.

    Raises:
        RunStateError: the system has not ended it within 10 s, or another machine fetches it.
        RunError, DiskFullError: its record cannot be locked or written.
    """
    with fetch_lock(model, kind):
        fetch = read_fetch(model, kind)
        if fetch is None or not fetch.at_work:
            return
        if not fetch.is_here:
            raise RunStateError(f"{model} is being fetched on {fetch.host}, and can be cancelled only there.")
        kill(fetch.pid, fetch.pid_created, fetch.pid_ticks)
        # Its last word may be newer, and even that it is done.
        last = read_fetch(model, kind) or fetch
        if last.state != FetchState.DONE:
            write_fetch(last.model_copy(update={"state": FetchState.CANCELLED, "rate": None, "error": ""}))
