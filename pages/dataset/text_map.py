"""The map of the texts: those that are alike stand near each other, coloured by what is known; a lasso selects rows."""

from typing import Any

import pandas as pd
import streamlit as st

from finsent.charts.text_map import COLOURED_BY, map_figure
from finsent.errors import FinsentError
from finsent.evaluation.row_answers import ANSWERS, NO_ANSWER, sets_on, with_answers
from finsent.runs.evaluated_sets import judged_files
from finsent.runs.store import Run
from pages.dataset.placed import placed
from pages.dataset.rows import PAGE_ROWS, open_row, shown_columns
from pages.shared import places
from pages.shared.choose_run import choose_run
from pages.shared.opened import OPENS, opened_place
from pages.shared.pressed import fragment
from pages.shared.run_parts import safe_title
from pages.shared.runs_now import runs_now
from pages.shared.ui import choose_one, csv_button, say_cut, show_error, what_is


@st.cache_resource(max_entries=6, show_spinner=False)
def figure_of(by: str, drawn: int, _table: pd.DataFrame) -> Any:
    # Places change with the model and answers with the run, so what is drawn is the key.
    return map_figure(_table, by)


@st.cache_resource(max_entries=4, show_spinner="Reading the predictions …")
def answered(fingerprint: str, key: tuple[int, str, tuple[int, ...]], _rows: pd.DataFrame, _run: Run) -> pd.DataFrame:
    """Return rows with a run's answers; ``key`` has the rows' hash, the run, and when its files were written."""
    return with_answers(_rows, _run, fingerprint)


@fragment
def show_map(fingerprint: str, rows: pd.DataFrame) -> None:
    try:
        found = placed(fingerprint, rows)
        if found is None:
            return
        table, said = found
        by = choose_one("Coloured by", COLOURED_BY, "label", "map-by")
        if by in ANSWERS:
            table = _answered(fingerprint, table)
    except FinsentError as error:
        show_error(error)
        return
    drawn = _hash(table[["row_id", "text", "x", "y", by]])
    state = st.plotly_chart(
        figure_of(by, drawn, table),
        # Other places are another map, in which an older view shows nothing.
        key=f"map-{_hash(table[['x', 'y']])}",
        on_select="rerun",
        selection_mode=("lasso", "box", "points"),
        config={"displaylogo": False, "scrollZoom": True},
    )
    st.caption(
        f"{said} Axes have no unit, and distances across the map mean little. Draw a line around texts to list them."
    )
    _selected(table, [str(point["customdata"]) for point in state.selection.points if point.get("customdata")])


def _hash(table: pd.DataFrame) -> int:
    """Return a hash of rows with all that stands in them."""
    return int(pd.util.hash_pandas_object(table, index=False).sum())


def _answered(fingerprint: str, table: pd.DataFrame) -> pd.DataFrame:
    """Let the visitor choose one of the runs that were judged on rows of these data; return what it says of them."""
    runs = [run for run in runs_now() if sets_on(run, fingerprint)]
    run: Run | None = None
    if runs:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            run = choose_run(runs, lambda run: True)
            what_is("baseline", "split")
    else:
        st.caption(
            "No run was judged on rows of these very data, so there is no prediction to show. Train one on them, or "
            "judge one on them, on the command line: python -m finsent evaluate RUN --data FILE."
        )
        st.page_link(places.TRAIN, label="Launch a run", icon=":material/play_circle:")
    try:
        if run is not None:
            placed_rows = _hash(table[["row_id", "x", "y"]])
            table = answered(fingerprint, (placed_rows, run.id, _written(run, fingerprint)), table, run)
    except FinsentError as error:
        # Without its answers, the map is still there.
        show_error(error)
        run = None
    if run is None:
        table = with_answers(table, None, fingerprint)
    if run is not None:
        known = table[table["tuned"] != NO_ANSWER]
        counts = known["split"].value_counts()
        st.caption(
            f"{safe_title(run)} has predictions of {len(known):,} of {len(table):,} rows: "
            + ", ".join(f"{count:,} of the {split} split" for split, count in counts.items())
            + ". Before is the baseline, after the fine-tuned model. Fixed: only the baseline gets it wrong. Broken: "
            "only the fine-tuned model gets it wrong. The grey points were not answered."
        )
    return table


def _written(run: Run, fingerprint: str) -> tuple[int, ...]:
    """Return when the files of a run's answers to these data were written, 0 for one that is not there."""
    files = [file for one in sets_on(run, fingerprint) for file in judged_files(run, one)]
    return tuple(file.stat().st_mtime_ns if file.is_file() else 0 for file in files)


def _selected(rows: pd.DataFrame, ids: list[str]) -> None:
    if not ids:
        # The row that the address names, as somebody has sent it.
        linked = rows[rows["row_id"] == st.query_params.get("row")]
        if len(linked):
            open_row(rows, linked.iloc[0], key="map-model")
        return
    found = rows[rows["row_id"].isin(ids)]
    columns = [*shown_columns(rows), *(name for name in ANSWERS if name in rows)]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(found):,}** of {len(rows):,} rows are selected. Choose one to open it.", width="content")
        csv_button("Download as CSV", found[[*columns, "answers"]], "finsent_selected.csv", key="csv-map")
    shown = found.head(PAGE_ROWS)
    key = f"selected-{pd.util.hash_pandas_object(shown['row_id'], index=False).sum()}"
    state = st.dataframe(
        shown[columns],
        hide_index=True,
        height=min(423, 38 + 35 * len(shown)),
        key=key,
        on_select="rerun",
        selection_mode=OPENS,
        column_config={
            "text": st.column_config.TextColumn(width="large"),
            **{name: COLOURED_BY[name] for name in ANSWERS},
        },
    )
    say_cut(PAGE_ROWS, len(found))
    if (place := opened_place(state, key)) is not None:
        st.query_params["row"] = shown["row_id"].iloc[place]
        open_row(rows, shown.iloc[place], key="map-model")
