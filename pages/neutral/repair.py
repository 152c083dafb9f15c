"""The repair set of the Neutral news page: training texts like the listed ones, to take away."""

import pandas as pd
import streamlit as st

from finsent.data.corrections import CHANGE
from finsent.errors import FinsentError
from finsent.evaluation.repair import MOST_ERRORS, repair_pool, repair_set
from finsent.labels import NEUTRAL
from finsent.runs.store import Run
from pages.shared.repair_rows import corrections_of, show_caution, show_repair_rows, show_training
from pages.shared.ui import plain_markdown


def show_repair_set(run: Run, errors: pd.DataFrame, split: str) -> None:
    """Offer the training (and validation) texts most like the listed ones as a file with text and label."""
    with st.expander("A repair set: training texts like the listed ones"):
        st.markdown(
            "Look through them for doubtful labels, or train on them again. Test texts never go in: a model that has "
            "seen them can no longer be judged on them."
        )
        show_caution(split)
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
            show_repair_rows(run, rows)
            show_training(run, rows, split)


def find(run: Run, errors: pd.DataFrame, per_error: int, validation: bool, others: bool) -> pd.DataFrame | None:
    labels = None if others else (NEUTRAL,)
    try:
        with st.spinner("Looking for similar texts …"):
            decided = corrections_of(run).rows
            changed = [row for row, one in decided.items() if one.decision == CHANGE]
            pool = repair_pool(run, validation, decided)
            return repair_set(errors.head(MOST_ERRORS), pool, per_error, labels, changed)
    except FinsentError as error:
        st.info(plain_markdown(str(error)))
        return None
