"""Where the project's own files stand, paths that people type, and files replaced so that nobody sees half of one."""

import contextlib
import errno
import json
import math
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

from finsent.errors import DiskFullError, FinsentError, FolderGoneError

#: The folder that holds the package: processes of the project's own are started there, so that they find it.
PROJECT = Path(__file__).parents[1]
#: Files that ship inside the package.
ASSETS = Path(__file__).parent / "assets"
#: Far more than any JSON file that finsent writes.
_MOST_JSON_BYTES = 64 * 2**20
_MOST_INTEGER = 2**63
#: So many names of a folder are compared with one that is mistyped.
_MOST_NAMES = 10_000


def typed_path(text: str | Path, error: type[FinsentError], what: str, advice: str) -> Path:
    """Return the path that a person typed, with ``~`` resolved; whether anything is there is for the caller to see.

    What it returns can be asked for (``exists``, ``is_dir``) without an error of the system's.

    ``error`` is the class of what is raised, ``what`` names in its message what was looked for ("data"), and ``advice``
    is a whole sentence that says what to give instead.

    Raises:
        error: the path is blank, is none that the system could have (too long, a NUL byte, not to be written in
            UTF-8), begins with an unknown home folder, leads through a file, or may not be looked at.
    """
    typed = str(text)
    if not typed.strip():
        raise error(f"The path of the {what} is blank. {advice}")
    try:
        typed.encode()
        # pathlib forgets "./", which is how one names a file that begins with "~".
        path = Path(typed).expanduser() if typed.startswith("~") else Path(typed)
        path.stat()
    except FileNotFoundError:
        return path
    except RuntimeError:
        why = "that home folder is unknown"
    except NotADirectoryError:
        why = "a part of the path before the last is a file, no folder"
    except OSError as problem:
        why = f"it cannot be opened: {problem.strerror}"
    except ValueError:
        why = "it holds a character that no path can have"
    else:
        return path
    raise error(f"There is no {what} at {_shown(typed)} ({why}). {advice}")


def roots() -> tuple[Path, ...]:
    """Return the folders that a visitor of the pages may name data and models in, links resolved.

    They are those of ``FINSENT_ROOTS``, parted as in ``PATH``; else the project's folder, the home folder and the
    temporary folder.

    Raises:
        FinsentError: one of them can be no path.
    """
    given = [one for one in os.environ.get("FINSENT_ROOTS", "").split(os.pathsep) if one.strip()]
    folders = given or [str(PROJECT), "~", tempfile.gettempdir()]
    advice = "Set FINSENT_ROOTS to other folders."
    return tuple(
        Path(os.path.realpath(typed_path(one, FinsentError, "folder to read from", advice))) for one in folders
    )


def check_within_roots(text: str, error: type[FinsentError], what: str) -> None:
    """Refuse a path that a visitor typed and that leads out of :func:`roots`, whether or not anything is there.

    Links are followed first; a folder is refused when a link in it leads out. ``error`` and ``what`` are as in
    :func:`typed_path`, which says what is wrong with a path that can be none.

    Raises:
        error: it leads out. The message is the same whatever is there.
    """
    allowed = roots()
    if text.startswith("~") and text != "~" and not text.startswith("~/"):
        # Whether there is a user of that name is not told either.
        raise error(f"There is no {what} at {_shown(text)} (that home folder is unknown). Give a path without it.")
    try:
        path = Path(os.path.realpath(Path(text).expanduser()))
        inside = _is_within(path, allowed) and (not path.is_dir() or _stays_within(path, allowed))
    except (ValueError, OSError, RuntimeError):
        # It can be no path, or may not be looked at: what is wrong with it is for typed_path to say.
        return
    if not inside:
        folders = ", ".join(map(str, allowed))
        raise error(
            f"There is no {what} that the pages may read at {_shown(text)}. They read below {folders}; whoever starts "
            "the app chooses other folders with FINSENT_ROOTS."
        )


def _is_within(path: Path, allowed: tuple[Path, ...]) -> bool:
    return any(path.is_relative_to(folder) for folder in allowed)


def _stays_within(folder: Path, allowed: tuple[Path, ...]) -> bool:
    """Whether every link in a folder and its folders leads into the folders that are allowed."""
    for parent, folders, names in os.walk(folder):
        links = (Path(parent, name) for name in (*folders, *names))
        if not all(_is_within(Path(os.path.realpath(link)), allowed) for link in links if link.is_symlink()):
            return False
    return True


def near_names(path: Path) -> str:
    """Return what lies beside a path that is not there and has a name like it, as a sentence after a blank, or ""."""
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in islice(entries, _MOST_NAMES)]
    except OSError:
        return ""
    close = get_close_matches(path.name, names, 3)
    return f" Near it: {', '.join(_shown(name) for name in close)}." if close else ""


def _shown(typed: str) -> str:
    """Return a path as a message can quote it: its first 200 characters, those that cannot be printed as �."""
    return "".join(one if one.isprintable() else "\ufffd" for one in typed[:200])


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a scratch file beside ``path`` to write into, and rename it over ``path`` once it is finished.

    Each writer has a scratch file of its own, also of several in one process.

    Raises:
        FolderGoneError: the folder is not there any more; it is not made again.
        DiskFullError: there is no room; the old file stays and nothing half-written is left.
    """
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        yield scratch
        scratch.replace(path)
    except FileNotFoundError as error:
        raise FolderGoneError(f"{path} cannot be written: its folder is not there any more.") from error
    except OSError as error:
        raise DiskFullError(f"{path} cannot be written ({error.strerror}). Free some room and try again.") from error
    finally:
        scratch.unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Write a text file through :func:`replacing`."""
    with replacing(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def read_json(path: Path, large_numbers: bool = False) -> Any:
    """Return the value of a JSON file such as finsent writes: UTF-8, finite numbers, no odd file.

    Whole numbers have 64 bits, unless ``large_numbers`` may be there, as in files of other programs.

    Raises:
        OSError: it is not there, is no regular file, or may not be read.
        ValueError: it is no such JSON; the message is a part of a sentence.
    """
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        raise OSError(errno.EINVAL, "it is no file", str(path))
    if about.st_size > _MOST_JSON_BYTES:
        raise ValueError(f"it has {about.st_size:,} bytes, more than any file that finsent writes")
    try:
        # With the mark that editors on Windows put before a text.
        text = path.read_text(encoding="utf-8-sig")
        return json.loads(
            text, parse_constant=_no_number, parse_float=_finite, parse_int=int if large_numbers else _bounded
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"it is no UTF-8 text (first at byte {error.start:,})") from error
    except RecursionError as error:
        raise ValueError("it nests too deeply") from error


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"it holds {text[:40]}, which is no number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        _no_number(text)
    return value


def _bounded(text: str) -> int:
    if len(text) > len(str(_MOST_INTEGER)) or abs(int(text)) >= _MOST_INTEGER:
        _no_number(text)
    return int(text)


def remove(path: Path) -> None:
    """Remove a file, a folder with all that is in it, or a link, which is never followed; nothing need be there.

    Raises:
        OSError: it cannot be removed.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
