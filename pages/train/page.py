"""Train: choose data, model and settings, launch a run, and watch it."""

import streamlit as st

from finsent.data.choices import choices_of
from finsent.data.learnable import launch_warnings
from finsent.data.prepared import Prepared
from finsent.errors import FinsentError, RunError
from finsent.recipe import Recipe
from finsent.runs import queue as launcher
from finsent.runs.groups import submit_group
from finsent.runs.history import NAME_LENGTH
from finsent.runs.store import Run, at_work, default_runs_dir, waiting
from pages.shared import places
from pages.shared.access import action
from pages.shared.choose_run import carried_run, remember_run
from pages.shared.hub_data import data_are_here
from pages.shared.hub_facts import show_model_facts
from pages.shared.lasting import hold
from pages.shared.run_parts import safe_title
from pages.shared.runs_now import named_run, runs_now, show_room
from pages.shared.time_left import queue_ends
from pages.shared.typed import may_read
from pages.shared.ui import (
    on_demand,
    page_head,
    plain_markdown,
    scroll_up,
    show_data_error,
    show_error,
    show_notes,
    user_errors,
    what_is,
)
from pages.train.budget import choose_budget
from pages.train.form import Form, cost, prepared_data, show_changes, show_drawn, show_form, show_plan
from pages.train.live import show_run
from pages.train.seeds import choose_seeds, show_group
from pages.train.state import call, follow_address, form_state, like

#: Not a widget's key. The run that was launched stands far above the button.
_LAUNCHED = "just-launched"


def run_to_show() -> Run | None:
    """Return the run that the address names, else the active one; both are found again after a refresh."""
    wanted = st.query_params.get("run")
    if wanted:
        try:
            run = named_run(wanted)
            remember_run(run.id)
            return run
        except RunError as error:
            st.warning(plain_markdown(str(error)))
    active = at_work(runs_now())
    if active is not None:
        # The address keeps it, so that the run is still shown when it has ended.
        st.query_params["run"] = active.id
        remember_run(active.id)
    return active


def launch_card(form: Form, active: Run | None) -> None:
    """Show what the run will be and cost, and the button that starts it."""
    with st.container(border=True):
        st.markdown("**This run**")
        recipe = form.recipe
        if recipe is None:
            return
        show_changes(recipe)
        prepared, seconds = prepared_data(recipe) if may_use(form, recipe) else None, None
        if prepared:
            show_notes(prepared.data)
            show_drawn(form, recipe, prepared)
            seconds = cost(recipe, prepared, runs_now())
            choose_budget(recipe)
            show_plan(recipe, prepared)
            show_warnings(recipe, prepared)
        named = form_state().name
        hold("launch-name", named)
        name = st.text_input("Name (optional)", named, key="launch-name", max_chars=NAME_LENGTH, on_change=_named)
        seeds = choose_seeds(seconds)
        words = "Launch" if active is None else "Add to the queue"
        if action(st.button, words, type="primary", icon=":material/play_arrow:", disabled=not prepared, key="launch"):
            launch(recipe, name, seconds, prepared, seeds)
        if active is not None:
            st.caption("One run is at work at a time; this one starts when those before it have ended.")


def may_use(form: Form, recipe: Recipe) -> bool:
    """Whether data and base model may be read and can be used; what the hub says of them is shown."""
    if not may_read(recipe.source, recipe.model):
        return False
    with form.facts:
        try:
            data = data_are_here(recipe.source, choices_of(recipe))
        except FinsentError as error:
            show_data_error(error, recipe.source)
            data = False
        return show_model_facts(recipe.model) and data


def show_warnings(recipe: Recipe, prepared: Prepared) -> None:
    """Show what keeps this run from learning, with what would help."""
    for warning in launch_warnings(recipe, prepared):
        st.warning(
            f"**{plain_markdown(warning.title)}.** {plain_markdown(warning.why)} {plain_markdown(warning.remedy)}",
            icon=":material/warning:",
        )


def _named() -> None:
    call(st.session_state["launch-name"])


def launch(recipe: Recipe, name: str, seconds: float | None, prepared: Prepared | None, seeds: int) -> None:
    try:
        with st.spinner("Starting the worker"):
            if seeds > 1:
                group = submit_group(recipe, default_runs_dir(), seeds, name.strip(), seconds, prepared=prepared)
                run = group.runs[0]
            else:
                run = launcher.submit(recipe, default_runs_dir(), name.strip(), seconds, prepared=prepared)
    except FinsentError as error:
        show_error(error)
        return
    call("")
    if run.waiting:
        # The queue stands far above the button.
        st.toast(f"In the queue: {safe_title(run)}", icon=":material/schedule:")
    else:
        st.query_params["run"] = run.id
        st.session_state[_LAUNCHED] = True
    st.rerun()


def show_queue() -> None:
    """Show the runs that wait for their turn, each with a way out."""
    queue = waiting(runs_now())
    if not queue:
        return
    with st.container(border=True):
        st.markdown(f"**Waiting: {len(queue)}**")
        for place, (run, ends) in enumerate(zip(queue, queue_ends(runs_now()), strict=True), start=1):
            with st.container(horizontal=True, vertical_alignment="center"):
                about = ", ".join(filter(None, [f"since {run.queued_at:%H:%M} UTC", ends]))
                st.markdown(f"{place}. {safe_title(run)} ({about})")
                if action(st.button, "Take out", key=f"take-out-{run.id}", icon=":material/close:"):
                    with user_errors():
                        launcher.stop(run)
                    st.rerun()


def link_to_chosen() -> None:
    """Lead to the run that is shown on the other pages; the form comes first here."""
    run = carried_run(runs_now(), lambda run: True)
    if run is not None:
        words = f"Curves and log of {safe_title(run)} ({run.state})"
        st.page_link(places.TRAIN, label=words, icon=":material/show_chart:", query_params={"run": run.id})


def launch_form(active: Run | None) -> None:
    settings_side, card_side = st.columns([8, 3], gap="medium")
    with settings_side:
        form = show_form()
    with card_side:
        launch_card(form, active)


page_head(
    "Train",
    "Fine-tune the base model with QLoRA on financial texts. The run goes on in a process of its own: close the "
    "browser, come back, and it is still here.",
)
follow_address()
show_room()
shown, active = run_to_show(), at_work(runs_now())
prepared = bool(form_state().changed) or like(form_state()) is not None
if active is not None and prepared:
    st.caption(":material/arrow_downward: The run at work comes first; the one that you prepare stands below it.")
if st.session_state.pop(_LAUNCHED, False):
    scroll_up()
if shown is not None:
    show_group(shown)
    show_run(shown)
else:
    link_to_chosen()
show_queue()
if active is None or like(form_state()) is not None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("New run", anchor=False, width="content")
        what_is("LoRA", "QLoRA", "epoch", "loss", "gradient norm")
    launch_form(active)
else:
    on_demand(
        "Prepare another run",
        lambda: launch_form(active),
        key="another-run",
        icon=":material/tune:",
        expanded=prepared,
    )
