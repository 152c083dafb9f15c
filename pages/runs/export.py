"""A run for use elsewhere: as an adapter, a merged model, a notebook, or a model card."""

from pathlib import Path

import pandas as pd
import streamlit as st

from finsent.errors import ExportError, FinsentError
from finsent.files import check_within_roots
from finsent.report.export import FORMS, export_archive, export_run
from finsent.report.merged import read_certificate
from finsent.runs.store import Run
from pages.shared.access import action
from pages.shared.begun import Begun, begun
from pages.shared.ui import on_demand, plain_markdown, show_error, show_table

#: Too large to be downloaded through a browser.
_MERGED = "merged"


def show_export(run: Run) -> None:
    """Show the forms that a run can be taken out in, where it has an adapter to take."""
    if run.has_adapter:
        works, key = begun(), f"export-{run.id}"
        on_demand("Use it elsewhere", lambda: _forms(run, works, key), key=key, icon=":material/outbox:")
        merged = works.outcome(key, "Merging, and comparing its answers with the run's")
        if merged is not None:
            st.success(f"Written to {plain_markdown(str(merged[0]))}.", icon=":material/check:")
            _certificate(merged[1])


def _forms(run: Run, works: Begun, key: str) -> None:
    form = st.radio("Form", list(FORMS), horizontal=True, key=f"export-form-{run.id}")
    st.caption(
        f"{FORMS[form][:1].upper()}{FORMS[form][1:]}. Nothing in it needs finsent or names a path of this machine."
    )
    if form != _MERGED:
        try:
            content = export_archive(run, form)
        except FinsentError as error:
            show_error(error)
            return
        name = f"finsent-{form}-{run.id}.zip"
        st.download_button(
            "Download as zip", content, name, "application/zip", icon=":material/download:", on_click="ignore"
        )
        return
    folder = st.text_input(
        "Folder on this machine",
        placeholder="a folder that is not there yet",
        key=f"export-folder-{run.id}",
        help="It is as large as the base model in 16 bits.",
    )
    disabled = not folder.strip() or works.busy(key)
    if action(st.button, "Merge and write", disabled=disabled, key=f"export-write-{run.id}"):
        works.begin(key, lambda: _merge(run, folder))


def _merge(run: Run, folder: str) -> tuple[Path, list[dict[str, object]]]:
    check_within_roots(folder, ExportError, "folder")
    written = export_run(run, _MERGED, folder)
    return written, read_certificate(written)


def _certificate(certificate: list[dict[str, object]]) -> None:
    table = pd.DataFrame(certificate).drop(columns=["warning", "agreement_ci"])
    show_table(table.rename(columns=lambda name: str(name).replace("_", " ")), "equivalence certificate")
    st.caption(
        f"The run's own answers beside other ways to use it, on {certificate[0]['n']} fixed rows of its test split. "
        "Differences are of a label's log-probability."
    )
    for way in certificate:
        if way["warning"]:
            st.warning(plain_markdown(str(way["warning"])))
