"""What places the texts of the map: their words, or how a base model reads them, computed in a process of its own."""

import pandas as pd
import streamlit as st

from finsent.cost.estimate import in_words
from finsent.data.text_map import LAID_OUT, text_map, vector_map
from finsent.errors import FinsentError
from finsent.evaluation.states_work import StatesWork, cancel_states, estimated_seconds, start_states, states_work
from finsent.evaluation.text_states import ModelReading, model_reading, read_states, states_file
from finsent.inference.states import MOST_TOKENS
from finsent.models.base import EMBEDDED, MODELS, resolve_model
from finsent.runs.cores import cores_left_by
from finsent.runs.store import default_runs_dir
from pages.shared.access import action
from pages.shared.hub_facts import show_model_facts
from pages.shared.runs_now import runs_now
from pages.shared.typed import chosen, may_read
from pages.shared.ui import plain_markdown, show_error

PLACED_BY = {"words": "words", "states": "a model's hidden states"}


@st.cache_resource(max_entries=3, show_spinner="Drawing the map …")
def words_map(fingerprint: str, _rows: pd.DataFrame) -> pd.DataFrame:
    return text_map(_rows["text"])


@st.cache_resource(max_entries=3, show_spinner="Drawing the map …")
def states_map(file: str, changed: int, _reading: ModelReading, _rows: pd.DataFrame) -> tuple[pd.DataFrame | None, str]:
    """Return where the texts stand by the states that a file keeps, or None with what is wrong with it."""
    states, why = read_states(_reading, default_runs_dir())
    return (None, why) if states is None else (vector_map(states, _rows.index), "")


def placed(fingerprint: str, rows: pd.DataFrame) -> tuple[pd.DataFrame, str] | None:
    """Let the visitor choose what places the texts; return rows with ``x`` and ``y``, and what the map shows.

    None where they have no places yet: then it is shown what is missing.

    Raises:
        FinsentError: they cannot have places, or the model cannot be used.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        by = st.segmented_control(
            "Placed by",
            list(PLACED_BY),
            default="words",
            required=True,
            format_func=PLACED_BY.get,
            key="map-place",
            bind="query-params",
        )
        model = _choose_model() if by == "states" else EMBEDDED
    if by == "words":
        said = f"Texts with words in common stand near each other (tf-idf, SVD, t-SNE; seeded), n = {len(rows):,}."
        return _with_places(rows, words_map(fingerprint, rows), said)
    if not may_read(model=model) or not show_model_facts(model):
        return None
    some, reading = model_reading(rows, model)
    file = states_file(reading, default_runs_dir())
    places, why = states_map(str(file), file.stat().st_mtime_ns, reading, some) if file.is_file() else (None, "")
    if places is None and resolve_model(model).path is None:
        st.caption("This model is not on this machine yet. Once it is fetched, it can read the texts.")
        return None
    if places is None:
        _offer(reading, why, len(rows))
        return None
    drawn = "" if len(some) == len(rows) else f" of {len(rows):,} texts, drawn with a seed"
    said = (
        f"Texts that {plain_markdown(MODELS.get(model, model))} reads alike stand near each other: the mean of its "
        f"last hidden layer over a text's tokens, the first {MOST_TOKENS} at most, each text read by itself without a "
        f"prompt (PCA, t-SNE; seeded), n = {len(some):,}{drawn}."
    )
    return _with_places(some, places, said)


def _choose_model() -> str:
    return st.selectbox(
        "Base model",
        list(MODELS),
        format_func=lambda name: MODELS.get(name, name),
        accept_new_options=True,
        key="map-model",
        bind="query-params",
        on_change=chosen,
        args=("map-model",),
        help="Choose one, or type a name on the model hub (owner/name), or the path of a model folder.",
        width=330,
    )


def _with_places(rows: pd.DataFrame, places: pd.DataFrame, said: str) -> tuple[pd.DataFrame, str]:
    if len(rows) > LAID_OUT:
        said += f" {LAID_OUT:,} of them are laid out, and each other one among its nearest."
    return rows.assign(x=places["x"].to_numpy(), y=places["y"].to_numpy()), said


def _offer(reading: ModelReading, damaged: str, of: int) -> None:
    """Show the work that goes on, or offer to start it."""
    work = states_work(default_runs_dir())
    if work is not None and work.alive:
        st.fragment(_watch, run_every="2s")(reading)
        return
    if damaged:
        words = f"What was kept of these texts is not used: {damaged}. It has to be computed again."
        st.warning(plain_markdown(words), icon=":material/warning:")
    if work is not None and work.error and work.is_of(reading):
        st.error(plain_markdown(work.error), icon=":material/error:")
    drawn = "" if len(reading.texts) == of else f" of {of:,}, drawn with a seed,"
    seconds = estimated_seconds(reading, runs_now(), default_runs_dir())
    takes = "How long that takes, its first texts tell" if seconds is None else f"That takes about {in_words(seconds)}"
    st.markdown(
        f"The model has to read {len(reading.texts):,} texts{drawn} once, in a process of its own that goes on when "
        f"you leave. {takes}."
    )
    if beside := cores_left_by(runs_now()).words:
        st.caption(beside)
    if action(st.button, "Let it read them", type="primary", icon=":material/play_arrow:", key="map-start"):
        try:
            start_states(reading, default_runs_dir())
        except FinsentError as error:
            show_error(error)
            return
        st.rerun()


def _watch(reading: ModelReading) -> None:
    """Show how far the work is, and the map once it has ended."""
    work = states_work(default_runs_dir())
    if work is None or not work.alive:
        st.rerun()
    if not work.is_of(reading):
        st.markdown("A model reads other texts for a map now. One works at a time.")
    st.progress(work.done / max(work.total, 1), text=_progress_words(work))
    if action(st.button, "Cancel", icon=":material/stop_circle:", key="map-cancel"):
        try:
            cancel_states(default_runs_dir())
        except FinsentError as error:
            show_error(error)
            return
        st.rerun()


def _progress_words(work: StatesWork) -> str:
    if not work.total:
        return f"Loading the model to read {work.n:,} texts …"
    left = work.seconds_left
    words = f"{work.done:,} of {work.total:,} tokens of {work.n:,} texts"
    return words if left is None else f"{words}, about {in_words(left)} left"
