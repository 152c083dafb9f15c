"""What places the texts of the map: their words, or how a base model reads them, computed in a process of its own."""

import pandas as pd
import streamlit as st

from finsent.data.text_map import LAID_OUT, text_map, vector_map
from finsent.evaluation.text_states import ModelReading, model_reading, read_states, states_file
from finsent.inference.states import MOST_TOKENS
from finsent.models.base import EMBEDDED, MODELS, resolve_model
from finsent.runs.store import default_runs_dir
from pages.shared.hub_facts import show_model_facts
from pages.shared.reading import show_reading
from pages.shared.typed import chosen, may_read
from pages.shared.ui import choose_one, plain_markdown

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
        by = choose_one("Placed by", PLACED_BY, "words", "map-place")
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
        show_reading(reading, len(rows), why)
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
