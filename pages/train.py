"""Train: choose data, model and settings, launch a run, and watch it."""

import streamlit as st

from finsent import launcher
from finsent.errors import FinsentError, RunError
from finsent.recipes import Recipe
from finsent.runs import Run, active_run, default_runs_dir, list_runs, load_run, waiting_runs
from pages._launch_form import chosen_recipe, cost, show_changes
from pages._live import show_run
from pages._run_parts import safe_title
from pages._ui import on_demand, page_head, plain_markdown, user_errors, what_is


def run_to_show() -> Run | None:
    """Return the run that the address names, else the active one; both are found again after a refresh."""
    wanted = st.query_params.get("run")
    if wanted:
        try:
            return load_run(default_runs_dir(), wanted)
        except RunError as error:
            st.warning(plain_markdown(str(error)))
    active = active_run(default_runs_dir())
    if active is not None:
        # The address keeps it, so that the run is still shown when it has ended.
        st.query_params["run"] = active.id
    return active


def launch_card(recipe: Recipe | None, active: Run | None) -> None:
    """Show what the run will be and cost, and the button that starts it."""
    with st.container(border=True):
        st.markdown("**This run**")
        if recipe is None:
            return
        show_changes(recipe)
        ready, seconds = cost(recipe, list_runs(default_runs_dir()))
        name = st.text_input("Name (optional)", key="launch-name", max_chars=80)
        words = "Launch" if active is None else "Add to the queue"
        if st.button(words, type="primary", icon=":material/play_arrow:", disabled=not ready, key="launch"):
            launch(recipe, name, seconds)
        if active is not None:
            st.caption("One run is at work at a time; this one starts when those before it have ended.")


def launch(recipe: Recipe, name: str, seconds: float | None) -> None:
    try:
        with st.spinner("Starting the worker"):
            run = launcher.submit(recipe, default_runs_dir(), name.strip(), seconds)
    except FinsentError as error:
        st.error(plain_markdown(str(error)), icon=":material/error:")
        return
    if not run.waiting:
        st.query_params["run"] = run.id
    st.rerun()


def show_queue() -> None:
    """Show the runs that wait for their turn, each with a way out."""
    waiting = waiting_runs(default_runs_dir())
    if not waiting:
        return
    with st.container(border=True):
        st.markdown(f"**Waiting: {len(waiting)}**")
        for place, run in enumerate(waiting, start=1):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"{place}. {safe_title(run)} ({run.recipe.name}, {run.queued_at:%H:%M} UTC)")
                if st.button("Take out", key=f"take-out-{run.id}", icon=":material/close:"):
                    with user_errors():
                        launcher.stop(run)
                    st.rerun()


def launch_form(active: Run | None) -> None:
    settings_side, card_side = st.columns([5, 2], gap="medium")
    with settings_side:
        recipe = chosen_recipe()
    with card_side:
        launch_card(recipe, active)


page_head(
    "Train",
    "Fine-tune the base model with QLoRA on financial texts. The run goes on in a process of its own: close the "
    "browser, come back, and it is still here.",
)
shown, active = run_to_show(), active_run(default_runs_dir())
if shown is not None:
    show_run(shown)
show_queue()
if active is None or "like" in st.query_params:
    st.subheader("New run", anchor=False)
    what_is("LoRA", "QLoRA", "epoch", "loss", "prefix LM", "model soup", "gradient norm")
    launch_form(active)
else:
    on_demand("Prepare another run", lambda: launch_form(active), key="another-run", icon=":material/tune:")
