"""What the form of Train says: one object, kept for the whole visit and written into the address.

Widgets only show it and change it; what they hold themselves is lost with a change of page. A link to the page says
``recipe`` or ``like`` (a run to duplicate), and settings; it is taken at its word and then replaced by the form's own
address, which says ``start``. The form's own address counts when a visit begins, for example after a refresh. Later it
may be one that the browser has not caught up with, and then it must not undo what was changed since. Nor must a link
that was followed and that the browser sends again with a change, so the address is read once in a run of the page.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import streamlit as st

from finsent.errors import RecipeError, RunError
from finsent.recipe import RECIPES, Recipe, change_recipe, get_recipe, read_setting
from finsent.recipe_form import as_argument
from finsent.runs.store import Run
from pages.shared.runs_now import named_run
from pages.shared.ui import plain_markdown

DEFAULT = "quick"
# Not a widget's key: it must outlive a change of page.
_KEPT = "train-form"
#: The link that was followed last, for as long as the browser may send it once more with what was changed since.
_FOLLOWED = "train-form-followed"
_START, _LINKS = "start", ("recipe", "like")
#: What an address calls a setting where that differs.
_IN_ADDRESS = {"source": "data"}
_FROM_ADDRESS = {short: name for name, short in _IN_ADDRESS.items()}


@dataclass(frozen=True)
class FormState:
    """The form: where its settings start, what was changed since, and the name that the next run gets.

    ``start`` is the name of a recipe or the id of a run that is duplicated. ``changes`` has the changed settings of
    each start, so that going back to one finds what was changed there.
    """

    start: str = DEFAULT
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    name: str = ""

    @property
    def changed(self) -> dict[str, Any]:
        """The settings that were changed from those of the start."""
        return self.changes.get(self.start, {})


def form_state() -> FormState:
    """Return the form as it stands."""
    state: FormState = st.session_state.get(_KEPT, FormState())
    return state


def follow_address() -> None:
    """Let the form be as the link says that was just followed, and write its own address; once in a run of the page."""
    said = _said_by_address()
    linked = bool(said) and _START not in said
    if (said and _KEPT not in st.session_state) or (linked and said != st.session_state.get(_FOLLOWED)):
        _keep(_follow_link(said, form_state()))
    # Once the browser has shown the form's own address, the same link is one that was opened anew.
    st.session_state[_FOLLOWED] = said if linked else None
    state = form_state()
    if state.start not in RECIPES and like(state) is None:
        # The run that was duplicated has been deleted meanwhile.
        st.warning(plain_markdown(f"Run {state.start} is not there any more; the form starts from {DEFAULT}."))
        state = replace(state, start=DEFAULT)
    _keep(state)
    _write_address(state)


def forget_link() -> None:
    """Let the link that was followed last be followed again; for when another page is shown."""
    st.session_state.pop(_FOLLOWED, None)


def like(state: FormState) -> Run | None:
    """Return the run that the form duplicates, or None where it starts from a recipe."""
    if state.start in RECIPES:
        return None
    try:
        return named_run(state.start)
    except RunError:
        return None


def started_from(state: FormState) -> Recipe:
    """Return the settings that the form starts from."""
    run = like(state)
    return get_recipe(state.start) if run is None else run.recipe


def recipe_of(state: FormState) -> Recipe:
    """Return the recipe that the form describes.

    Raises:
        RecipeError: the settings do not go together.
    """
    return change_recipe(started_from(state), state.changed)


def start_from(start: str) -> None:
    """Let the form start from another recipe, with what was changed there before."""
    _keep(replace(form_state(), start=start))


def change(name: str, value: Any) -> None:
    """Change one setting of the form; one that is as it was at the start counts as unchanged."""
    state = form_state()
    changed = {key: old for key, old in state.changed.items() if key != name}
    if value != getattr(started_from(state), name):
        changed[name] = value
    _keep(replace(state, changes=state.changes | {state.start: changed}))


def undo_changes() -> None:
    """Take every change from the start back."""
    state = form_state()
    _keep(replace(state, changes=state.changes | {state.start: {}}))


def call(name: str) -> None:
    """Keep the name that the next run gets."""
    _keep(replace(form_state(), name=name))


def _keep(state: FormState) -> None:
    st.session_state[_KEPT] = state


def _follow_link(said: dict[str, str], before: FormState) -> FormState:
    """Return the form as an address describes it; what it says and cannot be is told and left out."""
    start = said.get(_START) or said.get("like") or said.get("recipe") or _only_prefix(said)
    if start not in RECIPES:
        try:
            start = named_run(start).id
        except RunError as error:
            st.warning(plain_markdown(str(error)))
            start = DEFAULT
    changed: dict[str, Any] = {}
    fresh = FormState(start)
    for parameter, text in said.items():
        name = _setting_of(parameter)
        if name is None or parameter.rpartition("-")[0] not in (start, said.get("like")):
            continue
        try:
            changed[name] = read_setting(name, text)
        except RecipeError as error:
            st.warning(plain_markdown(f"Left out of what the address asks for. {error}"))
    changed = {name: value for name, value in changed.items() if value != getattr(started_from(fresh), name)}
    return replace(before, start=start, changes=before.changes | {start: changed})


def _only_prefix(said: dict[str, str]) -> str:
    """Return the recipe whose settings an address changes without naming it."""
    prefixes = {parameter.rpartition("-")[0] for parameter in said}
    return next((name for name in RECIPES if name in prefixes), DEFAULT)


def _said_by_address() -> dict[str, str]:
    """Return what the address says of the form; several values of one parameter are joined by commas."""
    names = [name for name in st.query_params if name in (_START, *_LINKS) or _setting_of(name)]
    return {name: ",".join(st.query_params.get_all(name)) for name in names}


def _setting_of(parameter: str) -> str | None:
    """Return the setting that a parameter is about, such as ``quick-learning_rate``."""
    start, found, name = parameter.rpartition("-")
    name = _FROM_ADDRESS.get(name, name)
    return name if found and start and name in Recipe.model_fields and name != "name" else None


def _write_address(state: FormState) -> None:
    wanted = {
        f"{state.start}-{_IN_ADDRESS.get(name, name)}": as_argument(value) for name, value in state.changed.items()
    }
    if wanted or state.start != DEFAULT:
        wanted[_START] = state.start
    said = _said_by_address()
    for name in said.keys() - wanted.keys():
        st.query_params.pop(name)
    if new := {name: value for name, value in wanted.items() if said.get(name) != value}:
        st.query_params.update(new)
