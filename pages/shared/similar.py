"""A table of texts that are like others."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pages.shared.ui import plain_markdown, show_table


def show_similar(rows: pd.DataFrame, columns: Sequence[str], name: str, width: int = 400) -> None:
    """Show similar texts with these of their columns, in this order.

    ``name`` is that of their file, and ``width`` (pixels) what the texts take.
    """
    show_table(
        rows,
        name,
        column_order=columns,
        # High enough that a text wraps and is seen whole.
        row_height=68 if width >= 400 else 92,
        column_config={
            "label": st.column_config.TextColumn(width=80),
            "text": st.column_config.TextColumn(width=width),
            "similarity": st.column_config.NumberColumn(width=76, format="%.2f"),
            "row_id": st.column_config.TextColumn("row"),
        },
    )


def label_counts(rows: pd.DataFrame) -> str:
    """Return how many of some texts have each label, for Markdown."""
    return plain_markdown(", ".join(f"{count:,} {label}" for label, count in rows["label"].value_counts().items()))
