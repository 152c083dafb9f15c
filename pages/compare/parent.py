"""What a run that continues another one has mended and broken, beside that one, on the same test rows."""

import streamlit as st

from finsent.data.corrections import Flags
from finsent.errors import FinsentError
from finsent.evaluation.verify import CHANGES, MENDED, Verified, verify_run
from finsent.metrics.comparison import BROKEN
from finsent.runs.store import Run
from pages.shared.ui import plain_markdown, show_error, show_table
from pages.shared.verdict import show_verdict


@st.cache_resource(max_entries=4, show_spinner="Holding it against its parent …")
def _verified(_run: Run, known_as: tuple[str, int], flagged: Flags) -> Verified:
    return verify_run(_run)


def show_parent(run: Run, flagged: Flags) -> None:
    """Show the verdict of a child against its parent, and the rows that changed.

    ``flagged`` are the rows whose label is doubted by now: with others of them it is another verdict.
    """
    st.subheader("Beside the run that it continues", anchor=False)
    try:
        found = _verified(run, (str(run.folder), run.predictions_file("tuned").stat().st_mtime_ns), flagged)
    except FinsentError as error:
        show_error(error)
        return
    with st.container(border=True):
        show_verdict(found.verdict)
        st.markdown(plain_markdown(found.counted))
    chosen = st.segmented_control(
        "Rows that are", CHANGES, default=MENDED, required=True, key="change", bind="query-params"
    )
    rows = found.answers[found.answers["change"] == chosen]
    st.caption(
        f"{len(rows):,} of {found.n:,} test rows are {plain_markdown(chosen)}: the answers of baseline, parent "
        f"({plain_markdown(found.parent)}) and this run. {MENDED.capitalize()}: only this run is right; "
        f"{BROKEN}: only its parent."
    )
    show_table(
        rows,
        f"changed-{run.id}",
        column_order=["text", "gold", "baseline", "parent", "child", "row_id"],
        column_config={
            "text": st.column_config.TextColumn(width=520),
            "child": st.column_config.TextColumn("this run"),
            "row_id": st.column_config.TextColumn("row"),
        },
        row_height=52,
    )
