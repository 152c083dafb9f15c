"""The form of a run: recipe, data, model, and every setting with its reason and its valid range."""

from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from finsent.cost.estimate import estimate_run, in_words
from finsent.cost.speed import calibrate
from finsent.data.choices import Choices, choices_of
from finsent.data.dataset import SentimentData, load_data
from finsent.data.prepared import DRAWING, Prepared, draw
from finsent.data.sources import source_version
from finsent.data.stored import stored_sources
from finsent.errors import FinsentError, RecipeError
from finsent.models.base import MODELS
from finsent.recipe import RECIPES, SOURCE_CHOICES, Recipe, total_steps
from finsent.recipe_form import Setting, command_line, settings
from finsent.runs.cores import cores_left_by
from finsent.runs.plan import DRAWN, drawn_words, plan_words, warmup_words
from finsent.runs.reach import check_in_reach
from finsent.runs.store import Run, default_runs_dir
from finsent.sizes import size_words
from pages.shared.access import action
from pages.shared.begun import begun
from pages.shared.lasting import hold
from pages.shared.run_parts import changes_table, safe_title, show_remarks
from pages.shared.speeds import speed_of
from pages.shared.typed import chosen
from pages.shared.ui import counted, plain_markdown, show_data_error, show_error, show_table
from pages.train.inputs import show_input
from pages.train.state import DEFAULT, FormState, change, form_state, like, recipe_of, start_from, started_from

SOURCES = {
    "embedded": "Lab headlines (embedded, synthetic)",
    "hub": "Sujet-Finance-Instruct-177k (hub)",
}
RECIPE_HELP = (
    "A set of settings to start from. quick: minutes on two CPU cores. best: what measured best for its time "
    "on texts apart, a quarter of an hour on two cores. tutorial: the tutorial to the letter, made for a GPU."
)
CALIBRATION_HELP = (
    "Trains and scores a few rows with these settings, about half a minute with the embedded model on two cores. While "
    "a run is at work it finds less speed than there will be."
)
_COLUMNS = 3


@dataclass(frozen=True)
class Form:
    """The form as shown: its recipe, None where that is not valid, and places for what is said of it.

    ``facts`` is for those of the base model, ``below`` for a line below some settings.
    """

    recipe: Recipe | None
    facts: DeltaGenerator
    below: dict[str, DeltaGenerator]


def show_form() -> Form:
    """Show the form; where it describes no valid recipe a sentence says so."""
    state = form_state()
    start = started_from(state)
    now = start.model_dump() | state.changed
    name_side, source_side, model_side = st.columns([1, 2, 2])
    with name_side:
        _start(state)
    with source_side:
        reason = "Choose, or type the path of a .csv, .jsonl or .parquet file, or a data set of the hub (owner/name)."
        brought = {str(one.path): f"Your file: {one.title}" for one in stored_sources()}
        _named("Data", f"{state.start}-data", "source", SOURCES | brought, (start.source, now["source"]), reason)
    with model_side:
        reason = "Choose, or type a name on the model hub (owner/name), or the path of a model folder."
        _named("Base model", f"{state.start}-model", "model", MODELS, (start.model, now["model"]), reason)
    facts = st.container()
    below = _settings_tabs(state.start, start, now)
    try:
        return Form(recipe_of(state), facts, below)
    except RecipeError as error:
        show_error(error)
        return Form(None, facts, below)


def show_drawn(form: Form, recipe: Recipe, prepared: Prepared) -> None:
    """Say below the settings of rows how many it will be."""
    for name, words in drawn_words(recipe, prepared).items():
        form.below[name].caption(f"Will be {words}.")


def _start(state: FormState) -> None:
    """Show what the settings start from: a recipe to choose, or the run that is duplicated and a way back."""
    run = like(state)
    if run is None:
        hold("recipe", state.start)
        names = list(RECIPES)
        at = names.index(state.start)
        st.selectbox("Recipe", names, index=at, key="recipe", on_change=_recipe_chosen, help=RECIPE_HELP)
        return
    st.markdown(f"Settings of run **{safe_title(run)}**")
    show_remarks(run)
    st.button("Back to the recipes", key="no-like", on_click=start_from, args=(DEFAULT,))


def _recipe_chosen() -> None:
    chosen("recipe")
    start_from(st.session_state["recipe"])


def show_plan(recipe: Recipe, prepared: Prepared) -> None:
    """Say what a launch will start."""
    st.markdown(f"**Will run:** {plain_markdown(plan_words(recipe, prepared))}")


def show_changes(recipe: Recipe) -> None:
    """Show where the settings differ from the recipe they started from."""
    table = changes_table(recipe)
    if table.empty:
        st.caption(f"Settings exactly as in the recipe {plain_markdown(recipe.name)}.")
    else:
        st.caption(f"{len(table)} changed from the recipe {plain_markdown(recipe.name)}:")
        show_table(table, "changes", key="changes")
    with st.popover("As a command", icon=":material/terminal:"):
        st.code(command_line(recipe), language=None, wrap_lines=True)


def prepared_data(recipe: Recipe) -> Prepared | None:
    """Return the data that a run of this recipe would use, or None (with a sentence) where they cannot be used."""
    try:
        check_in_reach(recipe)
        return _draw(recipe.model_dump_json(include=set(DRAWING)), source_version(recipe.source), recipe)
    except FinsentError as error:
        show_data_error(error, recipe.source)
        return None


def cost(recipe: Recipe, prepared: Prepared, runs: list[Run]) -> float | None:
    """Show steps and what they will cost; return the estimated seconds, or None before anything was measured."""
    splits = prepared.counts
    st.markdown(
        f"**{counted(total_steps(recipe, splits['train']), 'step')}** over {counted(splits['train'], 'training row')}."
    )
    if cut_short := warmup_words(recipe, splits["train"]):
        st.caption(cut_short)
    estimate = estimate_run(recipe, splits, runs, default_runs_dir(), speed_of)
    if estimate is None:
        st.caption("Cost: not measured yet on this machine.")
        _offer_calibration(recipe, runs)
        return None
    memory = estimate.speed.peak_memory_bytes
    st.markdown(f"About **{in_words(estimate.seconds)}**" + (f", {size_words(memory)} of memory" if memory else ""))
    st.caption(
        f"By the speed and the peak memory that {plain_markdown(estimate.speed.basis)} measured on this machine."
    )
    if estimate.speed.beside_run:
        st.caption("A run that has the cores for itself is faster.")
        _offer_calibration(recipe, runs)
    return estimate.seconds


def _offer_calibration(recipe: Recipe, runs: list[Run]) -> None:
    if beside := cores_left_by(runs).words:
        st.caption(beside)
    works, key = begun(), "calibrate"
    disabled = works.busy(key)
    if action(st.button, "Measure now", icon=":material/timer:", disabled=disabled, key=key, help=CALIBRATION_HELP):
        works.begin(key, lambda: calibrate(recipe, default_runs_dir()))
    if works.outcome(key, "Training and scoring a few rows") is not None:
        # What was measured is kept, and the estimate above is by that.
        works.forget(key)
        st.rerun()


def _named(label: str, key: str, field: str, titles: dict[str, str], values: tuple[str, str], reason: str) -> None:
    """Show data or base model; ``values`` are those of the start and of now."""
    hold(key, values[1])
    names = list(dict.fromkeys([*titles, *values]))
    st.selectbox(
        label,
        names,
        index=names.index(values[1]),
        format_func=lambda name: titles.get(name, name),
        key=key,
        on_change=_name_chosen,
        args=(key, field, values[0]),
        accept_new_options=True,
        help=reason,
    )


def _name_chosen(key: str, field: str, start: str) -> None:
    """Take what was chosen or typed; an emptied field goes back to the start."""
    if not st.session_state[key]:
        change(field, start)
        return
    chosen(key)
    name = st.session_state[key].strip() or start
    change(field, name)
    if field == "source":
        # What was decided about one source does not hold for another.
        own = started_from(form_state()) if name == start else Recipe()
        for choice in SOURCE_CHOICES:
            change(choice, getattr(own, choice))


def _settings_tabs(prefix: str, start: Recipe, now: dict[str, Any]) -> dict[str, DeltaGenerator]:
    """Show every setting in the tab of its group; return the places below those that say how many rows."""
    groups: dict[str, list[Setting]] = {}
    for setting in settings():
        groups.setdefault(setting.group, []).append(setting)
    below = {}
    for tab, members in zip(st.tabs(list(groups)), groups.values(), strict=True):
        with tab:
            columns = st.columns(_COLUMNS)
            for place, setting in enumerate(members):
                with columns[place % _COLUMNS]:
                    show_input(setting, getattr(start, setting.name), now[setting.name], f"{prefix}-{setting.name}")
                    if setting.name in DRAWN:
                        below[setting.name] = st.empty()
    return below


# Shared rather than copied for each rerun: nothing changes these tables in place. What the hub holds is asked again
# after two minutes; a file, when its version changes.
@st.cache_resource(show_spinner="Reading the data", max_entries=2, ttl=120)
def _read(source: str, version: str, choices: str, _choices: Choices) -> SentimentData:
    return load_data(source, _choices)


@st.cache_resource(show_spinner=False, max_entries=4, ttl=120)
def _draw(drawing: str, version: str, _recipe: Recipe) -> Prepared:
    chosen = choices_of(_recipe)
    return draw(_recipe, _read(_recipe.source, version, str(chosen), chosen))
