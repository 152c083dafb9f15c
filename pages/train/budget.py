"""A time for the run on Train: the epochs and rows that fit are written into the form, which says what was picked."""

import streamlit as st

from finsent.cost.budget import within_budget
from finsent.cost.estimate import known_speed
from finsent.errors import FinsentError
from finsent.recipe import Recipe, change_recipe
from finsent.runs.store import default_runs_dir
from pages.shared.runs_now import runs_now
from pages.shared.speeds import speed_of
from pages.shared.ui import plain_markdown, show_error
from pages.train.form import prepared_data
from pages.train.state import change, form_state, started_from

_PICKED = "train-budget"
_MINUTES = "budget-minutes"


def choose_budget(recipe: Recipe) -> None:
    """Offer to fit the run into a time, and say what that picked for as long as the form still says it."""
    with st.popover("Fit into a time", icon=":material/hourglass_top:"):
        st.number_input("Minutes for the whole run", 0.5, 1440.0, 3.0, step=1.0, format="%g", key=_MINUTES)
        st.caption("Picks the epochs, or where not even one fits the rows, by the speed measured on this machine.")
        if st.button("Pick epochs and rows", key="budget", on_click=_pick, args=(recipe,)):
            picked = st.session_state.get(_PICKED)
            if isinstance(picked, FinsentError):
                show_error(picked)
    picked = st.session_state.get(_PICKED)
    if isinstance(picked, tuple) and picked[:2] == (recipe.epochs, recipe.rows):
        st.caption(f":material/hourglass_top: {plain_markdown(picked[2])}.")


def _pick(recipe: Recipe) -> None:
    """Write what fits into the form; what an earlier time took away counts as there again."""
    st.session_state.pop(_PICKED, None)
    whole = change_recipe(recipe, {"rows": started_from(form_state()).rows})
    try:
        prepared = prepared_data(whole)
        if prepared is None:
            return
        speed = known_speed(whole, runs_now(), default_runs_dir(), speed_of)
        budget = within_budget(whole, prepared.counts, speed, 60 * st.session_state[_MINUTES])
    except FinsentError as error:
        st.session_state[_PICKED] = error
        return
    change("epochs", budget.recipe.epochs)
    change("rows", budget.recipe.rows)
    st.session_state[_PICKED] = (budget.recipe.epochs, budget.recipe.rows, f"Picked {budget.words}")
