"""An adapter that was trained elsewhere, brought in as a run."""

import streamlit as st

from finsent.data.hub_set import names_data_set
from finsent.errors import AdapterError, ModelNotFoundError, SourceNotFoundError
from finsent.files import check_within_roots
from finsent.hub_ids import names_repository
from finsent.models.base import MODELS
from finsent.runs.adapter_import import LATEST, SUJET_PROMPT, Brought, import_adapter
from finsent.runs.history import NAME_LENGTH
from finsent.runs.store import Run, default_runs_dir
from pages.runs.chain import link_to
from pages.shared.access import action
from pages.shared.begun import Begun, begun
from pages.shared.ui import on_demand

_KEY, _UNKNOWN = "bring-in", ""
_OWN_PROMPT, _FROM_FILES, _OTHER = "the data's own prompt, as in the tutorial", "what its files say", "another one"


def show_bring_in() -> None:
    """Show the way in for an adapter of another tool."""
    works = begun()
    label = "Bring in an adapter that was trained elsewhere"
    on_demand(label, lambda: _form(works), key="bring-in", icon=":material/input:")
    run = works.outcome(_KEY, "Checking it against its base model")
    if run is not None:
        st.query_params.update(link_to(run.id))
        works.forget(_KEY)
        st.rerun()


def _form(works: Begun) -> None:
    st.caption(
        "A folder as PEFT saves it, or a trainer's output folder with its checkpoints. It is checked against its base "
        "model, and then judged, compared and used like any other run."
    )
    with st.form("bring-in-form", border=False):
        folder_side, step_side = st.columns([4, 1])
        folder = folder_side.text_input(
            "Folder on this machine",
            placeholder="output of the trainer",
            help="Or a name on the model hub, owner/name, from which it is fetched first.",
        )
        checkpoint = step_side.text_input("Checkpoint", LATEST, help="A step, where the folder has several.")
        model_side, name_side = st.columns(2)
        model = model_side.text_input(
            "Base model",
            placeholder="what its files say",
            help=f"{', '.join(MODELS)}, a name on the model hub, or a folder.",
        )
        name = name_side.text_input("Name", max_chars=NAME_LENGTH)
        kind = st.radio("Prompt that it was trained with", [_FROM_FILES, _OWN_PROMPT, _OTHER], horizontal=True)
        prompt = st.text_area("Another prompt, with {text} where the text stands", height=68)
        source = st.text_input(
            "Data to judge it on", "embedded", help="embedded, hub, owner/name of the hub, or a file or folder."
        )
        if action(st.form_submit_button, "Bring it in", key="bring-in-now", disabled=works.busy(_KEY)):
            asked = {_FROM_FILES: "", _OWN_PROMPT: SUJET_PROMPT, _OTHER: prompt}[kind]
            works.begin(_KEY, lambda: _bring(folder, Brought(model, source, asked, checkpoint.strip(), name.strip())))


def _bring(folder: str, brought: Brought) -> Run:
    if not names_repository(folder):
        check_within_roots(folder, AdapterError, "adapter")
    if brought.model not in (_UNKNOWN, *MODELS) and not names_repository(brought.model):
        check_within_roots(brought.model, ModelNotFoundError, "model")
    if brought.source not in ("embedded", "hub") and not names_data_set(brought.source):
        check_within_roots(brought.source, SourceNotFoundError, "data")
    return import_adapter(folder, default_runs_dir(), brought)
