"""How long the rows are in a model's tokens, and which words mark each label."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from finsent.charts.data import length_figure
from finsent.errors import FinsentError
from finsent.inference.lengths import limit_table, token_lengths
from finsent.labels import FIVE_LABELS
from finsent.metrics.words import MOST_WORDS, label_words
from finsent.models.base import EMBEDDED, MODELS
from pages.dataset.rows import tokenizer_of
from pages.shared.typed import chosen, may_read
from pages.shared.ui import PERCENT, counted, plain_markdown, show_chart, show_table

#: Tables beside one another, so that every column of each is in view.
_BESIDE = 3


@st.cache_resource(max_entries=3, show_spinner="Counting tokens …")
def lengths_of(fingerprint: str, model: str, _tokenizer: Any, _rows: pd.DataFrame) -> np.ndarray:
    return token_lengths(_tokenizer, _rows)


@st.cache_resource(max_entries=3, show_spinner="Comparing words …")
def words_of(fingerprint: str, _rows: pd.DataFrame) -> pd.DataFrame:
    return label_words(_rows)


def distributions(fingerprint: str, rows: pd.DataFrame) -> None:
    _lengths(fingerprint, rows)
    st.subheader("Words that mark each label")
    words = words_of(fingerprint, rows)
    if words.empty:
        st.caption("No word stands in three texts or more and goes with one label rather than with the others.")
        return
    labels = [label for label in FIVE_LABELS if label in set(words["label"])]
    for start in range(0, len(labels), _BESIDE):
        for place, label in zip(st.columns(_BESIDE), labels[start : start + _BESIDE], strict=False):
            with place:
                _words(words[words["label"] == label], label, int((rows["label"] == label).sum()))
    st.caption(
        f"At most {MOST_WORDS} words of a label, without words of grammar (of, its, the, that, will), by the log-odds "
        "of the word in texts of the label against all others, with a prior that pulls rare words towards no "
        "difference (Monroe et al. 2008), for words whose 95 % interval lies above it. It goes with the label in these "
        "texts; it need not be what makes it."
    )


def _words(words: pd.DataFrame, label: str, n: int) -> None:
    st.markdown(f"**{label}**, n = {n:,}")
    show_table(
        words[["word", "inside", "outside", "log_odds"]].rename(columns={"inside": "its texts", "outside": "others"}),
        f"words-{label}",
        key=f"words-{label}",
        column_config={"log_odds": st.column_config.NumberColumn("log-odds", format="%.2f")},
    )


def _lengths(fingerprint: str, rows: pd.DataFrame) -> None:
    st.subheader("Lengths in tokens")
    left, right, _ = st.columns([2, 1, 2])
    model = left.selectbox(
        "Tokens of",
        list(MODELS),
        format_func=MODELS.__getitem__,
        key="lengths-model",
        bind="query-params",
        on_change=chosen,
        args=("lengths-model",),
    )
    limit = int(right.number_input("Limit (max_length)", 32, 8_192, 512, key="limit", bind="query-params"))
    if not may_read(model=model or EMBEDDED):
        return
    try:
        lengths = lengths_of(fingerprint, model, tokenizer_of(model), rows)
    except FinsentError as error:
        st.warning(plain_markdown(str(error)), icon=":material/cloud_off:")
        return
    over = int((lengths > limit).sum())
    show_chart(
        length_figure(lengths, limit),
        f"Tokens of prompt, answer and end, n = {len(lengths):,}: median {np.median(lengths):,.0f}, longest "
        f"{lengths.max():,}. A limit of {limit:,} would cut {counted(over, 'row')} ({over / len(lengths):.2%}); no "
        "training starts then, since a cut answer teaches nothing.",
        key="lengths",
    )
    show_table(limit_table(lengths), "limits", key="limits", column_config={"share": PERCENT})
