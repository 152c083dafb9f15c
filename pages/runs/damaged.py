"""The runs whose record is damaged, copied or of a newer version: what is wrong, what is left, and a way out."""

import pandas as pd
import streamlit as st

from finsent.runs.deletion import delete_run
from finsent.runs.history import folder_bytes, folder_files
from finsent.runs.store import DamagedRun, default_runs_dir, log_tail
from finsent.sizes import size_words
from pages.shared.access import action
from pages.shared.ui import plain_markdown, show_table, user_errors


def show_damaged(damaged: list[DamagedRun]) -> None:
    """Show each damaged run, below the others; nothing where there is none."""
    if not damaged:
        return
    st.subheader("Not readable", anchor=False)
    st.caption("These folders stand among the runs, but their records cannot be used. They take part in nothing else.")
    for run in damaged:
        with st.container(border=True):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{plain_markdown(run.id)}**", width="content")
                st.badge(run.state, icon=":material/broken_image:", color="red")
                _delete_button(run)
            st.text(run.problem)
            with st.expander("Its log and files"):
                st.code(log_tail(run) or "Its log is empty.", language=None)
                show_table(pd.DataFrame(folder_files(run), columns=["file", "bytes"]), f"files-{run.id}")


def _delete_button(run: DamagedRun) -> None:
    with st.popover("Delete", icon=":material/delete:"):
        st.markdown(
            f"Delete the folder {plain_markdown(run.id)} with all that is in it ({size_words(folder_bytes(run))})? "
            "This cannot be undone."
        )
        if action(st.button, "Yes, delete it", type="primary", key=f"delete-{run.id}"):
            with user_errors():
                delete_run(default_runs_dir(), run.id)
            st.rerun()
