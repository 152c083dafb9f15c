"""A repair set on a page: its rows, to take away, and the way to continue the run on them."""

import pandas as pd
import streamlit as st

from finsent.data.learnable import one_label
from finsent.data.prepared import Prepared
from finsent.errors import FinsentError
from finsent.evaluation.repair import CHOSEN_BY_TEST
from finsent.runs.corrections import CorrectionSet, saved_corrections
from finsent.runs.rows import prepare_again
from finsent.runs.store import Run, default_runs_dir
from pages.shared.continue_run import show_continue
from pages.shared.similar import label_counts, show_similar
from pages.shared.ui import csv_button, plain_markdown, show_error


@st.cache_resource(max_entries=2, show_spinner="Reading the run's data …")
def data_of(_run: Run, folder: str) -> Prepared:
    """Return the rows that a run draws; the folder says which run."""
    return prepare_again(_run)


def corrections_of(run: Run) -> CorrectionSet:
    """Return what was decided about the labels of a run's data.

    Raises:
        FinsentError: the data cannot be read again, or the corrections cannot be used.
    """
    return saved_corrections(default_runs_dir(), data_of(run, str(run.folder)))


def show_repair_rows(run: Run, rows: pd.DataFrame) -> None:
    """Show the rows of a repair set and offer them as a file."""
    show_similar(rows, ["text", "label", "dataset", "split", "similarity", "family", "row_id"], "repair")
    st.caption(
        f"{len(rows):,} texts ({label_counts(rows)}); dataset says why each is in, and which are synthetic. Labels are "
        "as corrected. The file has the columns text, label, family (news or post), row_id and dataset, which Train "
        "and train --repair read as they are; a text that a spreadsheet would run as a formula has an apostrophe in "
        "front."
    )
    if warning := one_label(rows["label"]):
        st.warning(plain_markdown(warning.sentence), icon=":material/warning:")
    csv_button(
        "Download the repair set as CSV", rows[["text", "label", "family", "row_id", "dataset"]], f"repair-{run.id}.csv"
    )


def show_caution(split: str) -> None:
    """Say, before a set is made, that test texts may choose one to look at and none to train on."""
    if split == "test":
        st.caption(CHOSEN_BY_TEST)


def show_training(run: Run, rows: pd.DataFrame, split: str) -> None:
    """Offer to continue the run on the set; not where test texts chose it, since they judge."""
    if split == "test":
        return
    try:
        saved = corrections_of(run)
    except FinsentError as error:
        show_error(error)
        return
    show_continue(run, rows, saved, key="repair")
