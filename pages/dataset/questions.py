"""What only the visitor can say about data: which part and columns, what labels mean, where scores are cut."""

from dataclasses import replace

import streamlit as st

from finsent.data.choices import Choices, written
from finsent.data.questions import Question
from finsent.errors import ColumnAskedError, LabelsAskedError
from finsent.labels import FIVE_LABELS
from pages.shared.access import action
from pages.shared.ui import counted, plain_markdown, show_table

_OUT = "leave these rows out"
#: Parts of a data set of the hub, as they are called here.
_PARTS = {"configuration": "Configuration", "source_split": "Split"}


def ask(asked: ColumnAskedError | LabelsAskedError, before: Choices) -> Choices | None:
    """Show a question, the first rows and a form for the answer; return the choices once the visitor has given it."""
    question = asked.question
    assert isinstance(question, Question)
    with st.container(border=True):
        st.markdown(f"**{plain_markdown(question.sentence)}**")
        with st.form("question", border=False):
            answer = {"labels": _labels, "thresholds": _thresholds}.get(question.kind, _column)(question, before)
            given = action(
                st.form_submit_button,
                "Use these",
                key="use-these",
                about=question.sentence,
                type="primary",
                icon=":material/check:",
            )
        st.caption("On the command line: " + plain_markdown(str(asked)))
    of_file = f"The first {len(question.first)} rows, as they stand in the file:"
    st.caption("What it has:" if question.kind in _PARTS else of_file)
    show_table(question.first.map(str, na_action="ignore"), "first-rows", key="first-rows")
    if not given:
        return None
    if answer is None:
        st.warning("Choose one for each; nothing is assumed.", icon=":material/warning:")
        return None
    return answer


def _column(question: Question, before: Choices) -> Choices | None:
    what = "texts" if question.kind == "text_column" else "labels"
    choice = st.selectbox(
        _PARTS.get(question.kind, f"Column with the {what}"),
        question.columns,
        index=None,
        placeholder="Choose one",
        key="column",
    )
    if choice is None:
        return None
    match question.kind:
        case "configuration":
            return replace(before, configuration=choice)
        case "source_split":
            return replace(before, source_split=choice)
        case "text_column":
            return replace(before, text_column=choice)
        case _:
            return replace(before, label_column=choice)


def _labels(question: Question, before: Choices) -> Choices | None:
    chosen: dict[str, str] = {}
    for place, value in enumerate(question.values):
        left, right = st.columns([1, 2], vertical_alignment="center")
        with left:
            proposed = FIVE_LABELS.index(value.proposed) if value.proposed else None
            label = st.selectbox(
                f"{plain_markdown(value.value[:60])} · {counted(value.n, 'row')}",
                [*FIVE_LABELS, _OUT],
                index=proposed,
                placeholder="What does it mean?",
                key=f"meaning-{place}",
                help="Proposed from its words." if value.proposed else None,
            )
        with right:
            for text in value.texts:
                st.caption(plain_markdown(text[:160]))
        if label is not None:
            chosen[value.value] = label
    if len(chosen) < len(question.values):
        return None
    kept = {value: label for value, label in chosen.items() if label != _OUT}
    return replace(before, labels=written(kept)) if kept else None


def _thresholds(question: Question, before: Choices) -> Choices | None:
    st.caption(f"Scores from {question.low:g} to {question.high:g}. Nothing is assumed.")
    left, right = st.columns(2)
    low = left.number_input("Negative below", value=None, format="%g", key="low", placeholder="for example -0.3")
    high = right.number_input("Positive above", value=None, format="%g", key="high", placeholder="for example 0.3")
    if low is None or high is None or low > high:
        return None
    return replace(before, thresholds=f"{low:g},{high:g}")
