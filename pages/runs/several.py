"""Several runs side by side: where their settings differ, which is better, the rows on which they disagree."""

import pandas as pd
import streamlit as st

from finsent.evaluation.several_runs import compare_runs, differing_settings, pair_verdict
from finsent.metrics.figures import SeveralModels
from finsent.metrics.statistics import CONFIDENCE, show_p
from finsent.metrics.wording import points
from finsent.runs.evaluated_sets import judged_files, judged_sets
from finsent.runs.store import Run
from pages.runs.disagree import show_disagreement
from pages.shared.choose_run import choose_classes, choose_set
from pages.shared.run_parts import safe_title
from pages.shared.ui import PERCENT, show_table, user_errors, what_is
from pages.shared.verdict import kept_together

_SHARES = ("accuracy", "low", "high", "macro-F1", "neutral called positive")


@st.cache_data(max_entries=8, show_spinner="Comparing the runs …")
def _compared(_runs: list[Run], key: tuple[tuple[str, float, str], ...], classes: int, on: str) -> SeveralModels:
    """Return the runs' figures; ``key`` says when they are out of date."""
    return compare_runs(_runs, classes, on)


def show_several(runs: list[Run]) -> None:
    """Show how the ticked runs differ, in settings and on the rows that all were judged on."""
    st.subheader("Side by side", anchor=False)
    st.markdown("**Settings that differ**")
    settings = differing_settings(runs)
    if settings.empty:
        st.caption("None: these runs have the same settings.")
    else:
        show_table(settings, "differing-settings")
    judged = [run for run in runs if judged_sets(run)]
    for run in runs:
        if run not in judged:
            st.caption(f"{safe_title(run)} has not been judged, so its figures and rows are not compared.")
    if len(judged) > 1:
        _show_figures(judged)


def _show_figures(runs: list[Run]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        on = _choose_rows(runs)
        classes = choose_classes("several-classes")
        what_is("Cochran's Q", "Holm's correction", "McNemar's test", "paired interval", "baseline")
    with user_errors():
        files = [judged_files(run, on)[1] for run in runs]
        # Figures go by the runs' titles, which can be changed.
        key = tuple((str(file), file.stat().st_mtime, run.title) for file, run in zip(files, runs, strict=True))
        result = _compared(runs, key, classes, on)
    tuned = [pair for pair in result.pairs if "baseline" not in (pair.first, pair.second)]
    for pair in tuned if len(runs) == 2 else []:
        st.markdown(f":material/balance: **{kept_together(pair_verdict(pair))}**")
    figures = [
        {"model": name, "accuracy": one.accuracy, "low": one.accuracy_ci.low, "high": one.accuracy_ci.high}
        | {"macro-F1": one.macro_f1, "neutral called positive": one.neutral_as_positive, "n": one.n}
        for name, one in result.models.items()
    ]
    show_table(pd.DataFrame(figures), "several", column_config=dict.fromkeys(_SHARES, PERCENT))
    st.caption(f"Accuracy with its 95 % interval. The baseline is that of the newest chosen run; n = {result.n:,}.")
    _show_pairs(result)
    show_disagreement(runs, key, classes, on)


def _show_pairs(result: SeveralModels) -> None:
    answer = (
        "They are not all alike" if result.p < 1 - CONFIDENCE else "They can't be told apart in accuracy on these rows"
    )
    st.markdown(
        f"Baseline included: {answer.lower()}, Cochran's Q = {result.q:.2f}, {show_p(result.p)}, n = {result.n:,}."
    )
    pairs = [
        {"first": pair.first, "second": pair.second, "accuracy, second minus first": points(pair.difference)}
        | {"only first right": pair.b, "only second right": pair.c}
        | {"p": show_p(pair.p), "p (Holm)": show_p(pair.p_holm)}
        for pair in result.pairs
    ]
    with st.expander("Each pair, with the baseline"):
        show_table(pd.DataFrame(pairs), "pairs")
        st.caption(
            "Each pair's exact McNemar test, corrected for the number of pairs. The intervals are each pair's own, not "
            "corrected."
        )


def _choose_rows(runs: list[Run]) -> str:
    """Let the visitor choose among the sets of rows that all runs were judged on, where there are several."""
    sets = [judged_sets(run) for run in runs]
    shared = {key: title for key, title in sets[0].items() if all(key in others for others in sets)}
    return choose_set(shared, "several-rows")
