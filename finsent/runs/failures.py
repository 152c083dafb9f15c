"""What ended a run, as a sentence for whoever started it, and the room on the disk that writing it takes."""

import errno
import logging
import os
import shutil
import traceback
from pathlib import Path

from finsent.errors import DiskFullError, FinsentError, OutOfMemoryError, ProcessGoneError
from finsent.models.memory_advice import memory_advice
from finsent.recipe import Recipe

#: Bytes set aside in a run folder, enough for its record and the last words of its log.
_RESERVE_BYTES = 256 * 2**10
#: With less than this left, a file that could not be written was one too many.
_FULL_BYTES = 2**20
#: What gloo and NCCL say when a process does not answer any more, each in a RuntimeError of many other uses.
_PEER_IS_GONE = ("gloo/transport", "ncclremoteerror")
log = logging.getLogger("finsent.runs.worker")


def set_room_aside(folder: Path) -> None:
    """Occupy a little of the disk, so that a run that fills it can still say so; see :func:`give_room_back`."""
    # Random, since some file systems store zeros in no room at all.
    (folder / ".reserve").write_bytes(os.urandom(_RESERVE_BYTES))


def give_room_back(folder: Path) -> None:
    """Free what :func:`set_room_aside` occupied, if it did."""
    (folder / ".reserve").unlink(missing_ok=True)


def in_words(error: Exception, recipe: Recipe, folder: Path) -> FinsentError:
    """Return an error of a run as one that a user can read: what happened and what to do.

    ``recipe`` is the run's, and ``folder`` the run folder.
    """
    if isinstance(error, FinsentError):
        return error
    text = str(error)
    if _disk_is_full(error, folder):
        return DiskFullError("The disk is full. Free some room, for example by deleting old runs, and resume the run.")
    if isinstance(error, MemoryError) or _says(text, "out of memory", "can't allocate memory", "bad_alloc"):
        return OutOfMemoryError(f"There is not enough memory for these settings. {_advice(recipe)}")
    if recipe.processes > 1 and _says(text, *_PEER_IS_GONE):
        return ProcessGoneError(
            "Another process of this run is gone: it was killed, its host went down, or the network between them. "
            "Resume the run, and start it on the other hosts again, if it has any: it goes on from its last "
            "checkpoint. The log has the details."
        )
    first = (text.strip() or type(error).__name__).splitlines()[0]
    return FinsentError(f"An unexpected {type(error).__name__} ended the run: {first}. The log has the details.")


def _disk_is_full(error: Exception, folder: Path) -> bool:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC or _says(str(error), "no space left on device"):
        return True
    # PyTorch says that a file could not be written, and not why.
    return _says(str(error), "write failed", "failed writing") and shutil.disk_usage(folder).free < _FULL_BYTES


def _says(text: str, *phrases: str) -> bool:
    return any(phrase in text.lower() for phrase in phrases)


def _advice(recipe: Recipe) -> str:

    try:
        return memory_advice(recipe)
    except (FinsentError, MemoryError, RuntimeError):
        # What failed for want of memory may fail again while the advice is worked out.
        log.info(traceback.format_exc())
        return "Lower batch_size, raise gradient_accumulation by as much, and switch gradient_checkpointing on."
