"""When a run ends: the one figure for the whole of it, on Train, in the badge and wherever a run at work is named."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import streamlit as st

from finsent.cost.estimate import in_words
from finsent.cost.pace import STAGES
from finsent.cost.remaining import Clock, Outlook, ends_in_turn, outlook_in_words
from finsent.runs.store import Run, RunState, at_work, list_runs, waiting
from pages.shared.ui import plain_markdown

STAGE_TITLES = {
    RunState.PREPARING: "Preparing",
    RunState.BASELINE: "Baseline",
    RunState.TRAINING: "Training",
    RunState.EVALUATING: "Evaluating",
}


# Kept for all visitors and between reruns: it knows what has been said before.
@st.cache_resource(max_entries=8, show_spinner=False)
def _clock(folder: str) -> Clock:
    return Clock()


def outlook_of(run: Run) -> Outlook | None:
    """Return what is left of a run at work, the same for whoever asks."""
    return _clock(str(run.folder)).tell(run) if run.active and not run.waiting else None


def when_done(run: Run) -> str:
    """Return when a run at work ends, for example ``done at about 14:32, 2 min left``, or ""."""
    return outlook_in_words(outlook_of(run), _zone())


def show_time_left(run: Run) -> None:
    """Show one bar for the whole run with when it ends, why that was put off, and its stages below."""
    outlook = outlook_of(run)
    words = outlook_in_words(outlook, _zone())
    if outlook is None or not words:
        st.progress(0.0, text="When it ends is known once this machine has measured something.")
    else:
        st.progress(min(1.0, outlook.share(run)), text=f"{words[:1].upper()}{words[1:]}")
    if outlook and outlook.reason:
        st.caption(f":material/hourglass_top: {plain_markdown(outlook.reason)}.")
    st.caption(" · ".join(_stage(run, stage, outlook) for stage in STAGES))


def queue_ends(runs: list[Run]) -> list[str]:
    """Return for each of some runs that waits when it ends, in their order: ``done at about 14:32``, or ""."""
    busy = at_work(runs)
    outlook = outlook_of(busy) if busy else None
    first = outlook.ends if outlook else None if busy else datetime.now(UTC)
    ends = ends_in_turn(first, waiting(runs))
    return [f"done at about {end.astimezone(_zone()):%H:%M}" if end else "" for end in ends]


def turn_words(run: Run) -> str:
    """Return how many runs have their turn before a waiting one, and when it ends if that is known."""
    runs = list_runs(run.folder.parent)
    place = next((place for place, one in enumerate(waiting(runs)) if one.id == run.id), None)
    if place is None:
        return "next"
    words = f"{place} in the queue before it" if place else "next"
    return "; ".join(filter(None, [words, queue_ends(runs)[place]]))


def _stage(run: Run, stage: RunState, outlook: Outlook | None) -> str:
    """Return one stage as Markdown: how long it took, how far it is, or how long it will take."""
    title, left = STAGE_TITLES[stage], outlook.stages.get(stage) if outlook else None
    if stage == run.state:
        progress = run.progress
        far = f" {progress.done:,} of {progress.total:,} {plain_markdown(progress.unit)}" if progress else ""
        return f"**{title}{far}**" + ("" if left is None else f", {in_words(left)} left")
    begun = run.entered.get(stage)
    if run.state in STAGES and STAGES.index(stage) < STAGES.index(run.state) and begun:
        ended = run.entered.get(STAGES[STAGES.index(stage) + 1])
        return title + (f" {in_words((ended - begun).total_seconds())}" if ended else "") + " :material/check:"
    return title + ("" if left is None else f" about {in_words(left)}")


def _zone() -> tzinfo:
    """Return the visitor's time zone; UTC where the browser names none."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (KeyError, ValueError):
        return UTC
