"""Part of Runs for several ticked runs: the rows on which they disagree, how sure each is, how often each two agree."""

import pandas as pd
import streamlit as st

from finsent.evaluation.disagreement import Disagreement, agreement_sentence, row_answers, runs_disagree
from finsent.evaluation.several_runs import SURE
from finsent.runs.store import Run
from pages.shared.opened import rows_that_open
from pages.shared.ui import PERCENT, csv_button, plain_markdown, show_table, user_errors


@st.cache_resource(max_entries=8, show_spinner="Looking for rows on which they disagree …")
def _disagreement(_runs: list[Run], key: tuple[tuple[str, float, str], ...], classes: int, on: str) -> Disagreement:
    return runs_disagree(_runs, classes=classes, on=on)


def show_disagreement(runs: list[Run], key: tuple[tuple[str, float, str], ...], classes: int, on: str) -> None:
    """Show where the fine-tuned models of runs differ on a set of rows; ``key`` says when that is out of date."""
    with user_errors():
        found = _disagreement(runs, key, classes, on)
    st.markdown(f"**Rows where they disagree: {len(found.rows):,} of {found.n:,}**")
    st.markdown("\n".join(f"- {plain_markdown(agreement_sentence(pair))}" for pair in found.pairs))
    if len(found.rows):
        _show_rows(found)


def _show_rows(found: Disagreement) -> None:
    rows = found.rows
    # A name of its own for each column: those of probabilities differ in blanks.
    sure = {
        f"{name}{SURE}": st.column_config.NumberColumn("its probability" + " " * place, format="percent")
        for place, name in enumerate(found.names)
    }
    rows_that_open(
        rows,
        f"disagree-{hash((found.names, *rows['row_id']))}",
        "disagree-row",
        # Figures first: a text is long, and opens.
        ["gold", *(part for name in found.names for part in (name, name + SURE)), "right", "text", "row_id"],
        {"right": st.column_config.NumberColumn("runs right")} | sure,
        lambda row: _show_row(found, row),
        "Each run's answer and the probability that it gives it. Rows on which the surest runs contradict one another "
        "come first. Choose a row: it opens here.",
    )
    csv_button("Download these rows as CSV", rows, "finsent-disagreement.csv", key="download-disagreement")


def _show_row(found: Disagreement, row: pd.Series) -> None:
    st.text(row["text"])
    st.markdown(f"Its label is **{plain_markdown(row['gold'])}**.")
    show_table(row_answers(found, row), "disagreement-row", column_config={"probability": PERCENT})
