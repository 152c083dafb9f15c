"""A group of seeds on Train: how many to launch, and the group's progress, time, stop and resume."""

from collections.abc import Callable

import streamlit as st

from finsent.cost.estimate import in_words
from finsent.errors import FinsentError, RunError
from finsent.runs.groups import RunGroup, group_of, read_again, resume_group, stop_group
from finsent.runs.store import Run
from pages.shared import places
from pages.shared.access import action
from pages.shared.pressed import fragment
from pages.shared.run_parts import state_badge
from pages.shared.runs_now import runs_now
from pages.shared.ui import choose_one, plain_markdown, show_error

CHOICES = {1: "one", 3: "three", 5: "five"}
SEEDS_HELP = (
    "The seed decides LoRA's start, its dropout and the order of the rows. Runs that differ in it alone show how much "
    "of a figure is training luck. They follow one another: three seeds take three times as long."
)


def choose_seeds(seconds: float | None) -> int:
    """Let the visitor choose how many seeds to train; ``seconds`` is what one of them will take, if that is known."""
    seeds = choose_one("Seeds", CHOICES, 1, "seeds", SEEDS_HELP)
    if seeds > 1:
        total = f", about {in_words(seeds * seconds)} in all" if seconds else ""
        st.caption(f"{seeds} runs that differ in the seed alone, one after another{total}.")
    return seeds


def show_group(run: Run) -> None:
    """Show the group that a run belongs to, if any; while it is active the view refreshes itself."""
    group = group_of(run, runs_now())
    if group is not None:
        fragment(_view, run_every="2s" if group.active else None)(group, run.id, group.active)


def _view(group: RunGroup, shown: str, was_active: bool) -> None:
    try:
        group = read_again(group) if was_active else group
    except RunError as error:
        show_error(error)
        return
    if was_active and not group.active:
        st.rerun()
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain_markdown(group.title)}**", width="content")
            _buttons(group)
        st.progress(group.share_done, text=_progress_words(group))
        with st.container(horizontal=True):
            for member in group.runs:
                _member(member, shown)


def _progress_words(group: RunGroup) -> str:
    words = f"{len(group.done)} of {len(group.runs)} seeds done"
    if group.missing:
        words += f", {group.missing} deleted"
    if group.seconds_left is not None:
        words += f", about {in_words(group.seconds_left)} left for all"
    return words


def _buttons(group: RunGroup) -> None:
    if group.active:
        with st.popover("Stop the group", icon=":material/stop_circle:"):
            st.markdown("Stop the run at work and take the others out of the queue? What was learned is saved.")
            if action(st.button, "Yes, stop them all", type="primary", key=f"stop-{group.id}"):
                _do(lambda: stop_group(group))
    elif group.resumable and action(st.button, "Resume the group", icon=":material/resume:", key=f"resume-{group.id}"):
        _do(lambda: resume_group(group))
    if len(group.done) > 1:
        st.page_link(
            places.COMPARE,
            label="Compare the seeds",
            icon=":material/grid_on:",
            query_params={"run": group.done[0].id},
        )


def _do(change: Callable[[], object]) -> None:
    try:
        change()
    except FinsentError as error:
        show_error(error)
    else:
        st.rerun()


def _member(member: Run, shown: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", width="content"):
        if member.id == shown:
            st.markdown(f"**seed {member.recipe.seed}**", width="content")
        else:
            st.page_link(places.TRAIN, label=f"seed {member.recipe.seed}", query_params={"run": member.id})
        state_badge(member)
