"""Compare: is the fine-tuned model better than the baseline, where, and at whose cost?"""

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from finsent.charts import confusion_figure, confusion_shares, difference_figure, dumbbell_figure, transition_figure
from finsent.comparison import (
    TRANSITIONS,
    answers_table,
    cell_rows,
    per_class_table,
    transition_counts,
    transition_rows,
    verdict,
)
from finsent.datasets import export_csv
from finsent.judged import OWN, judged_sets
from finsent.labels import INVALID, NEUTRAL, POSITIVE
from finsent.metrics import compare_predictions
from finsent.runs import Run, default_runs_dir, list_runs
from pages._choose_run import choose_rows, choose_run
from pages._compare_more import show_more
from pages._compare_proportion import Judged, judged, show_seen
from pages._ui import page_head, plain_markdown, show_chart, user_errors, what_is

MODELS = {"baseline": "baseline", "tuned": "fine-tuned"}
MAX_ROWS = 1_000
VERDICT_LOOKS = {
    "better": ("green", ":material/check_circle:"),
    "worse": ("red", ":material/cancel:"),
    "unsettled": ("orange", ":material/balance:"),
}


@st.cache_resource(max_entries=8, show_spinner="Reading the predictions …")
def load_comparison(_judged: Judged, key: tuple[str, float], classes: int) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the figures and the answers of both models; ``key`` says when they are out of date."""
    return compare_predictions(*_judged.test, classes), answers_table(*_judged.test, classes)


def show_nothing_yet(run: Run) -> None:
    if run.active:
        st.info(f"This run is at work ({run.state}). Its comparison appears here once both models have been judged.")
        st.page_link("pages/train.py", label="Watch it", icon=":material/show_chart:")
        return
    st.warning(f"This run is {run.state}: it ended before both models had been judged, so there is nothing to compare.")
    if run.has_adapter:
        st.markdown("Its adapter is saved and can be judged on the command line:")
        st.code(f"python -m finsent evaluate {run.id}", language="bash")
    else:
        st.page_link("pages/train.py", label="Launch it again", icon=":material/play_circle:")
    st.page_link("pages/runs.py", label="See why on the Runs page", icon=":material/history:")


def show_verdict(comparison: dict[str, Any]) -> None:
    judged = verdict(comparison)
    color, icon = VERDICT_LOOKS[judged.kind]
    first, *others = (plain_markdown(sentence) for sentence in judged.sentences)
    with st.container(border=True):
        st.markdown(f":{color}[{icon}] **{first}**")
        for sentence in others:
            st.markdown(sentence)


def show_big_figures(comparison: dict[str, Any]) -> None:
    before, after = comparison["baseline"], comparison["tuned"]
    figures = [
        ("Accuracy", "accuracy", "accuracy_difference", "normal", comparison["n"]),
        ("Macro-F1", "macro_f1", "macro_f1_difference", "normal", comparison["n"]),
        (
            "Neutral called positive",
            "neutral_as_positive",
            "neutral_as_positive_difference",
            "inverse",
            after["neutral_n"],
        ),
    ]
    for column, (title, key, difference, good, n) in zip(st.columns(3), figures, strict=True):
        if after[key] is None:
            column.metric(title, "no neutral rows", border=True)
            continue
        change = comparison[difference]
        with column.container(border=True):
            st.metric(
                title,
                f"{before[key]:.0%} → {after[key]:.0%}",
                f"{100 * change['value']:+.1f} points ({100 * change['ci'][0]:+.1f} to {100 * change['ci'][1]:+.1f})",
                delta_color=good,
            )
            st.caption(
                f"baseline {with_interval(before, key)}, fine-tuned {with_interval(after, key)}, n\u00a0=\u00a0{n:,}"
            )


def with_interval(figures: dict[str, Any], key: str) -> str:
    low, high = figures[f"{key}_ci"]
    return f"{figures[key]:.1%} ({low:.1%} to {high:.1%})"


def confusion_table(figures: dict[str, Any], with_invalid: bool) -> pd.DataFrame:
    columns, counts, _ = confusion_shares(figures, with_invalid)
    return pd.DataFrame(counts, columns=columns).assign(gold=figures["labels"])[["gold", *columns]]


def show_confusion(comparison: dict[str, Any], dark: bool) -> None:
    st.subheader("Who is called what")
    what_is("confusion matrix", "neutral called positive", "baseline")
    with_invalid = any(comparison[model]["invalid"] for model in MODELS)
    for column, model in zip(st.columns(2, gap="medium"), MODELS, strict=True):
        figures = comparison[model]
        with column:
            st.markdown(f"**{MODELS[model].capitalize()}**")
            show_clickable(
                confusion_figure(figures, dark, with_invalid),
                model,
                f"Rows by gold label and answer, with the share of each gold label's rows; n = {figures['n']:,}. "
                "The colour is that share, on the same scale in both. Outlined: neutral called positive. "
                "Choose a cell to see its rows.",
                confusion_table(figures, with_invalid),
            )


def show_clickable(figure: go.Figure, model: str, caption: str, table: pd.DataFrame) -> None:
    """Show a heatmap whose cells can be clicked; the choice goes into the fields below, which take a keyboard, too."""
    key = f"confusion-{model}"

    def take_over() -> None:
        points = st.session_state[key].selection.points
        if points:
            st.session_state["model"] = model
            st.session_state["gold"], st.session_state["answer"] = points[0]["customdata"]

    st.plotly_chart(figure, key=key, on_select=take_over, selection_mode="points", config={"displayModeBar": False})
    st.caption(caption)
    with st.expander("The table behind this chart"):
        st.dataframe(table, hide_index=True)


def show_difference(comparison: dict[str, Any], dark: bool) -> None:
    st.markdown("**Difference, in points of the row**")
    show_chart(
        difference_figure(comparison, dark),
        "Fine-tuned minus baseline: of 100 texts of that gold label, how many more (+) or fewer (−) get that answer.",
        key="confusion-difference",
    )


def show_cell(comparison: dict[str, Any], answers: pd.DataFrame) -> pd.DataFrame:
    st.markdown("**Rows behind a cell**")
    labels = comparison["labels"]
    with_invalid = any(comparison[model]["invalid"] for model in MODELS)
    options = [*labels, INVALID] if with_invalid else labels
    model = st.radio("Model", list(MODELS), format_func=MODELS.get, horizontal=True, key="model", bind="query-params")
    gold = st.selectbox("Gold label", labels, index=labels.index(NEUTRAL), key="gold", bind="query-params")
    answer = st.selectbox("Called", options, index=options.index(POSITIVE), key="answer", bind="query-params")
    rows = cell_rows(answers, model, gold, answer)
    st.markdown(f"{len(rows):,} {gold} rows that the {MODELS[model]} model calls {answer}, its surest answers first.")
    return rows


def show_rows(rows: pd.DataFrame, name: str) -> None:
    if rows.empty:
        return
    st.dataframe(
        rows.head(MAX_ROWS),
        hide_index=True,
        height=min(420, 40 + 36 * len(rows)),
        column_order=[
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
        column_config={
            "text": st.column_config.TextColumn(width="large"),
            "tuned": st.column_config.TextColumn("fine-tuned"),
            "tuned confidence": st.column_config.NumberColumn("its confidence", format="percent"),
            "baseline confidence": st.column_config.NumberColumn("its confidence ", format="percent"),
        },
        key=f"rows-{name}",
    )
    if len(rows) > MAX_ROWS:
        st.caption(f"The first {MAX_ROWS:,} of {len(rows):,} rows; the download has them all.")
    st.download_button(
        "Download these rows as CSV",
        lambda: export_csv(rows),
        f"{name}.csv",
        "text/csv",
        icon=":material/download:",
        key=f"download-{name}",
    )


def show_per_class(comparison: dict[str, Any]) -> None:
    st.subheader("Class by class")
    what_is("precision", "recall", "F1", "macro-F1")
    table = per_class_table(comparison)
    figures = {"recall": "Recall", "precision": "Precision", "f1": "F1"}
    over = {
        "recall": "the rows that deserve the label",
        "precision": "the rows that the model gives it",
        "f1": "the rows that deserve it or are given it",
    }
    chosen = st.segmented_control(
        "Figure",
        list(figures),
        default="recall",
        required=True,
        format_func=figures.get,
        key="figure",
        bind="query-params",
    )
    show_chart(
        dumbbell_figure(table, chosen),
        f"{figures[chosen]} of each class before and after, with 95 % intervals; {comparison['n']:,} test rows in all. "
        f"It is over {over[chosen]}; the table says how many.",
        table,
        key="per-class",
    )


def show_transitions(comparison: dict[str, Any], answers: pd.DataFrame, dark: bool) -> None:
    st.subheader("What became of each row")
    counts = transition_counts(answers, comparison["labels"])
    left, right = st.columns(2, gap="medium")
    with left:
        show_chart(
            transition_figure(counts, dark),
            f"From gold label to fixed, still right, still wrong or broken by fine-tuning; n = {comparison['n']:,}.",
            key="transitions",
        )
    with right:
        st.dataframe(counts, hide_index=True)
        chosen = st.segmented_control(
            "Show the rows that were",
            TRANSITIONS,
            default="broken",
            required=True,
            key="transition",
            bind="query-params",
        )
        gold = st.selectbox("of gold label", ["any", *comparison["labels"]], key="of", bind="query-params")
        rows = transition_rows(answers, chosen, None if gold == "any" else gold)
        st.markdown(f"{len(rows):,} rows {chosen}.")
    show_rows(rows, "transition")


def show_page() -> None:
    page_head("Compare", "The base model and the fine-tuned one, judged on the same texts.")
    runs = list_runs(default_runs_dir())
    if not runs:
        st.info("There is no run yet. Train one: it is compared with its base model as soon as it ends.")
        st.page_link("pages/train.py", label="Launch a run", icon=":material/play_circle:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        run = choose_run(runs, lambda run: run.has_comparison)
        on = choose_rows(run)
        classes = st.segmented_control(
            "Labels",
            [3, 5],
            default=3,
            required=True,
            format_func={3: "three", 5: "five"}.get,
            key="classes",
            bind="query-params",
        )
        what_is("accuracy", "macro-F1", "neutral called positive", "confidence interval", "McNemar's test", "baseline")
    if not judged_sets(run):
        show_nothing_yet(run)
        return
    with user_errors():
        tables = judged(run, on)
        comparison, answers = load_comparison(tables, tables.key, classes)
    dark = st.context.theme.type == "dark"
    show_verdict(comparison)
    if on != OWN:
        show_seen(tables)
    show_big_figures(comparison)
    show_confusion(comparison, dark)
    left, right = st.columns(2, gap="medium")
    with left:
        show_difference(comparison, dark)
    with right:
        rows = show_cell(comparison, answers)
    show_rows(rows, "cell")
    show_per_class(comparison)
    show_transitions(comparison, answers, dark)
    show_more(run, on, tables, runs, classes, dark)


show_page()
