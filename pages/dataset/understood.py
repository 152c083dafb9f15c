"""How a file was understood, before anything is used: its format, its columns, ten rows, the rows that are refused."""

from dataclasses import replace

import streamlit as st

from finsent.data.choices import CHOSEN, Choices
from finsent.data.dataset import SentimentData
from finsent.data.formats.raw import refused_in_words, refused_table
from finsent.data.questions import SHOWN_ROWS
from pages.dataset.source import decide_about, is_own
from pages.shared import places
from pages.shared.access import action
from pages.shared.ui import csv_button, plain_markdown, show_table

_SHOWN_REFUSED = 20


def show_understood(data: SentimentData, choices: Choices) -> None:
    """Show how a file of one's own was read, what is refused of it, and the way to train on it."""
    if not is_own(data):
        return
    if data.refused:
        _refused(data, choices)
    with st.container(horizontal=True, vertical_alignment="center"):
        if not data.refused or choices.leave_out:
            st.page_link(
                places.TRAIN,
                label="Train on this",
                icon=":material/play_circle:",
                query_params=as_settings(data, choices),
            )
        with st.popover("How it was read", icon=":material/rule:"):
            _reading(data, choices)


def as_settings(data: SentimentData, choices: Choices) -> dict[str, str]:
    """Return the address of Train that has these data and what was decided about them."""
    given = {name: value for name in CHOSEN if (value := getattr(choices, name))}
    return {"recipe": "quick", "quick-data": data.source} | {
        f"quick-{name}": "true" if value is True else value for name, value in given.items()
    }


def _refused(data: SentimentData, choices: Choices) -> None:
    count, total = len(data.refused), data.total_rows
    words = plain_markdown(refused_in_words(data.refused))
    left = "left out, as you decided" if choices.leave_out else "refused"
    with st.container(border=True):
        st.markdown(
            f":material/warning: **{count:,} of {total:,} rows are {left}**, {len(data.rows):,} are read. {words}."
        )
        table = refused_table(data.refused)
        with st.expander(f"The first {min(count, _SHOWN_REFUSED)} of them, with line and reason"):
            st.dataframe(table.head(_SHOWN_REFUSED), hide_index=True, key="refused")
        with st.container(horizontal=True):
            csv_button("All refused rows as CSV", table, "finsent-refused.csv")
            if choices.leave_out:
                if action(st.button, "Take that back", key="leave-out-back", about=data.source):
                    decide_about(data.source, replace(choices, leave_out=False))
            elif action(st.button, "Leave them out", key="leave-out", about=data.source, icon=":material/content_cut:"):
                decide_about(data.source, replace(choices, leave_out=True))


def _reading(data: SentimentData, choices: Choices) -> None:
    for name, words in data.facts:
        st.caption(f"{name.capitalize()}: {plain_markdown(words)}")
    if choices != Choices(leave_out=choices.leave_out):
        st.caption(f"Chosen: {plain_markdown('; '.join(_chosen(choices)))}")
    show_table(data.rows[["text", "label"]].head(SHOWN_ROWS), "understood", key="understood")
    if not data.columns:
        return
    with st.form("columns", border=False):
        text = st.selectbox("Texts from", data.columns, index=None, placeholder="as it is", key="other-text")
        label = st.selectbox("Labels from", data.columns, index=None, placeholder="as it is", key="other-label")
        changed = action(st.form_submit_button, "Read it so", key="read-so", about=data.source)
    if changed and (text or label):
        # What values meant in one column says nothing of another.
        fresh = replace(choices, labels="", thresholds="") if label else choices
        decide_about(
            data.source,
            replace(fresh, text_column=text or fresh.text_column, label_column=label or fresh.label_column),
        )
    if choices != Choices() and action(st.button, "Forget what was chosen", key="forget", about=data.source):
        decide_about(data.source, Choices())


def _chosen(choices: Choices) -> list[str]:
    return [
        f"{name.replace('_', ' ')} {value}"
        for name in CHOSEN
        if (value := getattr(choices, name)) and name != "leave_out"
    ]
