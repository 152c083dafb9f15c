"""Training curves, read from a run's TensorBoard event files while they grow."""

import errno
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from finsent.errors import reason
from finsent.labels import NEUTRAL, POSITIVE, TO_THREE
from finsent.limits import BYTES
from finsent.metrics.statistics import wilson_bounds
from finsent.runs.first_answers import OWN, first_answers
from finsent.runs.store import Run

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event

#: Columns of a curves table: the scalar's tag, optimizer step, seconds since the epoch, value.
CURVE_COLUMNS = ("tag", "step", "wall_time", "value")

# An event file is a sequence of TFRecords: length (8 bytes), its checksum (4), an Event message, its checksum (4).
# TensorBoard's own reader computes the checksums in Python, which takes two seconds for 100,000 points. The length
# alone tells whether a record is complete, and that is all that a growing local file needs.
_LENGTH = struct.Struct("<Q")
_HEADER_BYTES = 12
_FOOTER_BYTES = 4
#: The year 3000.
_LAST_SECOND = 32_503_680_000
_LONGEST_TAG = 200


class CurveReader:
    """Reads the scalars of one run, each event once; keep it and call :meth:`refresh` for what is new.

    A resumed run writes a second event file and repeats the steps after its checkpoint: for each tag and step the
    later file counts. A file that is absent, empty or ends in half a record is no error; the rest comes later. What is
    damaged is passed over, and :func:`damaged_events` tells of it.
    Safe to share between threads.
    """

    def __init__(self, run_folder: Path) -> None:
        self._folder = Path(run_folder) / "tensorboard"
        self._offsets: dict[Path, int] = {}
        self._lock = threading.Lock()
        self._table = _table([])

    def refresh(self) -> pd.DataFrame:
        """Read what was added since the last call and return all curves, ordered by tag and step.

        The same object is returned when nothing was added.
        """
        with self._lock:
            added: list[tuple[str, int, float, float]] = []
            for path in _event_files(self._folder):
                added.extend(self._new_points(path))
            if added:
                table = pd.concat([self._table, _table(added)]) if len(self._table) else _table(added)
                table = table.drop_duplicates(["tag", "step"], keep="last")
                self._table = table.sort_values(["tag", "step"], kind="stable", ignore_index=True)
            return self._table

    def _new_points(self, path: Path) -> Iterator[tuple[str, int, float, float]]:
        for event in self._new_events(path):
            for value in event.summary.value:
                # The trainer also writes texts (its arguments, the model's configuration).
                if value.HasField("simple_value") and _is_point(event, value.tag):
                    yield value.tag, event.step, event.wall_time, value.simple_value

    def _new_events(self, path: Path) -> "Iterator[Event]":
        offset = self._offsets.get(path, 0)
        try:
            data = _content(path, offset)
        except OSError:
            return
        events, read = _events(data)
        self._offsets[path] = offset + read
        # A damaged record is passed over; the next one begins where its length says.
        yield from (event for event in events if event is not None)


def _content(path: Path, offset: int = 0) -> bytes:
    """Return what a file of events holds from a byte on; raises OSError where that cannot be read."""
    if not path.is_file():
        raise OSError(errno.EINVAL, "it is no file", str(path))
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(BYTES.value)


def _events(data: bytes) -> "tuple[list[Event | None], int]":
    """Return the events of a file's content, None for a damaged one, and how many of its bytes are whole records."""
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event

    events: list[Event | None] = []
    start = 0
    while start + _HEADER_BYTES <= len(data):
        (length,) = _LENGTH.unpack_from(data, start)
        end = start + _HEADER_BYTES + length + _FOOTER_BYTES
        if end > len(data):
            break
        try:
            events.append(Event.FromString(data[start + _HEADER_BYTES : end - _FOOTER_BYTES]))
        except DecodeError:
            events.append(None)
        start = end
    return events, start


def _is_point(event: "Event", tag: str) -> bool:
    """Whether an event can be a point of a curve: at a step, and at a time that a clock can show."""
    return event.step >= 0 and 0 <= event.wall_time < _LAST_SECOND and len(tag) <= _LONGEST_TAG


def _event_files(folder: Path) -> list[Path]:
    """Return the files of events below a folder, in the order in which they were begun."""
    # The files' names begin with the time of their creation.
    return sorted(folder.glob("**/events.out.tfevents.*"), key=lambda path: (path.name, path))


def damaged_events(run: Run) -> list[str]:
    """Return a sentence for each file of events of a run that ended which cannot be read to its end."""
    words = []
    for path in [] if run.active else _event_files(run.tensorboard_dir):
        try:
            data = _content(path)
        except OSError as error:
            words.append(f"{path} is damaged: {reason(error)}. Its points are missing from the curves.")
            continue
        events, read = _events(data)
        lost = sum(event is None for event in events)
        if lost or read < len(data) or not events:
            words.append(
                f"{path} is damaged: {lost:,} of {len(events):,} records and the last {len(data) - read:,} bytes "
                "cannot be read. Their points are missing from the curves."
            )
    return words


def read_curves(run_folder: Path) -> pd.DataFrame:
    """Return a run's curves as a table with the columns of ``CURVE_COLUMNS``; empty before the first point."""
    return CurveReader(run_folder).refresh()


def curve(curves: pd.DataFrame, tag: str) -> pd.DataFrame:
    """Return the points of one tag, in order of step."""
    return curves[curves["tag"] == tag]


def neutral_called_positive(run: Run, curves: pd.DataFrame) -> pd.DataFrame:
    """Return the share of neutral validation texts called positive at each evaluation of a run.

    Columns ``step, value, low, high, n, of`` with 95 % Wilson intervals (Wilson 1927). Step 0 is what the model
    answered before training, and ``of`` says whose answers a point is about (see :mod:`finsent.runs.first_answers`);
    there is no step 0 where they are not known. Empty before the baseline was scored, whose rows tell how many are
    neutral.

    Raises:
        DamagedFileError: these predictions cannot be read.
    """
    columns = ["step", "value", "low", "high", "n", "of"]
    first = first_answers(run)
    n = 0 if first is None else int((first.rows["label"] == NEUTRAL).sum())
    if first is None or n == 0:
        return pd.DataFrame(columns=columns, dtype=float)
    logged = curve(curves, "eval/neutral_as_positive")
    points = logged[["step", "value"]].assign(of=OWN)
    if first.answers is not None:
        neutral = first.answers[first.answers["label"] == NEUTRAL]
        before = (neutral["predicted"].map(TO_THREE) == POSITIVE).mean()
        start = pd.DataFrame({"step": [0], "value": [before], "of": [first.whose]})
        points = pd.concat([start, points], ignore_index=True) if len(points) else start
    counts = (points["value"] * n).round()
    points["low"], points["high"] = wilson_bounds(counts.to_numpy(), n)
    return points.assign(n=n)[columns].reset_index(drop=True)


def _table(rows: list[tuple[str, int, float, float]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(CURVE_COLUMNS))
    return table.astype({"tag": "str", "step": "int64", "wall_time": "float64", "value": "float64"})
