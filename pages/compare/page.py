"""Compare: is the fine-tuned model better than the baseline, where, and at whose cost?"""

from collections.abc import Iterable
from typing import Literal

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from finsent.charts.comparison import (
    dumbbell_figure,
    transition_figure,
)
from finsent.metrics.classification import compare_predictions
from finsent.metrics.comparison import (
    TRANSITIONS,
    answers_table,
    per_class_table,
    transition_counts,
    transition_rows,
)
from finsent.metrics.figures import Comparison, Difference, Interval
from finsent.metrics.wording import points
from finsent.runs.evaluated_sets import OWN, judged_sets
from finsent.runs.flags import flagged_rows
from finsent.runs.store import Run
from pages.compare.matrices import show_cell, show_confusion, show_difference
from pages.compare.more import show_more
from pages.compare.parent import show_parent
from pages.compare.proportion import Judged, judged, verdict_of
from pages.compare.rows import show_rows
from pages.compare.seeds import show_seeds
from pages.shared import places
from pages.shared.choose_run import choose_classes, choose_rows, choose_run
from pages.shared.run_parts import known_figures, show_remarks
from pages.shared.runs_now import runs_now
from pages.shared.ui import choose_one, counted, page_head, show_chart, show_table, user_errors, what_is
from pages.shared.verdict import show_verdict

#: So that a phone shows all columns of the table of counts, their heads in full (pixels).
_WIDTHS = {"gold": 72, "fixed": 50, "still right": 70, "still wrong": 78, "broken": 58, "n": 36}


@st.cache_resource(max_entries=8, show_spinner="Reading the predictions …")
def load_comparison(_judged: Judged, key: tuple[str, float], classes: int) -> tuple[Comparison, pd.DataFrame]:
    """Return the figures and the answers of both models; ``key`` says when they are out of date."""
    return compare_predictions(*_judged.test, classes), answers_table(*_judged.test, classes)


def show_nothing_yet(run: Run) -> None:
    if run.active:
        st.info(f"This run is at work ({run.state}). Its comparison appears here once both models have been judged.")
        st.page_link(places.TRAIN, label="Watch it", icon=":material/show_chart:", query_params={"run": run.id})
        return
    st.warning(f"This run is {run.state}: it ended before both models had been judged, so there is nothing to compare.")
    if run.has_adapter:
        st.markdown("Its adapter is saved and can be judged on the command line:")
        st.code(f"python -m finsent evaluate {run.id}", language="bash")
    else:
        again = {"like": run.id}
        st.page_link(places.TRAIN, label="Launch it again", icon=":material/play_circle:", query_params=again)
    st.page_link(places.RUNS, label="See why on the Runs page", icon=":material/history:", query_params={"run": run.id})


def show_big_figures(comparison: Comparison) -> None:
    models = comparison.models.values()
    accuracy = [(one.accuracy, one.accuracy_ci) for one in models]
    macro_f1 = [(one.macro_f1, one.macro_f1_ci) for one in models]
    neutral = [(one.neutral_as_positive, one.neutral_as_positive_ci) for one in models]
    columns = st.columns(3)
    show_big_figure(columns[0], "Accuracy", accuracy, comparison.accuracy_difference)
    show_big_figure(columns[1], "Macro-F1", macro_f1, comparison.macro_f1_difference)
    show_big_figure(
        columns[2], "Neutral called positive", neutral, comparison.neutral_as_positive_difference, good="inverse"
    )


def show_big_figure(
    column: DeltaGenerator,
    title: str,
    models: Iterable[tuple[float | None, Interval | None]],
    change: Difference,
    good: Literal["normal", "inverse"] = "normal",
) -> None:
    """Show a figure of the baseline and of the fine-tuned model, each with its interval, and the difference."""
    known = known_figures(models)
    if not known:
        column.metric(title, "no neutral rows", border=True)
        return
    (before, before_ci), (after, after_ci) = known
    with column.container(border=True):
        # What may be chance is neither good nor bad.
        colour = good if change.settled else "off"
        st.metric(title, f"{before:.1%} → {after:.1%}", points(change, interval=""), delta_color=colour)
        st.caption(
            f"baseline {with_interval(before, before_ci)}, fine-tuned {with_interval(after, after_ci)}, "
            f"n\u00a0=\u00a0{change.n:,}"
        )


def with_interval(value: float, interval: Interval) -> str:
    return f"{value:.1%} ({interval.low:.1%} to {interval.high:.1%})"


def show_per_class(comparison: Comparison) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Class by class", width="content")
        what_is("precision", "recall", "F1", "macro-F1")
    table = per_class_table(comparison)
    figures = {"recall": "Recall", "precision": "Precision", "f1": "F1"}
    over = {
        "recall": "the rows that deserve the label",
        "precision": "the rows that the model gives it",
        "f1": "the rows that deserve it or are given it",
    }
    chosen = choose_one("Figure", figures, "recall", "figure")
    show_chart(
        dumbbell_figure(table, chosen),
        f"{figures[chosen]} of each class before and after, with 95 % intervals; {comparison.n:,} test rows in all. "
        f"It is over {over[chosen]}; the table says how many.",
        table,
        key="per-class",
    )


def show_transitions(run: Run, comparison: Comparison, answers: pd.DataFrame, allowed: pd.Series, dark: bool) -> None:
    st.subheader("What became of each row")
    counts = transition_counts(answers, comparison.labels)
    left, right = st.columns(2, gap="medium")
    with left:
        show_chart(
            transition_figure(counts, dark),
            f"From gold label to fixed, still right, still wrong or broken by fine-tuning; n = {comparison.n:,}.",
            key="transitions",
        )
    with right:
        narrow = {name: st.column_config.Column(width=width) for name, width in _WIDTHS.items()}
        show_table(counts, "transitions", column_config=narrow)
        chosen = st.segmented_control(
            "Show the rows that were",
            TRANSITIONS,
            default="broken",
            required=True,
            key="transition",
            bind="query-params",
        )
        gold = st.selectbox("of gold label", ["any", *comparison.labels], key="of", bind="query-params")
        rows = transition_rows(answers, chosen, None if gold == "any" else gold)
        st.markdown(f"{counted(len(rows), 'row')} {chosen}.")
    show_rows(run, rows, "transition", allowed)


def show_page() -> None:
    page_head("Compare", "The baseline (the base model as it came) and the fine-tuned model, judged on the same texts.")
    runs = runs_now()
    if not runs:
        st.info("There is no run yet. Train one: it is compared with its base model as soon as it ends.")
        st.page_link(places.TRAIN, label="Launch a run", icon=":material/play_circle:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        run = choose_run(runs, lambda run: run.has_comparison)
        on = choose_rows(run)
        classes = choose_classes("classes")
        what_is("accuracy", "macro-F1", "neutral called positive", "confidence interval", "McNemar's test", "baseline")
    if not judged_sets(run):
        show_nothing_yet(run)
        return
    with user_errors():
        tables = judged(run, on)
        flagged = flagged_rows(run, tables.test[0]["row_id"], on)
        comparison, answers = load_comparison(tables, tables.key, classes)
    show_remarks(run)
    dark = st.context.theme.type == "dark"
    with st.container(border=True):
        show_verdict(verdict_of(tables, tables.key, classes, flagged))
    if on == OWN and run.parent:
        show_parent(run, flagged)
    allowed = tables.test[0].set_index("row_id")["answers"]
    show_seeds(run, on, runs, classes)
    show_big_figures(comparison)
    show_confusion(comparison, dark)
    show_rows(run, show_cell(comparison, answers), "cell", allowed)
    show_difference(comparison, dark)
    show_per_class(comparison)
    show_transitions(run, comparison, answers, allowed, dark)
    show_more(run, on, tables, classes, dark, flagged)


show_page()
