"""One neutral text opened: all of it, what both models say, and what training said of texts like it."""

import pandas as pd
import streamlit as st

from finsent.annotations import NOTE_LENGTH, TAGS_EACH, Annotation, annotate, known_tags
from finsent.charts_neutral import probability_figure
from finsent.errors import FinsentError
from finsent.inspection import item_probabilities, training_rows
from finsent.neighbours import Neighbours
from finsent.runs import Run
from pages._ui import plain_markdown, show_chart

NEIGHBOURS = 6


@st.cache_resource(max_entries=2, show_spinner="Indexing the training texts …")
def neighbours_of(_run: Run, folder: str) -> Neighbours:
    """Return the index of a run's training texts; the folder says which."""
    return Neighbours(training_rows(_run))


def show_item(run: Run, item: pd.Series, annotations: dict[str, Annotation]) -> None:
    """Show one item of :func:`finsent.inspection.neutral_items`, with a form for its tags and note."""
    with st.container(border=True):
        st.text(item["text"])
        details = [part for part in (item["topic"].replace("_", " "), item["source"], f"row {item['row_id']}") if part]
        st.caption(plain_markdown(" · ".join([item["outcome"], *details])))
        st.markdown(
            f"Gold **{item['gold']}**. Baseline **{item['baseline']}** ({item['baseline confidence']:.0%}), "
            f"fine-tuned **{item['tuned']}** ({item['tuned confidence']:.0%})."
        )
        show_chart(
            probability_figure(item_probabilities(item, "baseline"), item_probabilities(item, "tuned")),
            "The probability of each label within the answers that the prompt allows.",
            key="item-probabilities",
        )
        show_neighbours(run, item)
        show_annotation(run, item["row_id"], annotations)


def show_neighbours(run: Run, item: pd.Series) -> None:
    st.markdown("**Most similar training texts**")
    try:
        found = neighbours_of(run, str(run.folder)).of(item["text"], NEIGHBOURS)
    except FinsentError as error:
        st.info(plain_markdown(str(error)))
        return
    if found.empty:
        st.info("No training text shares a word with this one.")
        return
    st.dataframe(
        found,
        hide_index=True,
        column_order=["label", "similarity", "text", "row_id"],
        column_config={
            "similarity": st.column_config.NumberColumn(format="%.2f"),
            "text": st.column_config.TextColumn(width="large"),
            "row_id": st.column_config.TextColumn("row"),
        },
    )
    counts = ", ".join(f"{count} {label}" for label, count in found["label"].value_counts().items())
    st.caption(
        f"By tf-idf cosine (1: the same known words): {counts}. What the model was taught about texts like this one."
    )


def show_annotation(run: Run, row_id: str, annotations: dict[str, Annotation]) -> None:
    """Show the tags and the note of a text, to be changed; they are saved in the run's folder."""
    own = annotations.get(row_id)
    with st.form(f"annotate-{run.id}-{row_id}", border=False):
        tags = st.multiselect(
            "Tags",
            known_tags(annotations),
            default=own.tags if own else [],
            accept_new_options=True,
            max_selections=TAGS_EACH,
            placeholder="Choose, or type a new one",
            key=f"tags-{run.id}-{row_id}",
        )
        note = st.text_area(
            "Note", own.note if own else "", max_chars=NOTE_LENGTH, height=80, key=f"note-{run.id}-{row_id}"
        )
        if not st.form_submit_button("Save tags and note", icon=":material/bookmark:"):
            return
    try:
        annotate(run, row_id, tags, note)
    except FinsentError as error:
        st.error(plain_markdown(str(error)), icon=":material/error:")
        return
    st.rerun()
