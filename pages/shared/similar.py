"""Texts that are like others, one below another or as a table."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pages.shared.ui import plain_markdown, show_table, table_button

_TOLD = ["label", "similarity", "text", "row_id"]


def show_similar_texts(rows: pd.DataFrame, name: str) -> None:
    """Show a few similar texts whole, each with its label and how similar it is; ``name`` is that of their file."""
    for label, similarity, text, row_id in rows[_TOLD].itertuples(index=False):
        st.caption(f"**{plain_markdown(label)}** · similarity {similarity:.2f} · row {plain_markdown(row_id)}")
        st.text(text)
    table_button(rows[_TOLD], name)


def show_similar(rows: pd.DataFrame, columns: Sequence[str], name: str) -> None:
    """Show many similar texts as a table with these of their columns, in this order; ``name`` is that of their file."""
    show_table(
        rows,
        name,
        column_order=columns,
        # High enough that a text wraps and is seen whole.
        row_height=68,
        column_config={
            "label": st.column_config.TextColumn(width=80),
            "text": st.column_config.TextColumn(width=400),
            "similarity": st.column_config.NumberColumn(width=76, format="%.2f"),
            "row_id": st.column_config.TextColumn("row"),
        },
    )


def label_counts(rows: pd.DataFrame) -> str:
    """Return how many of some texts have each label, for Markdown."""
    return plain_markdown(", ".join(f"{count:,} {label}" for label, count in rows["label"].value_counts().items()))
