"""The map of the texts: texts with words in common stand near each other; a lasso selects rows."""

from typing import Any

import pandas as pd
import streamlit as st

from finsent.charts.data import map_figure
from finsent.data.text_map import LAID_OUT, text_map
from finsent.errors import FinsentError
from pages.dataset.rows import PAGE_ROWS, open_row, shown_columns
from pages.shared.ui import csv_button, opened_place, say_cut, show_error

_COLOURED_BY = ("label", "split", "source")


@st.cache_resource(max_entries=3, show_spinner="Drawing the map …")
def map_of(fingerprint: str, _rows: pd.DataFrame) -> pd.DataFrame:
    return text_map(_rows["text"])


@st.cache_resource(max_entries=6, show_spinner=False)
def figure_of(fingerprint: str, by: str, _table: pd.DataFrame) -> Any:
    return map_figure(_table, by)


@st.fragment
def show_map(fingerprint: str, rows: pd.DataFrame) -> None:
    try:
        places = map_of(fingerprint, rows)
    except FinsentError as error:
        show_error(error)
        return
    by = st.segmented_control(
        "Coloured by", _COLOURED_BY, default="label", required=True, key="map-by", bind="query-params"
    )
    table = rows.assign(x=places["x"].to_numpy(), y=places["y"].to_numpy())
    state = st.plotly_chart(
        figure_of(fingerprint, by, table),
        key="map",
        on_select="rerun",
        selection_mode=("lasso", "box", "points"),
        config={"displaylogo": False, "scrollZoom": True},
    )
    laid = "" if len(rows) <= LAID_OUT else f" {LAID_OUT:,} of them are laid out, and each other one among its nearest."
    st.caption(
        f"Texts with words in common stand near each other (tf-idf, SVD, t-SNE; seeded), n = {len(rows):,}.{laid} Axes "
        "have no unit, and distances across the map mean little. Draw a line around texts to list them."
    )
    _selected(rows, [str(point["customdata"]) for point in state.selection.points if point.get("customdata")])


def _selected(rows: pd.DataFrame, ids: list[str]) -> None:
    if not ids:
        return
    found = rows[rows["row_id"].isin(ids)]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(found):,}** of {len(rows):,} rows are selected. Choose one to open it.", width="content")
        csv_button("Download as CSV", found[[*shown_columns(rows), "answers"]], "finsent_selected.csv", key="csv-map")
    shown = found.head(PAGE_ROWS)
    state = st.dataframe(
        shown[shown_columns(rows)],
        hide_index=True,
        height=min(423, 38 + 35 * len(shown)),
        key=f"selected-{pd.util.hash_pandas_object(shown['row_id'], index=False).sum()}",
        on_select="rerun",
        selection_mode=["single-row", "single-cell"],
        column_config={"text": st.column_config.TextColumn(width="large")},
    )
    say_cut(PAGE_ROWS, len(found))
    if (place := opened_place(state)) is not None:
        st.query_params["row"] = shown["row_id"].iloc[place]
        open_row(rows, shown.iloc[place], key="map-model")
