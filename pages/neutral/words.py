"""The words of the Neutral news page: which ones go with a neutral text being called positive."""

import pandas as pd
import streamlit as st

from finsent.evaluation.neutral_errors import error_summary
from finsent.evaluation.neutral_words import apart_from_zero, word_contrast, word_push
from finsent.metrics.words import is_grammar
from pages.shared.ui import PERCENT, show_table

MODELS = {"baseline": "baseline", "tuned": "fine-tuned model"}
WORDS_SHOWN = 25


@st.cache_data(max_entries=16, show_spinner="Counting words …")
def word_tables(_items: pd.DataFrame, known_as: tuple[str, ...], model: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both tables of words; ``known_as`` says which items they are about."""
    return word_contrast(_items, model), word_push(_items, model)


def show_words(items: pd.DataFrame, known_as: tuple[str, ...]) -> None:
    """Show the words that go with being called positive, for one model at a time."""
    model = st.radio(
        "Model",
        list(MODELS),
        format_func=lambda name: MODELS[name].capitalize(),
        horizontal=True,
        key="words",
        bind="query-params",
    )
    contrast, push = word_tables(items, known_as, model)
    if not st.checkbox(
        "Words of grammar, too",
        key="grammar",
        bind="query-params",
        help="Of, its, the, that, will: matters of style.",
    ):
        contrast, push = (table[~is_grammar(table["word"])].reset_index(drop=True) for table in (contrast, push))
        st.caption("Words of grammar (of, its, the, that, will) are kept out.")
    contrast_side, push_side = st.columns(2, gap="medium")
    with contrast_side:
        st.markdown("**Words of the texts called positive**")
        show_contrast(items, model, contrast)
    with push_side:
        st.markdown("**Words that go with a higher score for positive**")
        show_push(items, model, push)


def show_contrast(items: pd.DataFrame, model: str, table: pd.DataFrame) -> None:
    count = error_summary(items).models[model].positive
    if table.empty:
        which = "all" if count == len(items) else "none" if count == 0 else f"{count:,}"
        st.info(
            f"The {MODELS[model]} calls {which} of these {len(items):,} texts positive, so no word sets the two "
            "groups apart. The scores beside this still differ."
        )
        return
    show_table(
        table.head(WORDS_SHOWN).round({"positive share": 2, "other share": 2}),
        "words",
        column_order=["word", "positive", "other", "log_odds", "low", "high", "positive share", "other share", "z"],
        column_config={
            "word": st.column_config.TextColumn(width=90),
            "positive": st.column_config.NumberColumn("positive", help="Texts with the word that are called positive"),
            "other": st.column_config.NumberColumn("others", help="Texts with the word that are not"),
            "log_odds": st.column_config.NumberColumn("log-odds", format="%.2f"),
            "positive share": PERCENT,
            "other share": PERCENT,
            **{name: st.column_config.NumberColumn(format="%.2f", width=60) for name in ("low", "high", "z")},
        },
    )
    st.caption(
        f"Top {min(WORDS_SHOWN, len(table))} of {len(table):,} words: texts with the word among the {count:,} called "
        f"positive and the {len(items) - count:,} others, with the log-odds ratio under a prior and its 95 % interval "
        f"(Monroe et al. 2008). {apart_from_zero(table):,} of the intervals leave zero outside, which the prior makes "
        "rarer by chance than the 5 % of plain intervals."
    )


def beyond_chance(table: pd.DataFrame) -> str:
    """Say how many words stand out, and how many would by chance: 5 % of them, as the intervals are 95 % ones."""
    return (
        f"{apart_from_zero(table):,} of the {len(table):,} intervals leave zero outside; about {len(table) * 0.05:.0f} "
        "would by chance alone."
    )


def show_push(items: pd.DataFrame, model: str, table: pd.DataFrame) -> None:
    if table.empty:
        st.info(f"No word stands in enough of these {len(items):,} texts.")
        return
    numbers = ("with", "without", "difference", "low", "high")
    show_table(
        table.head(WORDS_SHOWN),
        "scores",
        column_config={name: st.column_config.NumberColumn(format="%.2f") for name in numbers},
    )
    st.caption(
        f"Top {min(WORDS_SHOWN, len(table))} of {len(table):,} words: the mean log-probability of positive minus that "
        f"of neutral, in texts with the word and without it (n = {len(items):,}), and the difference with its 95 % "
        f"interval. {beyond_chance(table)} An association, not a cause."
    )
