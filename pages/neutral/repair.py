"""The repair set of the Neutral news page: training texts like the listed ones, to take away."""

import pandas as pd
import streamlit as st

from finsent.data.learnable import one_label
from finsent.errors import FinsentError
from finsent.evaluation.repair import CHOSEN_BY_TEST, MOST_ERRORS, repair_pool, repair_set
from finsent.labels import NEUTRAL
from finsent.runs.corrections import saved_corrections
from finsent.runs.store import Run, default_runs_dir
from pages.neutral.continue_run import show_continue
from pages.neutral.labels import data_of
from pages.neutral.similar import label_counts, show_similar
from pages.shared.ui import csv_button, plain_markdown, show_error


def show_repair_set(run: Run, errors: pd.DataFrame, split: str) -> None:
    """Offer the training (and validation) texts most like the listed ones as a file with text and label."""
    with st.expander("A repair set: training texts like the listed ones"):
        st.markdown(
            "Look through them for doubtful labels, or train on them again. Test texts never go in: a model that has "
            "seen them can no longer be judged on them."
        )
        listed = (run.id, tuple(errors["row_id"]))
        with st.form("repair", border=False):
            per_error = st.number_input("Similar texts for each listed one", 1, 20, 3)
            validation = st.checkbox(
                "Validation texts, too", help="A run that trains on them can no longer choose its checkpoint by them."
            )
            others = st.checkbox(
                "Other labels, too", help="Neutral texts alone would teach a model to answer neutral whatever it reads."
            )
            if st.form_submit_button(f"Find texts like these {min(len(errors), MOST_ERRORS):,}"):
                st.session_state["repair_set"] = (listed, find(run, errors, per_error, validation, others))
        found_for, rows = st.session_state.get("repair_set", (None, None))
        if rows is not None and found_for == listed:
            show_rows(run, rows)
            show_training(run, rows, split)


def find(run: Run, errors: pd.DataFrame, per_error: int, validation: bool, others: bool) -> pd.DataFrame | None:
    labels = None if others else (NEUTRAL,)
    try:
        with st.spinner("Looking for similar texts …"):
            return repair_set(errors.head(MOST_ERRORS), repair_pool(run, validation), per_error, labels)
    except FinsentError as error:
        st.info(plain_markdown(str(error)))
        return None


def show_training(run: Run, rows: pd.DataFrame, split: str) -> None:
    """Offer to continue the run on the set; not where test texts chose it, since they judge."""
    if split == "test":
        st.caption(CHOSEN_BY_TEST)
        return
    try:
        saved = saved_corrections(default_runs_dir(), data_of(run, str(run.folder)))
    except FinsentError as error:
        show_error(error)
        return
    show_continue(run, rows, saved, key="repair")


def show_rows(run: Run, rows: pd.DataFrame) -> None:
    show_similar(rows, ["text", "label", "split", "similarity", "family", "row_id"], "repair")
    st.caption(
        f"{len(rows):,} texts ({label_counts(rows)}). The file has the columns text, label and family (news or post), "
        "which the Train page reads as they are; a text that a spreadsheet would run as a formula has an apostrophe in "
        "front."
    )
    if warning := one_label(rows["label"]):
        st.warning(plain_markdown(warning.sentence), icon=":material/warning:")
    csv_button("Download the repair set as CSV", rows[["text", "label", "family"]], f"repair-{run.id}.csv")
