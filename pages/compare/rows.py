"""Rows of Compare as a table; the one that a visitor chooses opens below it, with the whole text and why."""

import pandas as pd
import streamlit as st

from finsent.labels import split_answers
from finsent.runs.store import Run
from pages.shared.opened import rows_that_open
from pages.shared.ui import csv_button
from pages.shared.why import show_why


def show_rows(run: Run, rows: pd.DataFrame, name: str, allowed: pd.Series) -> None:
    """Show rows; the one that is chosen opens below, with why. ``allowed`` has the answer set of each row."""
    if rows.empty:
        return
    rows_that_open(
        rows.round({"baseline confidence": 2, "tuned confidence": 2}),
        f"rows-{name}-{hash(tuple(rows['row_id']))}",
        opened_name(name),
        [
            "text",
            "gold",
            "baseline",
            "baseline confidence",
            "tuned",
            "tuned confidence",
            "topic",
            "source",
            "row_id",
        ],
        {
            "tuned": st.column_config.TextColumn("fine-tuned"),
            "tuned confidence": st.column_config.NumberColumn("its confidence", format="percent"),
            "baseline confidence": st.column_config.NumberColumn("its confidence ", format="percent"),
        },
        lambda row: show_text(run, row, name, allowed),
    )
    csv_button("Download these rows as CSV", rows, f"{name}.csv", key=f"download-{name}")


def opened_name(name: str) -> str:
    """Return what the address calls the opened row of the rows of a name."""
    return f"{name}-row"


def show_text(run: Run, row: pd.Series, name: str, allowed: pd.Series) -> None:
    """Show the whole text of a row (``row_id, text``) and, of a run with an adapter, the way to why."""
    st.text(row["text"])
    if run.has_adapter:
        show_why(run, row["text"], f"{name}-row", split_answers(allowed[row["row_id"]]), row=row)
