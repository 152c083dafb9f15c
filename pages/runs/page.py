"""Runs: the history, one run's record, several runs laid over one another."""

import pandas as pd
import streamlit as st

from finsent.charts.training import TAG_TITLES, overlay_figure
from finsent.errors import RunError
from finsent.report.export import export_archive
from finsent.runs.curves import curve
from finsent.runs.damage import damaged_files
from finsent.runs.deletion import delete_run
from finsent.runs.history import (
    NAME_LENGTH,
    NOTE_LENGTH,
    describe_run,
    folder_bytes,
    history_table,
    provenance_table,
    settings_table,
)
from finsent.runs.store import Run, default_runs_dir
from finsent.sizes import size_words
from pages.runs.bring_in import show_bring_in
from pages.runs.chain import opened_by_link, show_chain
from pages.runs.damaged import show_damaged
from pages.runs.export import show_export
from pages.runs.several import show_several
from pages.shared import places
from pages.shared.access import action
from pages.shared.choose_run import carried_run, remember_run
from pages.shared.opened import followed, opened_places, say_in_address
from pages.shared.pressed import end_here
from pages.shared.run_parts import (
    curve_reader,
    progress_words,
    safe_title,
    show_outcome,
    show_remarks,
    state_badge,
    took,
)
from pages.shared.runs_now import damaged_now, named_run, runs_now
from pages.shared.ui import csv_button, page_head, plain_markdown, show_chart, show_table, user_errors, what_is

MOST_SIDE_BY_SIDE = 6
#: Not widgets' keys: which runs are ticked, and how many links on this page were followed.
_TICKED, _TABLE = "history-ticked", "history-table"
#: The columns of the history, with their widths in pixels: what matters stands first and is in view at 1440.
COLUMNS = {
    "name": st.column_config.TextColumn(width=200),
    "accuracy before": st.column_config.NumberColumn("accuracy", format="percent", width=66),
    "accuracy after": st.column_config.NumberColumn("→ after", format="percent", width=62),
    "neutral as positive before": st.column_config.NumberColumn("neutral +", format="percent", width=72),
    "neutral as positive after": st.column_config.NumberColumn("→ after", format="percent", width=62),
    "n": st.column_config.NumberColumn("n", width=46, help="Test rows that both models were judged on."),
    "created": st.column_config.DatetimeColumn("date (UTC)", format="DD MMM HH:mm", width=96),
    "seed": st.column_config.NumberColumn(format="%d", width=50),
    "learning rate": st.column_config.NumberColumn("rate", format="%g", width=60, help="Learning rate."),
    "changed": st.column_config.TextColumn("differs from its recipe", width=170),
    "state": st.column_config.TextColumn(width=76),
    "time": st.column_config.TextColumn(width=90),
    "steps": st.column_config.NumberColumn(width=50),
    "data": st.column_config.TextColumn(width=180),
    "model": st.column_config.TextColumn(width=180),
    "note": st.column_config.TextColumn(width=180),
    "run": st.column_config.TextColumn("id", width=170),
}


def choose(runs: list[Run]) -> list[Run]:
    """Show the history and return the chosen runs, in the order of the table."""
    table = history_table(runs)
    table["time"] = [took(run) for run in runs]
    # Rows are chosen by their place, which a new run moves: each list of runs is a table of its own.
    ids, wanted = [run.id for run in runs], ticked(runs)
    table_number = st.session_state.get(_TABLE, 0)
    start = [place for place, ident in enumerate(ids) if ident in wanted]
    key = f"history-{table_number}-{hash(tuple(ids))}"
    event = st.dataframe(
        table.round({name: 3 for name in COLUMNS if name.endswith(("before", "after"))}),
        hide_index=True,
        placeholder="–",
        key=key,
        on_select="rerun",
        selection_mode=["multi-row", "single-cell"],
        selection_default={"selection": {"rows": start}} if start else None,
        column_order=list(COLUMNS),
        column_config=COLUMNS,
    )
    csv_button("Download this history as CSV", table, "finsent-runs.csv")
    st.caption(
        "Accuracy, and the share of neutral texts called positive (neutral +): of the baseline, and after fine-tuning, "
        "over three classes on each run's own n test rows. Choose a run to open it, or tick several to compare them."
    )
    chosen = [runs[row] for row in opened_places(event, key) if row < len(runs)]
    st.session_state[_TICKED] = [run.id for run in chosen]
    say_in_address("run", [run.id for run in chosen])
    if len(chosen) == 1:
        remember_run(chosen[0].id)
    return chosen


def ticked(runs: list[Run]) -> list[str]:
    """Return the ids of the runs to tick: those that a link opens or the address asks for, else as they were.

    Where one run was ticked, or nobody has ticked one yet, that is the run that was chosen on another page. The ticks
    of a table outlast a link on this page, so that each one takes a new table.
    """
    opened, asked = opened_by_link(), followed("run")
    if opened:
        st.session_state[_TABLE] = st.session_state.get(_TABLE, 0) + 1
    if asked_for := named(opened or asked):
        return asked_for
    ticks: list[str] | None = st.session_state.get(_TICKED)
    carried = carried_run(runs, lambda run: True) if ticks is None or len(ticks) == 1 else None
    return [carried.id] if carried else ticks or []


def named(asked: list[str]) -> list[str]:
    """Return the ids of the runs that an address asks for; say what is not there."""
    ids = []
    for words in asked:
        try:
            ids.append(named_run(words).id)
        except RunError as error:
            st.warning(plain_markdown(str(error)), icon=":material/search_off:")
    return ids


def show_record(run: Run) -> None:
    """Show one run: where it stands, its figures, where to go from here, and everything that it recorded."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(safe_title(run), anchor=False, width="content")
            state_badge(run)
        so_far = f", {'after ' if run.active else ''}{took(run)}" if took(run) else ""
        st.caption(f"Run {plain_markdown(run.id)}, {progress_words(run)}{so_far}.")
        show_chain(run)
        show_remarks(run)
        if run.error:
            st.text(run.error)
        for words in damaged_files(run):
            st.warning(plain_markdown(words), icon=":material/broken_image:")
        show_outcome(run)
        links(run)
        describe(run)
        show_export(run)
        settings, record = st.tabs(["Settings", "Data, model, versions, hardware"], key="record", bind="query-params")
        with settings:
            show_table(settings_table(run), "settings")
            st.caption("A setting that was changed shows the recipe's own value beside it.")
        with record:
            show_table(provenance_table(run), "provenance")


def links(run: Run) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        here = {"run": run.id}
        st.page_link(
            places.TRAIN,
            label="Curves, log, resume" if run.resumable else "Curves and log",
            icon=":material/show_chart:",
            query_params=here,
        )
        st.page_link(
            places.TRAIN,
            label="Duplicate with changes",
            icon=":material/content_copy:",
            query_params={"like": run.id},
        )
        st.page_link(
            places.COMPARE,
            label="Compare",
            icon=":material/grid_on:",
            query_params=here,
            disabled=not run.has_comparison,
        )
        st.download_button(
            "Adapter (zip)",
            lambda: export_archive(run, "adapter"),
            f"finsent-adapter-{run.id}.zip",
            "application/zip",
            icon=":material/download:",
            disabled=not run.has_adapter,
            on_click="ignore",
        )
        st.download_button(
            "run.json",
            run.model_dump_json(indent=2),
            f"run-{run.id}.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
        )
        delete_button(run)


def delete_button(run: Run) -> None:
    with st.popover("Delete", icon=":material/delete:", disabled=run.active):
        st.markdown(
            f"Delete run {plain_markdown(run.id)} with its adapter, predictions and curves "
            f"({size_words(folder_bytes(run))})? This cannot be undone."
        )
        if action(st.button, "Yes, delete it", type="primary", key=f"delete-{run.id}"):
            with user_errors():
                delete_run(default_runs_dir(), run.id)
            st.session_state[_TICKED] = []
            say_in_address("run", [])
            st.rerun()


def describe(run: Run) -> None:
    with st.form(f"describe-{run.id}", border=False):
        name_side, note_side, save_side = st.columns([2, 4, 1], vertical_alignment="bottom")
        name = name_side.text_input("Name", run.name, max_chars=NAME_LENGTH)
        note = note_side.text_input("Note", run.note, max_chars=NOTE_LENGTH)
        if action(save_side.form_submit_button, "Save", key=f"save-{run.id}"):
            with user_errors():
                describe_run(run, name, note)
            st.rerun()


def lay_over(runs: list[Run]) -> None:
    """Show one quantity of several runs in one chart."""
    st.subheader("Curves laid over one another", anchor=False)
    curves = {f"{run.title} ({run.id[-6:]})": curve_reader(str(run.folder)).refresh() for run in runs}
    tags = [tag for tag in TAG_TITLES if any(len(curve(table, tag)) for table in curves.values())]
    if not tags:
        st.info("None of these runs has logged a point yet.")
        return
    tag = st.selectbox("Quantity", tags, format_func=TAG_TITLES.__getitem__, key="quantity", bind="query-params")
    parts = [curve(table, tag).assign(run=title) for title, table in curves.items()]
    points = pd.concat(parts)[["run", "step", "value"]]
    counts = "; ".join(f"{plain_markdown(title)}: {len(part)}" for title, part in zip(curves, parts, strict=True))
    show_chart(overlay_figure(curves, tag), f"{TAG_TITLES[tag]} at each logged step. Points: {counts}.", points)


page_head("Runs", "Every run that was started on this machine, with its settings and its figures.")
history = runs_now()
if not history:
    st.info("There is no run yet. Launch the first one, it takes a few minutes.", icon=":material/info:")
    st.page_link(places.TRAIN, label="Go to Train", icon=":material/play_circle:")
    show_bring_in()
    show_damaged(damaged_now())
    end_here()
what_is("accuracy", "neutral called positive", "adapter", "split")
chosen = choose(history)
if len(chosen) == 1:
    show_record(chosen[0])
elif chosen:
    if len(chosen) > MOST_SIDE_BY_SIDE:
        st.info(f"The first {MOST_SIDE_BY_SIDE} chosen runs are shown.")
    show_several(chosen[:MOST_SIDE_BY_SIDE])
    lay_over(chosen[:MOST_SIDE_BY_SIDE])
show_bring_in()
show_damaged(damaged_now())
