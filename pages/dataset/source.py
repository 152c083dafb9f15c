"""Which data the Dataset page is about: chosen, named by a path, or brought as a file; what was decided about them."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import streamlit as st

from finsent.data.bring import bring
from finsent.data.browse import browsable
from finsent.data.choices import CHOSEN, Choices
from finsent.data.dataset import SentimentData, load_data, split_rows
from finsent.data.hub_set import names_data_set
from finsent.data.sources import EMBEDDED, HUB, source_version
from finsent.data.stored import StoredSource, decide, delete, find_stored, rename, stored_sources
from finsent.errors import ColumnAskedError, FinsentError, LabelsAskedError
from finsent.hub import HUB_DATASET
from finsent.runs.rows import runs_on
from pages.dataset.questions import ask
from pages.dataset.rows import OPENED, clear_filters, filters_in_address
from pages.shared.access import action, open_file
from pages.shared.hub_data import data_are_here
from pages.shared.opened import followed, forget_opened, say_in_address
from pages.shared.pressed import end_here
from pages.shared.runs_now import runs_now
from pages.shared.typed import chosen, may_read
from pages.shared.ui import plain_markdown, show_error, what_is

SOURCES = {EMBEDDED: "Embedded: lab headlines (synthetic)", HUB: f"Hub: {HUB_DATASET}"}
#: Not a widget's key: it must outlive a change of page. What was decided about each source that is not stored here.
_DECIDED = "dataset-decided"
_OPENING = "open-a-file"
#: Not a widget's key: the data that were shown last.
_SHOWN = "dataset-shown"
#: The data, their sentiment rows with splits, and the table that is browsed, which has the rows of other tasks, too.
Shown = tuple[SentimentData, pd.DataFrame, pd.DataFrame]


# Shared between visitors rather than copied for each: nothing on this page changes a table in place.
@st.cache_resource(max_entries=3, show_spinner="Reading the data …")
def read_source(source: str, version: str, _choices: Choices, chosen: str) -> Shown:
    data = load_data(source, _choices, others=True)
    rows = split_rows(data.rows)
    return data, rows, browsable(rows, data.others)


def choose_data() -> tuple[SentimentData, pd.DataFrame, pd.DataFrame, Choices]:
    """Show the choice of data and return them as they are understood (see :data:`Shown`), and what was decided.

    What is unclear is asked, and the page ends there.
    """
    _take_over()
    kept = {str(one.path): one.title for one in stored_sources()}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = st.selectbox(
            "Data",
            [*SOURCES, *kept],
            format_func=lambda name: SOURCES.get(name) or (f"Your file: {kept[name]}" if name in kept else name),
            accept_new_options=True,
            key="data",
            bind="query-params",
            on_change=_source_chosen,
            help="Choose one, or type the path of a file or folder on the machine that runs this app: CSV, TSV, JSON, "
            "Parquet, Excel, OpenDocument, also packed. Or a data set of the model hub: owner/name.",
            width=460,
        )
        with st.popover("Open a file", icon=":material/upload_file:", key=_OPENING, on_change="rerun"):
            _upload()
        stored = find_stored(source)
        if stored is not None:
            with st.popover("This file", icon=":material/draft:"):
                _manage(stored)
        what_is("prompt", "answer set", "completion", "split", "loss")
    if not may_read(data=source):
        end_here()
    _begin_anew(source)
    choices = stored.choices if stored is not None else _decided_about(source)
    try:
        if not data_are_here(source, choices):
            end_here()
        # Looked at without the rows that cannot be used: they are counted and shown before anything is trained on.
        found = read_source(source, source_version(source), replace(choices, leave_out=True), str(choices))
    except (ColumnAskedError, LabelsAskedError) as asked:
        answer = ask(asked, choices)
        if answer is not None:
            decide_about(source, answer)
        end_here()
    return *found, choices


def _begin_anew(source: str) -> None:
    """Let other data than before, which a link brought without filters, be shown whole."""
    if st.session_state.get(_SHOWN, source) != source and not filters_in_address():
        clear_filters()
    st.session_state[_SHOWN] = source


def decide_about(source: str, choices: Choices) -> None:
    """Keep what was decided about a source, with the file if it is stored, else in the address; and show it anew."""
    stored = find_stored(source)
    if stored is not None:
        decide(stored, choices)
    else:
        st.session_state.setdefault(_DECIDED, {})[source] = choices
        _say_decided(choices)
    st.rerun()


def _decided_about(source: str) -> Choices:
    """Return what was decided about a source: by the address that was opened, or before in this visit."""
    decided = st.session_state.setdefault(_DECIDED, {})
    said = {name: next(iter(followed(name)), "") for name in CHOSEN}
    if any(said.values()):
        decided[source] = _said_by_address()
    choices: Choices = decided.get(source, Choices())
    _say_decided(choices)
    return choices


def _said_by_address() -> Choices:
    said = {name: st.query_params.get(name, "") for name in CHOSEN}
    return Choices(
        text_column=said["text_column"],
        label_column=said["label_column"],
        labels=said["labels"],
        thresholds=said["thresholds"],
        leave_out=said["leave_out"] == "yes",
        configuration=said["configuration"],
        source_split=said["source_split"],
    )


def _say_decided(choices: Choices) -> None:
    for name in CHOSEN:
        value = getattr(choices, name)
        say_in_address(name, ["yes" if value is True else value] if value else [])


def _source_chosen() -> None:
    """Take a source that was chosen; what was decided, searched for or opened in another does not hold for it."""
    chosen("data")
    forget_opened(OPENED)
    clear_filters()
    _say_decided(Choices())


def _upload() -> None:
    upload = open_file(
        "A table of your own",
        key="own-file",
        help="CSV, TSV, text, JSON, JSON lines, Parquet, Excel or OpenDocument, also as .gz or .zip. It is looked at "
        "first; columns and labels that are not clear are asked for.",
    )
    if upload is None:
        st.caption("It is kept beside the runs, once, by its content. Nothing is sent elsewhere.")
        return
    if st.session_state.get("own-file-kept") != upload.file_id:
        try:
            kept = bring(upload.getvalue(), upload.name)
        except FinsentError as error:
            show_error(error)
            return
        st.session_state["own-file-kept"] = upload.file_id
        st.session_state["data-next"] = str(kept.path)
        st.toast("The file is kept, and shown now.", icon=":material/draft:")
        st.rerun()
    st.caption("It is kept, and shown now. Its name stands in the list of data.")


def _take_over() -> None:
    """Choose the file that was just brought, which a widget cannot do once it is shown."""
    if (path := st.session_state.pop("data-next", None)) is not None:
        st.session_state["data"] = path
        # What is shown now would stand behind it.
        st.session_state[_OPENING] = False
        _source_chosen()


def _manage(stored: StoredSource) -> None:
    used = [run.title for run in runs_on(runs_now(), str(stored.path))]
    st.caption(f"{stored.size:,} bytes, brought {stored.added:%Y-%m-%d %H:%M} UTC. SHA-256 {stored.sha256[:16]}…")
    if used:
        more = f" and {len(used) - 3} more" if len(used) > 3 else ""
        st.caption(
            plain_markdown(
                f"{len(used)} {'run uses' if len(used) == 1 else 'runs use'} it: {', '.join(used[:3])}{more}. Without "
                "it they keep their results, but cannot be resumed or evaluated on their own rows again."
            )
        )
    title = st.text_input("Name", stored.title, max_chars=100, key=f"title-{stored.key}")
    if action(st.button, "Rename", key="rename-source", about=stored.key):
        try:
            rename(stored, title)
        except FinsentError as error:
            show_error(error)
        else:
            st.rerun()
    sure = st.checkbox("Delete it although runs use it", key=f"sure-{stored.key}") if used else True
    if action(st.button, "Delete", key="delete-source", about=stored.key, icon=":material/delete:", disabled=not sure):
        delete(stored)
        st.session_state["data-next"] = EMBEDDED
        st.rerun()


def is_own(data: SentimentData) -> bool:
    """Whether data are a file or folder, or another data set of the hub, about which something can be decided."""
    return data.source not in (EMBEDDED, HUB) and (names_data_set(data.source) or Path(data.source).exists())
