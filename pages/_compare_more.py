"""Parts of Compare below the main comparison: one tab a question, each computed when it is opened."""

from typing import Any

import pandas as pd
import streamlit as st

from finsent.charts import confusion_figure
from finsent.generated import PARSING_RULES, as_generated, disagreements, has_generated
from finsent.judged import OWN, judged_sets
from finsent.metrics import evaluate_predictions
from finsent.report import evaluation_json, run_report
from finsent.runs import Run
from finsent.sentences import points
from finsent.several import compare_models
from finsent.statistics import CONFIDENCE
from pages._compare_proportion import (
    MODEL_TITLES,
    PERCENT,
    Judged,
    judged,
    show_confidence,
    show_prior,
    show_scale,
    show_threshold,
)
from pages._ui import show_chart, user_errors, what_is

TABS = ("Only the prior?", "For scale", "How sure?", "Threshold", "Written answers", "Several runs", "Export")
MOST_RUNS = 6


def show_more(run: Run, on: str, tables: Judged, runs: list[Run], classes: int, dark: bool) -> None:
    """Show the questions that follow the comparison of a run; ``runs`` are those to compare it with.

    ``on`` is the key of the set of rows that is looked at (see :mod:`finsent.judged`), and ``tables`` what was judged.
    """
    st.subheader("In proportion")
    shows = (
        lambda: show_prior(tables, classes),
        lambda: show_scale(tables, classes),
        lambda: show_confidence(tables),
        lambda: show_threshold(tables),
        lambda: show_written(run.id, on, tables, classes, dark),
        lambda: show_several(run, on, runs, classes),
        lambda: show_export(run, on, tables, classes),
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
        rows = "" if on == OWN else " --data FILE"
        st.code(f"python -m finsent evaluate {run_id}{rows} --generate", language="bash")
        return
    flatter = st.toggle("Count invalid answers as neutral, as some published evaluators do", key="flatter")
    written = [as_generated(table, flatter) for table in test]
    rows = []
    for (_, title), scored, wrote in zip(MODEL_TITLES.items(), test, written, strict=True):
        for way, table in (("scored", scored), ("written", wrote)):
            figures = evaluate_predictions(table, classes)
            rows.append(
                (title, way, figures["accuracy"], figures["macro_f1"], figures["neutral_as_positive"])
                + (figures["invalid"], figures["n"])
            )
    columns = ["model", "answers", "accuracy", "macro-F1", "neutral called positive", "invalid", "n"]
    shares = dict.fromkeys(columns[2:5], PERCENT)
    st.dataframe(pd.DataFrame(rows, columns=columns), hide_index=True, column_config=shares)
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
            st.dataframe(different, hide_index=True, height=260, column_config={"confidence": PERCENT})


def show_several(run: Run, on: str, runs: list[Run], classes: int) -> None:
    st.markdown("Several runs on the rows that all of them were judged on.")
    what_is("Cochran's Q", "Holm's correction")
    titles = {one.id: f"{one.title} · {one.recipe.name}" for one in runs if on in judged_sets(one)}
    chosen = st.multiselect(
        "Runs", titles, default=[run.id], format_func=titles.get, key="several", max_selections=MOST_RUNS
    )
    tables = {}
    with user_errors():
        for one in runs:
            if one.id in chosen:
                pair = judged(one, on).test
                tables |= {"baseline": pair[0]} if not tables else {}
                tables[titles[one.id] if list(titles.values()).count(titles[one.id]) == 1 else one.id] = pair[1]
        if len(tables) < 2:
            st.info("Choose a run.")
            return
        result = compare_models(tables, classes)
    figures = [
        {"model": name, "accuracy": one["accuracy"], "low": one["accuracy_ci"][0], "high": one["accuracy_ci"][1]}
        | {"macro-F1": one["macro_f1"], "neutral called positive": one["neutral_as_positive"], "n": one["n"]}
        for name, one in result["models"].items()
    ]
    shares = dict.fromkeys(["accuracy", "low", "high", "macro-F1", "neutral called positive"], PERCENT)
    st.dataframe(pd.DataFrame(figures), hide_index=True, column_config=shares)
    st.caption(f"Accuracy with its 95 % interval. The baseline is that of the newest chosen run; n = {result['n']:,}.")
    answer = "They are not all alike" if result["p"] < 1 - CONFIDENCE else "They can't be told apart on these rows"
    st.markdown(f"{answer}: Cochran's Q = {result['q']:.2f}, {p_value(result['p'])}, n = {result['n']:,}.")
    pairs = [
        {"first": pair["first"], "second": pair["second"], "accuracy, second minus first": points(pair["difference"])}
        | {"only first right": pair["b"], "only second right": pair["c"], "p": pair["p"], "p (Holm)": pair["p_holm"]}
        for pair in result["pairs"]
    ]
    numbers = dict.fromkeys(["p", "p (Holm)"], st.column_config.NumberColumn(format="%.4f"))
    st.dataframe(pd.DataFrame(pairs), hide_index=True, column_config=numbers)
    st.caption(
        "Each pair's exact McNemar test, corrected for the number of pairs. The intervals are each pair's own, not "
        "corrected."
    )


def p_value(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


@st.cache_resource(max_entries=4, show_spinner="Writing the report …")
def report_of(_run: Run, on: str, key: tuple[str, float], classes: int) -> tuple[dict[str, Any], str]:
    return run_report(_run, classes, on)


def show_export(run: Run, on: str, tables: Judged, classes: int) -> None:
    st.markdown("Everything on this page that has a number, for others to read or to compute with.")

    def report() -> tuple[dict[str, Any], str]:
        return report_of(run, on, tables.key, classes)

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
