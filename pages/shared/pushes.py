"""Which words push neutral texts towards positive, over a run's validation rows: a part for a page."""

import pandas as pd
import streamlit as st

from finsent.evaluation.neutral_words import apart_from_zero
from finsent.evaluation.pushes import neutral_validation_rows, push_table, texts_with, word_effects
from finsent.labels import split_answers
from finsent.runs.store import Run
from pages.shared.access import action
from pages.shared.models import classifier_of, known_as
from pages.shared.opened import rows_that_open
from pages.shared.ui import csv_button, show_table, user_errors
from pages.shared.why import what_if

#: Not a widget's key: it must outlive a change of page. Whose words the visitor has asked for.
_ASKED = "pushes-asked"


@st.cache_resource(max_entries=4, show_spinner=False)
def _effects(_run: Run, models: tuple[str, str | None, int]) -> pd.DataFrame:
    bar = st.progress(0.0, text="Leaving out each word of each neutral validation text …")

    def report(done: int, total: int) -> None:
        bar.progress(done / total, f"{done:,} of {total:,} texts without a word")

    try:
        return word_effects(classifier_of(_run), neutral_validation_rows(_run), report)
    finally:
        bar.empty()


def show_pushes(run: Run, key: str) -> None:
    """Show a button and, once it was pressed, the words' mean effects before and after, and the texts of one."""
    asked = st.session_state.setdefault(_ASKED, set())
    if known_as(run) not in asked:
        st.caption("Each word of every neutral validation text is left out in turn: a minute or more on two cores.")
        if not action(st.button, "Which words push?", icon=":material/psychology_alt:", key=f"pushes-{key}"):
            return
        asked.add(known_as(run))
    with user_errors():
        effects = _effects(run, known_as(run))
    table = push_table(effects)
    if table.empty:
        st.info("No word stands in three of the neutral validation texts or more.")
        return
    shown = table.rename(columns={name: name.replace("tuned", "fine-tuned") for name in table.columns})
    numbers = [name for name in shown.columns if name not in ("word", "texts")]
    show_table(
        shown,
        f"pushes-{key}",
        height=320,
        column_config={name: st.column_config.NumberColumn(format="%+.2f") for name in numbers},
    )
    # Of the table's intervals it is the fine-tuned model's that are looked at.
    tuned = table.rename(columns={"low": "l", "tuned low": "low", "tuned high": "high"})
    st.caption(
        f"What a word adds to the log-probability of positive, the mean over the neutral validation texts that hold it "
        f"({effects['row_id'].nunique():,} texts; {effects.attrs['left_out']:,} too long), with its 95 % interval "
        f"(Student's t); difference: fine-tuned minus baseline. {apart_from_zero(tuned):,} of {len(table):,} intervals "
        f"of the fine-tuned model leave zero outside; about {0.05 * len(table):.0f} would by chance alone."
    )
    word = st.selectbox("Texts with the word", table["word"].tolist(), key="pushing-word", bind="query-params")
    effects_of = ("baseline", "fine-tuned", "difference")
    texts = texts_with(effects, word).rename(columns={"tuned": "fine-tuned"})
    rows_that_open(
        texts,
        f"with-{word}",
        "pushed-row",
        ["text", *effects_of, "row_id"],
        {name: st.column_config.NumberColumn(format="%+.2f") for name in effects_of},
        lambda row: _show_text(run, row["text"], split_answers(row["answers"])),
    )
    csv_button("Download these texts as CSV", texts, f"texts-with-{run.id}.csv", key="download-pushed")


def _show_text(run: Run, text: str, answers: tuple[str, ...]) -> None:
    st.text(text)
    what_if(run, text, answers)
