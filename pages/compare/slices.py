"""Part of Compare: what the errors of a model share, in words that a reader can check."""

import pandas as pd
import streamlit as st

from finsent.cost.estimate import in_words
from finsent.errors import EmptyDataError, RunStateError
from finsent.evaluation.slices import (
    Slice,
    Slices,
    left_out_sentence,
    run_slices,
    slice_sentence,
    slices_seconds,
    slices_table,
    unconfirmed,
)
from finsent.metrics.comparison import answers_table
from finsent.runs.store import Run
from pages.compare.matrices import MODELS
from pages.compare.proportion import Judged, judged
from pages.compare.rows import opened_name, show_rows
from pages.shared.access import action
from pages.shared.opened import is_opened
from pages.shared.ui import counted, on_demand, plain_markdown, show_table, user_errors, what_is

#: Seconds that nobody is asked about.
AT_ONCE = 5
#: Not a widget's key: it must outlive a change of page. What the visitor has asked to look for.
_ASKED = "slices-asked"


@st.cache_resource(max_entries=8, show_spinner="Looking for what the errors share …")
def _slices(_run: Run, key: tuple[str, float], model: str, classes: int) -> Slices:
    return run_slices(_run, model, classes)


def show_slices(run: Run, classes: int) -> None:
    """Show the groups in which a run's model errs oftener, and the rows of each."""
    st.markdown(
        "Groups of texts in which a model errs oftener. For each kind of error a small decision tree proposes one "
        "group on the run's own validation rows; its test rows, which had no part in that, confirm it or not."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = st.radio(
            "Whose errors",
            list(MODELS)[::-1],
            format_func=MODELS.__getitem__,
            horizontal=True,
            key="errors-of",
            bind="query-params",
        )
        what_is("split", "confidence interval", "Holm's correction")
    with user_errors():
        try:
            own = judged(run)
        except RunStateError as error:
            st.info(plain_markdown(str(error)))
            return
        if not _wanted(own, model, classes):
            return
        try:
            found = _slices(run, own.key, model, classes)
        except EmptyDataError as error:
            st.info(plain_markdown(str(error)))
            return
    st.markdown(f"**{_summary(found)}**")
    if words := left_out_sentence(found):
        st.caption(plain_markdown(words))
    answers = answers_table(*own.test, classes)
    allowed = own.test[0].set_index("row_id")["answers"]
    for one in found.confirmed:
        # A group that is opened is not another run's, model's or view's.
        key = f"open-{run.id}-{model}-{classes}-{one.kind}"
        with st.container(border=True):
            _show_slice(run, one, answers[answers["row_id"].isin(one.row_ids)], key, allowed)
    if found.kinds:
        _show_all(found)


def _wanted(own: Judged, model: str, classes: int) -> bool:
    """Whether to look: at once where that is quick, else once the visitor has pressed a button that says how long."""
    held = len(own.test[0]) + (0 if own.validation is None else len(own.validation[0]))
    comparable = own.training.comparable
    training = 0 if comparable is None else len(comparable)
    seconds = slices_seconds(held, training)
    asked = st.session_state.setdefault(_ASKED, set())
    if seconds <= AT_ONCE or (own.key, model, classes) in asked:
        return True
    st.caption(
        f"For {held:,} texts the most similar of {training:,} training rows are looked for: about {in_words(seconds)} "
        "on one core."
    )
    if not action(
        st.button,
        "Look for what they share",
        icon=":material/search:",
        key="slices-look",
        about=f"{own.key} {model} {classes}",
    ):
        return False
    asked.add((own.key, model, classes))
    return True


def _summary(found: Slices) -> str:
    """Return how many groups hold, with the numbers of rows."""
    rows = f"n = {found.validation_n:,} validation and {found.test_n:,} test rows"
    if not found.kinds:
        return f"No kind of error is frequent enough to look for what it shares; {rows}."
    kinds = f"{len(found.kinds):,} kinds of error looked at" if len(found.kinds) > 1 else "1 kind of error looked at"
    if not found.confirmed:
        return f"{unconfirmed(found)}; {kinds}, {rows}."
    return f"{len(found.confirmed):,} of {len(found.kinds):,} kinds of error have a group that holds; {rows}."


def _show_slice(run: Run, one: Slice, rows: pd.DataFrame, key: str, allowed: pd.Series) -> None:
    st.markdown(f"**{plain_markdown(one.kind.capitalize())}: {plain_markdown(' and '.join(one.words))}**")
    st.markdown(plain_markdown(f"On test rows {slice_sentence(one)}."))
    name = f"group-{one.kind.replace(' ', '-')}"

    def show() -> None:
        show_rows(run, rows.reset_index(drop=True), name, allowed)

    title = f"{counted(len(rows), 'test row')} of this group with this error"
    on_demand(title, show, key, expanded=is_opened(opened_name(name), rows["row_id"]))


def _show_all(found: Slices) -> None:
    st.markdown("**Each kind of error**")
    show_table(
        slices_table(found),
        f"slices-{found.model}",
        placeholder="–",
        column_config={"group": st.column_config.TextColumn("what they share", width=260)},
        row_height=52,
    )
    st.caption(
        "The share of rows with the error inside the group and among all others, with its 95 % interval. A group is "
        "confirmed where Fisher's exact test, after Holm's correction over all proposed groups, and the interval of "
        "the difference (Newcombe) agree on the test rows."
    )
