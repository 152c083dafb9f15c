"""Training curves, read from a run's TensorBoard event files while they grow."""

import contextlib
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from finsent.labels import NEUTRAL, POSITIVE, TO_THREE
from finsent.runs import Run

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


class CurveReader:
    """Reads the scalars of one run, each event once; keep it and call :meth:`refresh` for what is new.

    A resumed run writes a second event file and repeats the steps after its checkpoint: for each tag and step the
    later file counts. A file that is absent, empty or ends in half a record is no error; the rest comes later.
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
            # The files' names begin with the time of their creation.
            for path in sorted(self._folder.glob("**/events.out.tfevents.*"), key=lambda path: (path.name, path)):
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
                if value.HasField("simple_value"):
                    yield value.tag, event.step, event.wall_time, value.simple_value

    def _new_events(self, path: Path) -> "Iterator[Event]":
        from google.protobuf.message import DecodeError
        from tensorboard.compat.proto.event_pb2 import Event

        offset = self._offsets.get(path, 0)
        try:
            with path.open("rb") as file:
                file.seek(offset)
                data = file.read()
        except OSError:
            return
        start = 0
        while start + _HEADER_BYTES <= len(data):
            (length,) = _LENGTH.unpack_from(data, start)
            end = start + _HEADER_BYTES + length + _FOOTER_BYTES
            if end > len(data):
                break
            # A damaged record is passed over; the next one begins where its length says.
            with contextlib.suppress(DecodeError):
                yield Event.FromString(data[start + _HEADER_BYTES : end - _FOOTER_BYTES])
            start = end
        self._offsets[path] = offset + start


def read_curves(run_folder: Path) -> pd.DataFrame:
    """Return a run's curves as a table with the columns of ``CURVE_COLUMNS``; empty before the first point."""
    return CurveReader(run_folder).refresh()


def curve(curves: pd.DataFrame, tag: str) -> pd.DataFrame:
    """Return the points of one tag, in order of step."""
    return curves[curves["tag"] == tag]


def neutral_called_positive(run: Run, curves: pd.DataFrame) -> pd.DataFrame:
    """Return the share of neutral validation texts called positive at each evaluation of a run.

    Columns ``step, value, low, high, n`` with 95 % Wilson intervals (Wilson 1927). Step 0 is the baseline, taken
    from its predictions on the same texts, which also tell how many of them are neutral; empty before these exist.
    """
    from statsmodels.stats.proportion import proportion_confint

    columns = ["step", "value", "low", "high", "n"]
    file = run.predictions_file("baseline")
    if not file.is_file():
        return pd.DataFrame(columns=columns, dtype=float)
    rows = pd.read_parquet(file, columns=["label", "predicted", "split"])
    neutral = rows[(rows["split"] == "validation") & (rows["label"] == NEUTRAL)]
    n = len(neutral)
    if n == 0:
        return pd.DataFrame(columns=columns, dtype=float)
    before = (neutral["predicted"].map(TO_THREE) == POSITIVE).mean()
    logged = curve(curves, "eval/neutral_as_positive")
    points = pd.DataFrame({"step": [0, *logged["step"]], "value": [before, *logged["value"]]})
    counts = (points["value"] * n).round()
    points["low"], points["high"] = proportion_confint(counts, n, method="wilson")
    return points.assign(n=n)


def _table(rows: list[tuple[str, int, float, float]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(CURVE_COLUMNS))
    return table.astype({"tag": "str", "step": "int64", "wall_time": "float64", "value": "float64"})
