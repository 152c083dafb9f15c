"""Runs: the history, one run's record, several runs laid over one another."""

import pandas as pd
import streamlit as st

from finsent.charts_train import TAG_TITLES, overlay_figure
from finsent.history import (
    NAME_LENGTH,
    NOTE_LENGTH,
    adapter_archive,
    describe_run,
    folder_bytes,
    history_table,
    provenance_table,
    settings_table,
)
from finsent.runs import Run, default_runs_dir, delete_run, list_runs
from finsent.telemetry import curve
from pages._run_parts import curve_reader, outcome, progress_words, safe_title, state_badge, took
from pages._ui import page_head, plain_markdown, show_chart, user_errors, what_is

MOST_LAID_OVER = 6
PERCENT = st.column_config.NumberColumn(format="percent")


def choose(runs: list[Run]) -> list[Run]:
    """Show the history and return the chosen runs, in the order of the table."""
    table = history_table(runs)
    table["time"] = [took(run) for run in runs]
    # Rows are chosen by their place, which a new run moves: each list of runs is a table of its own, and the address
    # keeps which ones are chosen.
    ids, wanted = [run.id for run in runs], st.query_params.get_all("run")
    start = [place for place, ident in enumerate(ids) if ident in wanted]
    event = st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        key=f"history-{hash(tuple(ids))}",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": start}} if start else None,
        column_order=[
            "name",
            "state",
            "recipe",
            "data",
            "model",
            "steps",
            "time",
            "accuracy before",
            "accuracy after",
            "neutral as positive before",
            "neutral as positive after",
            "n",
            "created",
            "run",
            "note",
        ],
        column_config={
            "accuracy before": PERCENT,
            "accuracy after": PERCENT,
            "neutral as positive before": PERCENT,
            "neutral as positive after": PERCENT,
            "n": st.column_config.NumberColumn("test rows (n)"),
            "created": st.column_config.DatetimeColumn("created (UTC)", format="YYYY-MM-DD HH:mm"),
        },
    )
    st.caption(
        "Accuracy and the share of neutral texts called positive, of the base model (before) and of the fine-tuned one "
        "(after), over three classes on each run's own test rows. Tick one run to open it, or several to lay their "
        "curves over one another."
    )
    chosen = [runs[row] for row in event.selection.rows if row < len(runs)]
    st.query_params["run"] = [run.id for run in chosen]
    return chosen


def show_record(run: Run) -> None:
    """Show one run: where it stands, its figures, where to go from here, and everything that it recorded."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(safe_title(run), anchor=False, width="content")
            state_badge(run)
        st.caption(f"Run {run.id}, {progress_words(run)}" + (f", {took(run)}" if took(run) else "") + ".")
        if run.error:
            st.text(run.error)
        figures = outcome(run)
        if figures:
            st.markdown(figures)
        links(run)
        describe(run)
        settings, record = st.tabs(["Settings", "Data, model, versions, hardware"])
        settings.dataframe(settings_table(run), hide_index=True)
        settings.caption("A setting that was changed shows the recipe's own value beside it.")
        record.dataframe(provenance_table(run), hide_index=True)


def links(run: Run) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        here = {"run": run.id}
        st.page_link(
            "pages/train.py",
            label="Curves, log, resume" if run.resumable else "Curves and log",
            icon=":material/show_chart:",
            query_params=here,
        )
        st.page_link(
            "pages/train.py",
            label="Duplicate with changes",
            icon=":material/content_copy:",
            query_params={"like": run.id},
        )
        st.page_link(
            "pages/compare.py",
            label="Compare",
            icon=":material/grid_on:",
            query_params=here,
            disabled=not run.has_comparison,
        )
        st.download_button(
            "Adapter (zip)",
            lambda: adapter_archive(run),
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
            f"Delete run {run.id} with its adapter, predictions and curves ({folder_bytes(run) / 2**20:.1f} MB)? "
            "This cannot be undone."
        )
        if st.button("Yes, delete it", type="primary", key=f"delete-{run.id}"):
            with user_errors():
                delete_run(default_runs_dir(), run.id)
            st.query_params.pop("run", None)
            st.rerun()


def describe(run: Run) -> None:
    with st.form(f"describe-{run.id}", border=False):
        name_side, note_side, save_side = st.columns([2, 4, 1], vertical_alignment="bottom")
        name = name_side.text_input("Name", run.name, max_chars=NAME_LENGTH)
        note = note_side.text_input("Note", run.note, max_chars=NOTE_LENGTH)
        if save_side.form_submit_button("Save"):
            with user_errors():
                describe_run(run, name, note)
            st.rerun()


def lay_over(runs: list[Run]) -> None:
    """Show one quantity of several runs in one chart."""
    st.subheader("Laid over one another", anchor=False)
    if len(runs) > MOST_LAID_OVER:
        st.info(f"The first {MOST_LAID_OVER} chosen runs are shown.")
    curves = {f"{run.title} ({run.id[-6:]})": curve_reader(str(run.folder)).refresh() for run in runs[:MOST_LAID_OVER]}
    tags = [tag for tag in TAG_TITLES if any(len(curve(table, tag)) for table in curves.values())]
    if not tags:
        st.info("None of these runs has logged a point yet.")
        return
    tag = st.selectbox("Quantity", tags, format_func=TAG_TITLES.get, key="quantity", bind="query-params")
    parts = [curve(table, tag).assign(run=title) for title, table in curves.items()]
    points = pd.concat(parts)[["run", "step", "value"]]
    counts = "; ".join(f"{plain_markdown(title)}: {len(part)}" for title, part in zip(curves, parts, strict=True))
    show_chart(overlay_figure(curves, tag), f"{TAG_TITLES[tag]} at each logged step. Points: {counts}.", points)


page_head("Runs", "Every run that was started on this machine, with its settings and its figures.")
history = list_runs(default_runs_dir())
if not history:
    st.info("There is no run yet. Launch the first one, it takes a few minutes.", icon=":material/info:")
    st.page_link("pages/train.py", label="Go to Train", icon=":material/play_circle:")
    st.stop()
what_is("accuracy", "neutral called positive", "adapter", "split")
chosen = choose(history)
if len(chosen) == 1:
    show_record(chosen[0])
elif chosen:
    lay_over(chosen)
