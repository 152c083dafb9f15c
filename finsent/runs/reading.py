"""Read a run from its folder: its record, whether its worker lives, and the end of its log."""

from datetime import UTC, datetime
from pathlib import Path

from finsent.errors import NewerRunError, RunError, reason
from finsent.files import read_json
from finsent.runs.migrations import NewerRecordError, migrated
from finsent.runs.record import DamagedRun, Run, RunState
from finsent.runs.signs import last_sign, lives

_LOG_WINDOW_BYTES = 256 * 2**10


def read_run(folder: Path) -> Run:
    """Return the run in a folder; an active one whose process is gone comes back as ``lost``.

    Raises:
        RunError: as :func:`read_record`.
    """
    run = read_record(folder)
    if run.active and run.pid is not None and not lives(run):
        run.state = RunState.LOST
        run.error = run.error or _last_words(run)
        run.ended = run.ended or datetime.fromtimestamp(last_sign(run), UTC)
    return run


def read_record(folder: Path) -> Run:
    """Return the run that the record in a folder describes, as the record has it.

    Raises:
        RunError: it is no record of this folder's run that this version understands; the message says what to do.
    """
    file = folder / "run.json"
    try:
        run = Run.model_validate(migrated(read_json(file)))
    except FileNotFoundError as error:
        raise RunError(f"Run {folder.name} is damaged: it has no run.json. Put the file back, or delete it.") from error
    except OSError as error:
        raise RunError(
            f"Run {folder.name} cannot be read: {file}: {error.strerror}. Mend that, or delete the run."
        ) from error
    except NewerRecordError as error:
        raise NewerRunError(f"Run {folder.name} {error}. Update finsent to use it.") from error
    except ValueError as error:
        raise RunError(
            f"Run {folder.name} cannot be used: {file} is damaged: {reason(error)}. Repair the file, or delete the run."
        ) from error
    if run.id != folder.name:
        raise RunError(
            f"The folder {folder.name} holds the record of run {run.id}: it is a copy of that run, or that run "
            f"renamed. Delete the copy; or rename the folder to {run.id} if there is no such run."
        )
    run.folder = folder
    return run


def what_is_left(folder: Path, error: RunError) -> DamagedRun:
    """Return what can be said of a run folder that :func:`read_run` refused with this error."""
    return DamagedRun(folder, str(error), "newer" if isinstance(error, NewerRunError) else "damaged")


def log_tail(run: Run | DamagedRun, lines: int = 20) -> str:
    """Return the last lines of a run's log, or "" when there is none. Of a redrawn line its last state counts."""
    if not run.log_file.is_file():
        return ""
    try:
        with run.log_file.open("rb") as log:
            log.seek(max(0, run.log_file.stat().st_size - _LOG_WINDOW_BYTES))
            text = log.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    # Progress bars redraw a line with a carriage return.
    written = (line.rstrip().rpartition("\r")[2] for line in text.split("\n"))
    return "\n".join([line for line in written if line.strip()][-lines:])


def _last_words(run: Run) -> str:
    words = log_tail(run, lines=3)
    if not words:
        return "Its process ended without a word, and its log is empty. The system may have killed it."
    return f"Its process ended without a word. The last lines of its log:\n{words}"
