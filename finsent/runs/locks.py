"""The locks under which runs are made, started, changed and deleted."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from finsent.errors import DiskFullError, FinsentError, FolderGoneError, RunActiveError, RunError

#: How long a lock is waited for.
LOCK_SECONDS = 30
_ROOM = "Free some room and try again."
_WORKER_LOCK = ".worker.lock"
#: How long a worker waits for its lock, which somebody who only asks holds for a moment; and how long that one waits
#: for a worker whose last word is written and that is about to leave.
_SECONDS_FOR_WORKER = 3


@contextlib.contextmanager
def launch_lock(runs_dir: Path) -> Iterator[None]:
    """Hold the lock under which runs are created, started, taken out of the queue and deleted.

    Raises:
        RunError: another process has held it for 30 s.
        DiskFullError: the folder of runs cannot be written.
    """
    busy = RunError(f"{runs_dir} has been locked by another process for {LOCK_SECONDS} s. Try again soon.")
    advice = "Choose another folder with --runs-dir or FINSENT_RUNS."
    with held(runs_dir / ".launch.lock", busy, f"The run folder {runs_dir}", advice, make=True):
        yield


@contextlib.contextmanager
def held(
    file: Path, busy: FinsentError, what: str, advice: str = _ROOM, seconds: int = LOCK_SECONDS, make: bool = False
) -> Iterator[None]:
    """Hold a lock file, made with its folder if ``make`` says so.

    Raises:
        FinsentError: ``busy``, if another process has held it for so many seconds.
        DiskFullError: it cannot be written; the message names ``what`` and gives the ``advice``.
    """
    try:
        if make:
            file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(file, timeout=seconds)
        lock.acquire()
    except Timeout as error:
        raise busy from error
    except OSError as error:
        raise DiskFullError(f"{what} cannot be written ({error.strerror}). {advice}") from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def folder_lock(folder: Path, name: str) -> Iterator[None]:
    """Hold a lock inside a run folder; a folder that was deleted stays deleted.

    Raises:
        FolderGoneError: the folder is not there any more.
        RunError: another process has held it for 30 s.
        DiskFullError: the folder cannot be written.
    """
    gone = FolderGoneError(f"The run folder {folder} is not there any more: it was deleted. Nothing was written.")
    # The lock makes the folder that it stands in, so a deleted run would come back with nothing but a lock in it.
    if not (folder / "run.json").is_file():
        raise gone
    busy = RunError(f"{folder} has been locked by another process for {LOCK_SECONDS} s. Try again soon.")
    with held(folder / name, busy, str(folder)):
        if not (folder / "run.json").is_file():
            _take_back(folder, name)
            raise gone
        yield


@contextlib.contextmanager
def worker_lock(folder: Path) -> Iterator[None]:
    """Hold the lock that says that a worker is at work in a run folder; what the worker starts does not inherit it.

    Raises:
        RunActiveError: another worker holds it.
        DiskFullError: the folder cannot be written.
    """
    busy = RunActiveError(
        f"A worker is at work in {folder} already; a second worker would spoil it. Stop the run first."
    )
    with held(folder / _WORKER_LOCK, busy, str(folder), seconds=_SECONDS_FOR_WORKER):
        yield


def worker_holds(folder: Path) -> bool:
    """Whether a worker is at work in a run folder, whatever its record says; of a folder not to be written: no."""
    if not (folder / _WORKER_LOCK).is_file():
        return False
    lock = FileLock(folder / _WORKER_LOCK, timeout=_SECONDS_FOR_WORKER)
    try:
        lock.acquire()
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


def _take_back(folder: Path, name: str) -> None:
    """Remove the lock that was made in a folder after its deletion, and the folder, if nothing else is in it."""
    with contextlib.suppress(OSError):
        (folder / name).unlink()
        folder.rmdir()
