"""One neutral text opened: all of it, what both models say, and what training said of texts like it."""

import pandas as pd
import streamlit as st

from finsent.charts.probabilities import probability_figure
from finsent.data.neighbours import Neighbours
from finsent.errors import FinsentError
from finsent.evaluation.neutral_errors import item_probabilities
from finsent.labels import split_answers
from finsent.runs.annotations import NOTE_LENGTH, TAGS_EACH, Annotation, annotate, known_tags, noted_elsewhere
from finsent.runs.store import Run
from finsent.runs.taught import gaps_sentence, known_rows
from pages.shared.access import action
from pages.shared.run_parts import safe_title
from pages.shared.runs_now import runs_now
from pages.shared.similar import label_counts, show_similar_texts
from pages.shared.ui import plain_markdown, show_chart, show_error
from pages.shared.why import show_why

NEIGHBOURS = 6


@st.cache_resource(max_entries=2, show_spinner="Indexing the training texts …")
def neighbours_of(_run: Run, folder: str) -> tuple[Neighbours, tuple[str, ...]]:
    """Return the index of the texts that a run's adapter has learnt, and which of these are not known."""
    taught, gaps = known_rows(_run)
    return Neighbours(taught), gaps


def show_item(run: Run, item: pd.Series, annotations: dict[str, Annotation]) -> None:
    """Show one item of :func:`finsent.evaluation.neutral_errors.neutral_items`, with a form for its tags and note."""
    with st.container(border=True):
        st.text(item["text"])
        details = [part for part in (item["topic"].replace("_", " "), item["source"], f"row {item['row_id']}") if part]
        st.caption(plain_markdown(" · ".join([item["outcome"], *details])))
        gold, baseline, tuned = (plain_markdown(str(item[name])) for name in ("gold", "baseline", "tuned"))
        st.markdown(
            f"Gold **{gold}**. Baseline **{baseline}** ({item['baseline confidence']:.0%}), "
            f"fine-tuned **{tuned}** ({item['tuned confidence']:.0%})."
        )
        show_chart(
            probability_figure(
                {"baseline": item_probabilities(item, "baseline"), "fine-tuned": item_probabilities(item, "tuned")}
            ),
            "The probability of each label within the answers that the prompt allows.",
            key="item-probabilities",
        )
        why, near, own = st.container(), st.container(), st.container()
        # The slowest last: who saves a tag meanwhile, and goes on, has saved it.
        with own:
            show_annotation(run, item["row_id"], annotations)
        with near:
            show_neighbours(run, item)
        with why:
            show_why(run, item["text"], f"neutral-{item['row_id']}", split_answers(item["answers"]), row=item)


def show_neighbours(run: Run, item: pd.Series) -> None:
    st.markdown("**Most similar training texts**")
    try:
        index, gaps = neighbours_of(run, str(run.folder))
        found = index.of(item["text"], NEIGHBOURS)
    except FinsentError as error:
        st.info(plain_markdown(str(error)))
        return
    if words := gaps_sentence(gaps):
        st.caption(plain_markdown(words))
    if found.empty:
        st.info("No training text shares a word with this one.")
        return
    show_similar_texts(found, "similar")
    st.caption(
        f"By tf-idf cosine (1: the same known words): {label_counts(found)}. What the model was taught about texts "
        "like this one."
    )


def show_annotation(run: Run, row_id: str, annotations: dict[str, Annotation]) -> None:
    """Show the tags and the note of a text, to be changed; they are saved in the run's folder."""
    own = annotations.get(row_id)
    for other, one in noted_elsewhere(run, runs_now(), row_id):
        parts = [f"tagged {', '.join(one.tags)}"] * bool(one.tags) + [f"noted “{one.note}”"] * bool(one.note)
        words = "; ".join(parts)
        st.caption(f"With run **{safe_title(other)}** it is {plain_markdown(words)}.")
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
        if not action(
            st.form_submit_button,
            "Save tags and note",
            key=f"save-{run.id}-{row_id}",
            icon=":material/bookmark:",
        ):
            return
    try:
        annotate(run, row_id, tags, note)
    except FinsentError as error:
        show_error(error)
        return
    st.toast("Saved with the run.", icon=":material/bookmark_added:")
    st.rerun()
