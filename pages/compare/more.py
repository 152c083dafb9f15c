"""Parts of Compare below the main comparison: one tab a question, each computed when it is opened."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from finsent.charts.comparison import confusion_figure
from finsent.data.corrections import Flags
from finsent.metrics.classification import evaluate_predictions
from finsent.metrics.written_answers import PARSING_RULES, as_generated, disagreements, has_generated
from finsent.report.render import evaluation_json, run_report
from finsent.runs.evaluated_sets import OWN
from finsent.runs.store import Run
from pages.compare.proportion import (
    MODEL_TITLES,
    Judged,
    show_confidence,
    show_prior,
    show_scale,
    show_threshold,
)
from pages.compare.rivals import show_rivals
from pages.compare.slices import show_slices
from pages.compare.stories import show_stories
from pages.shared import places
from pages.shared.ui import PERCENT, show_chart, show_table

TABS = (
    "Only the prior?",
    "For scale",
    "How sure?",
    "Threshold",
    "What the errors share",
    "Each row's story",
    "Written answers",
    "Export",
)


def show_more(run: Run, on: str, tables: Judged, classes: int, dark: bool, flagged: Flags) -> None:
    """Show the questions that follow the comparison of a run.

    ``on`` is the key of the set of rows that is looked at (see :mod:`finsent.runs.evaluated_sets`), and ``tables`` what
    was judged, some of it ``flagged``.
    """
    st.page_link(
        places.RUNS,
        label="Compare it with another run: tick both on Runs",
        icon=":material/history:",
        query_params={"run": run.id},
    )
    st.subheader("Further questions")

    def scale() -> None:
        show_scale(tables, classes)
        show_rivals(run, on, classes)

    shows: tuple[Callable[[], None], ...] = (
        lambda: show_prior(tables, classes),
        scale,
        lambda: show_confidence(tables),
        lambda: show_threshold(tables),
        lambda: show_slices(run, classes),
        lambda: show_stories(run, classes),
        lambda: show_written(run.id, on, tables, classes, dark),
        lambda: show_export(run, on, tables, classes, flagged),
    )
    for tab, show in zip(st.tabs(TABS, key="part", on_change="rerun", bind="query-params"), shows, strict=True):
        if tab.open:
            with tab:
                show()


def show_written(run_id: str, on: str, run: Judged, classes: int, dark: bool) -> None:
    st.markdown("Scoring asks for the likeliest label. Generation lets the model write, and then reads the answer.")
    with st.expander("How an answer is read"):
        st.markdown("\n".join(f"- {rule}" for rule in PARSING_RULES))
    test = run.test
    if not all(has_generated(table) for table in test):
        st.info("Neither model has written answers for these rows yet. On the command line:")
        data = "" if on == OWN else " --data FILE"
        st.code(f"python -m finsent evaluate {run_id}{data} --generate", language="bash")
        return
    flatter = st.toggle(
        "Count invalid answers as neutral, as some published evaluators do", key="flatter", bind="query-params"
    )
    written = [as_generated(table, flatter) for table in test]
    rows = []
    for (_, title), scored, wrote in zip(MODEL_TITLES.items(), test, written, strict=True):
        for way, table in (("scored", scored), ("written", wrote)):
            figures = evaluate_predictions(table, classes)
            shares = (figures.accuracy, figures.macro_f1, figures.neutral_as_positive)
            rows.append((title, way, *shares, figures.invalid, figures.n))
    columns = ["model", "answers", "accuracy", "macro-F1", "neutral called positive", "invalid", "n"]
    show_table(pd.DataFrame(rows, columns=columns), "written", column_config=dict.fromkeys(columns[2:5], PERCENT))
    for column, title, table in zip(st.columns(2, gap="medium"), MODEL_TITLES.values(), written, strict=True):
        with column:
            st.markdown(f"**{title}, written answers**")
            show_chart(
                confusion_figure(evaluate_predictions(table, classes), dark, with_invalid=True),
                f"Rows by gold label and written answer, with the share of the row; n = {len(table):,}.",
                key=f"written-{title}",
            )
    for title, table in zip(MODEL_TITLES.values(), test, strict=True):
        different = disagreements(table)
        st.markdown(f"**{title}: {len(different):,} of {len(table):,} rows where writing and scoring disagree**")
        if len(different):
            show_table(different, f"disagree-{title}", height=260, column_config={"confidence": PERCENT})


@st.cache_resource(max_entries=4, show_spinner="Writing the report …")
def report_of(_run: Run, on: str, key: tuple[str, float], classes: int, flagged: Flags) -> tuple[dict[str, Any], str]:
    return run_report(_run, classes, on)


def show_export(run: Run, on: str, tables: Judged, classes: int, flagged: Flags) -> None:
    st.markdown("Everything on this page that has a number, for others to read or to compute with.")

    def report() -> tuple[dict[str, Any], str]:
        return report_of(run, on, tables.key, classes, flagged)

    with st.container(horizontal=True):
        st.download_button(
            "Report (one HTML file)",
            lambda: report()[1].encode(),
            f"finsent-comparison-{run.id}.html",
            "text/html",
            icon=":material/description:",
            on_click="ignore",
        )
        st.download_button(
            "Figures (JSON)",
            lambda: evaluation_json(report()[0]).encode(),
            f"finsent-comparison-{run.id}.json",
            "application/json",
            icon=":material/data_object:",
            on_click="ignore",
        )
    st.caption(
        "The report needs no other file and no network, runs no script, and holds the JSON, too. With many training "
        "rows the first download takes a while: the references are trained for it."
    )
