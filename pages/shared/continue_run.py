"""Continue the run that is looked at: from its adapter, on corrected labels, a repair set, or both."""

from typing import Any

import pandas as pd
import streamlit as st

from finsent.cost.estimate import estimate_continued, in_words
from finsent.errors import FinsentError, RecipeError
from finsent.evaluation.continuing import MOST_REPLAY, REPLAY, continue_run
from finsent.recipe import change_recipe
from finsent.runs.corrections import CorrectionSet
from finsent.runs.history import NAME_LENGTH
from finsent.runs.store import Run
from pages.shared import places
from pages.shared.access import action
from pages.shared.run_parts import safe_title
from pages.shared.speeds import speed_of
from pages.shared.ui import counted, plain_markdown, show_error

_LAUNCHED = "continued-by"


def show_continue(run: Run, repair: pd.DataFrame | None, saved: CorrectionSet, key: str) -> None:
    """Show a form that launches a run from this one's adapter, and the way to it once it is launched."""
    st.markdown("**Continue this run**")
    if not run.has_adapter:
        st.caption("This run has no adapter to start from.")
        return
    changed = saved.counts["change"] + saved.counts["drop"]
    # What a field begins with is this run's: one that was shown for another run, or before the first correction, would
    # keep what it began with there.
    key = f"{key}-{run.id}-{changed > 0}"
    with st.form(f"continue-form-{key}", border=True):
        what = "the repair set and replayed rows" if repair is not None else "all its training rows"
        st.markdown(
            f"A new run starts from the adapter of **{safe_title(run)}** and trains on {what}. The same test rows "
            "judge both, and Compare says what was mended and what broke."
        )
        sides = st.columns(4, vertical_alignment="bottom")
        use = sides[0].checkbox(
            f"With the {counted(changed, 'corrected label')}",
            value=changed > 0,
            disabled=changed == 0 or repair is not None,
            help="A repair set has its rows' corrected labels already." if repair is not None else None,
            key=f"use-{key}",
        )
        epochs = sides[1].number_input("Epochs", 0.1, 100.0, float(run.recipe.epochs), 0.5, key=f"epochs-{key}")
        rate = sides[2].number_input(
            "Learning rate", 1e-7, 1e-1, float(run.recipe.learning_rate), 1e-4, format="%g", key=f"rate-{key}"
        )
        replay = REPLAY
        if repair is not None:
            replay = sides[3].number_input(
                "Replayed rows for each",
                0,
                MOST_REPLAY,
                REPLAY,
                key=f"replay-{key}",
                help="Ordinary training rows beside each row of the repair set, so that what was learnt is kept.",
            )
        _say_cost(run, {"epochs": epochs, "learning_rate": rate}, repair, replay)
        name = st.text_input("Name (optional)", max_chars=NAME_LENGTH, key=f"name-{key}")
        if action(
            st.form_submit_button,
            "Continue this run",
            key=f"continue-{key}",
            icon=":material/play_arrow:",
            type="primary",
        ):
            changes = {"epochs": epochs, "learning_rate": float(f"{rate:.10g}")}
            _launch(run, changes, saved if use and changed else None, repair, replay, name)
    launched = st.session_state.get(_LAUNCHED)
    if launched and launched[0] == run.id:
        child = launched[1]
        st.success(f"Run {plain_markdown(child)} is launched.", icon=":material/check:")
        with st.container(horizontal=True):
            st.page_link(places.TRAIN, label="Watch it", icon=":material/show_chart:", query_params={"run": child})
            st.page_link(
                places.COMPARE,
                label="Its verdict, once it is done",
                icon=":material/grid_on:",
                query_params={"run": child},
            )


def _say_cost(run: Run, changes: dict[str, Any], repair: pd.DataFrame | None, replay: int) -> None:
    """Say how long it will take; a form tells of a change of its fields only once it is sent."""
    try:
        recipe = change_recipe(run.recipe, changes)
    except RecipeError:
        # Said where it is launched.
        return
    cost = estimate_continued(run, recipe, None if repair is None else len(repair), replay, speed_of)
    if cost is not None:
        rows = "" if repair is None else f" and {replay} replayed rows for each"
        st.caption(
            f"About **{in_words(cost.seconds)}** with epochs at {changes['epochs']:g}{rows}: "
            f"{counted(cost.steps, 'step')}, at the speed of the run that is continued."
        )


def _launch(
    run: Run,
    changes: dict[str, Any],
    corrections: CorrectionSet | None,
    repair: pd.DataFrame | None,
    replay: int,
    name: str,
) -> None:
    try:
        child = continue_run(run, changes, corrections, repair, replay, name.strip())
    except FinsentError as error:
        show_error(error)
        return
    st.session_state[_LAUNCHED] = (run.id, child.id)
