"""Judged rows whose label somebody doubts: what the corrections of their data set say of them."""

from collections.abc import Iterable

from finsent.data.corrections import Flags, flagged
from finsent.errors import CorrectionsError
from finsent.runs.corrections import FILE, corrections_dir
from finsent.runs.evaluated_sets import OWN, set_key
from finsent.runs.store import Run


def flags_written(run: Run) -> int:
    """Return when a correction was last kept beside a run, as nanoseconds since 1970; 0 where there is none."""
    files = corrections_dir(run.folder.parent).glob(f"*/{FILE}")
    return max((file.stat().st_mtime_ns for file in files), default=0)


def flagged_rows(run: Run, row_ids: Iterable[str], on: str = OWN) -> Flags:
    """Return which rows of the set ``on`` have a label that was flagged as doubtful since, or before.

    With them comes what of the file cannot be used.

    Raises:
        CorrectionsError: the file of corrections cannot be read.
    """
    begins = set_key(run.source_hash) if on == OWN else on
    if not begins:
        return Flags()
    for folder in sorted(corrections_dir(run.folder.parent).glob("*")):
        if not folder.name.startswith(begins):
            continue
        file = folder / FILE
        try:
            return flagged(row_ids, file.read_bytes(), str(file), folder.name)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise CorrectionsError(f"{file} cannot be read ({error.strerror}). Mend it, or take it away.") from error
    return Flags()
