"""One figure of remaining time for a whole run: from its estimate at first, corrected by what is measured.

What was said is kept while the measurements agree with it within a tenth. It is put off only with a reason.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

import pandas as pd

from finsent.cost.estimate import estimate_run, in_words
from finsent.cost.pace import Pace, estimated_pace, measured_pace, stages_left
from finsent.cost.rivals import Rivals
from finsent.runs.curves import CurveReader
from finsent.runs.store import Run, RunState, list_runs

#: What was said stays while the newest figure is within this share of it, and within these seconds.
_TOLERATED_SHARE, _TOLERATED_SECONDS = 0.1, 5.0


@dataclass(frozen=True)
class Outlook:
    """What is said of a run at work: when it ends, why that was put off, if it was, and seconds left of each stage.

    ``ends`` is None while nothing is known. ``stages`` has the present stage and those after it; ``rough`` says that
    this machine had measured nothing before.
    """

    ends: datetime | None
    seconds: float | None
    reason: str
    stages: dict[RunState, float]
    rough: bool = False

    def share(self, run: Run) -> float:
        """Return how much of the run's time is over, from 0 to 1."""
        worked = run.seconds or 0.0
        return worked / (worked + self.seconds) if self.seconds is not None and worked + self.seconds > 0 else 0.0


class Clock:
    """Says when one run ends; keep it as long as the run is watched, since it knows what it has said before.

    ``read_curves`` returns the run's curves, by default from its folder. Safe to share between threads.
    """

    def __init__(self, read_curves: Callable[[], pd.DataFrame] | None = None) -> None:
        self._read_curves = read_curves
        self._lock = threading.Lock()
        self._estimated: Pace | None = None
        self._looked = False
        self._session: datetime | None = None
        self._ends: datetime | None = None
        self._reason = ""
        self._rivals = Rivals()

    def tell(self, run: Run, now: datetime | None = None) -> Outlook | None:
        """Return what is left of a run, or None of one that is not at work."""
        now = now or datetime.now(UTC)
        if not run.active or run.waiting:
            return None
        with self._lock:
            if run.resumed != self._session:
                # A resumed run is another stretch of work: nothing was said about it.
                self._session, self._ends, self._reason = run.resumed, None, ""
            if self._ends is None and run.started and run.estimated_seconds and not run.resumed:
                # What was said before the launch.
                self._ends = run.started + timedelta(seconds=run.estimated_seconds)
            self._rivals.look(run)
            left, pace = self._left(run, now)
            if left is None:
                return Outlook(self._ends, None, "", {})
            self._say(run, now, sum(left.values()) or 0.0, pace)
            seconds = max(0.0, (self._ends - now).total_seconds()) if self._ends else None
            return Outlook(
                self._ends, seconds, self._reason, left if pace else {}, self._looked and not self._estimated
            )

    def _left(self, run: Run, now: datetime) -> tuple[dict[RunState, float] | None, Pace | None]:
        if not {"train", "validation", "test"} <= run.splits.keys():
            # The rows are not counted yet; what was estimated at the launch is known.
            if run.estimated_seconds is None:
                return None, None
            worked = run.worked + ((now - (run.resumed or run.started)).total_seconds() if run.started else 0.0)
            return {run.state: max(0.0, run.estimated_seconds - worked)}, None
        if not self._looked:
            self._looked = True
            estimate = estimate_run(run.recipe, run.splits, list_runs(run.folder.parent), run.folder.parent)
            if estimate is not None:
                self._estimated = estimated_pace(estimate.speed, run.recipe, run.splits)
        if self._read_curves is None:
            self._read_curves = CurveReader(run.folder).refresh
        curves = self._read_curves()
        pace = measured_pace(run, curves, self._estimated, now)
        return (None, None) if pace is None else (stages_left(run, curves, pace, now), pace)

    def _say(self, run: Run, now: datetime, seconds: float, pace: Pace | None) -> None:
        newest = now + timedelta(seconds=seconds)
        if self._ends is None:
            self._ends = newest
            return
        later = (newest - self._ends).total_seconds()
        if abs(later) <= max(_TOLERATED_SECONDS, _TOLERATED_SHARE * seconds):
            return
        self._reason = f"{in_words(later)} later than said before: {self._why(run, pace)}" if later > 0 else ""
        self._ends = newest

    def _why(self, run: Run, pace: Pace | None) -> str:
        if words := self._rivals.words(run):
            return words
        estimated = self._estimated
        if run.state == RunState.TRAINING and estimated and pace and pace.step > estimated.step:
            return f"a step takes {pace.step:.2f} s, {estimated.step:.2f} s were estimated"
        if run.state == RunState.TRAINING and estimated and pace and pace.evaluation > estimated.evaluation:
            return f"an evaluation takes {in_words(pace.evaluation)}, {in_words(estimated.evaluation)} were estimated"
        if run.state in (RunState.BASELINE, RunState.EVALUATING) and pace and estimated:
            return f"a text takes {pace.score_row:.2f} s to score, {estimated.score_row:.2f} s were estimated"
        return f"{run.state} takes longer than estimated"


def ends_in_turn(first: datetime | None, waiting: list[Run]) -> list[datetime | None]:
    """Return when each of the waiting runs ends, one after another after ``first``; None from the first unknown on."""
    ends: list[datetime | None] = []
    for run in waiting:
        known = first is not None and run.estimated_seconds is not None
        first = first + timedelta(seconds=run.estimated_seconds or 0.0) if known and first else None
        ends.append(first)
    return ends


def outlook_in_words(outlook: Outlook | None, zone: tzinfo | None = None) -> str:
    """Return when a run ends as people say it, for example ``done at about 14:32, 3 min 20 s left``.

    ``zone`` is where the reader is, by default this machine's. It is "" while nothing is known.
    """
    if outlook is None or outlook.ends is None or outlook.seconds is None:
        return ""
    if outlook.seconds < 2:
        return "about to end"
    roughly = "roughly" if outlook.rough else "about"
    return f"done at {roughly} {outlook.ends.astimezone(zone):%H:%M}, {in_words(outlook.seconds)} left"
