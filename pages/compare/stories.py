"""Part of Compare: when each validation row was learnt, and forgotten, over the evaluations of a run."""

import pandas as pd
import streamlit as st

from finsent.errors import RunStateError
from finsent.evaluation.stories import STORIES, STORY_HELP, Stories, run_stories, told, without_lists
from finsent.runs.store import Run
from pages.compare.proportion import judged
from pages.compare.rows import opened_name, show_text
from pages.shared.opened import rows_that_open
from pages.shared.ui import PERCENT, csv_button, plain_markdown, show_table, user_errors

#: So many evaluations are a story; of one alone it cannot be seen what lasts.
FEWEST = 2


@st.cache_resource(max_entries=8, show_spinner="Reading the answers at each evaluation …")
def _stories(_run: Run, key: tuple[str, float], kept: int, classes: int) -> Stories:
    return run_stories(_run, classes)


def show_stories(run: Run, classes: int) -> None:
    """Show the validation rows of a run with a strip of marks each, one an evaluation, and how many have each story."""
    with user_errors():
        try:
            own = judged(run)
            file = run.predictions_file("validation")
            found = _stories(run, own.key, file.stat().st_mtime_ns if file.exists() else 0, classes)
        except RunStateError as error:
            st.info(plain_markdown(str(error)))
            return
    if found.evaluations < FEWEST:
        st.info(
            f"A story takes {FEWEST} evaluations or more, and this run has {found.evaluations}. How many "
            "there are in an epoch is a setting of Train."
        )
        return
    counts = ", ".join(f"**{count:,}** {story}" for story, count in found.counts.items())
    began = f"{found.start} and " if found.start else ""
    st.markdown(f"Of n = {found.n:,} validation rows, at {began}{found.evaluations:,} evaluations: {counts}.")
    chosen = st.pills(
        "Show the rows that are",
        STORIES,
        selection_mode="multi",
        key="story",
        bind="query-params",
        help=STORY_HELP,
    )
    rows = found.rows[found.rows["story"].isin(chosen)].reset_index(drop=True) if chosen else found.rows
    if rows.empty:
        st.caption("No row has this story.")
        return
    # With the own rows of a run, as here, those of its validation split are always read.
    assert own.validation is not None
    _show_table(run, found, rows, own.validation[0].set_index("row_id")["answers"])


def _show_table(run: Run, found: Stories, rows: pd.DataFrame, allowed: pd.Series) -> None:
    began = f"first {found.start} (step 0), then " if found.start else "how the run began is not known; "
    kept = " The adapter that was kept need not be that of the last step." if run.recipe.checkpoint != "last" else ""
    rows_that_open(
        rows,
        f"stories-{hash(tuple(rows['row_id']))}",
        opened_name("story"),
        [
            "strip",
            "story",
            "text",
            "gold",
            "last answer",
            "shares",
            "first right",
            "forgotten",
            "topic",
            "source",
            "row_id",
        ],
        {
            "strip": st.column_config.TextColumn(
                "evaluations",
                width=min(320, max(100, 24 + 11 * len(found.steps))),
                help="Right (●) or wrong (○) at each.",
            ),
            "story": st.column_config.TextColumn(width=90),
            "shares": st.column_config.BarChartColumn(
                "probability", width=110, y_min=0, y_max=1, help="Of the row's label, at each evaluation."
            ),
            "first right": st.column_config.NumberColumn("first right at step", format="%d"),
            "forgotten": st.column_config.NumberColumn("times forgotten"),
        },
        lambda row: _show_story(run, found, row, allowed),
        f"A mark an evaluation, ● right and ○ wrong: {began}steps {found.steps[bool(found.start)]:,} to "
        f"{found.steps[-1]:,}.{kept} Choose a row: its story opens here.",
        placeholder="–",
    )
    csv_button("Download these rows as CSV", without_lists(rows), f"stories-{run.id}.csv", key="download-stories")


def _show_story(run: Run, found: Stories, row: pd.Series, allowed: pd.Series) -> None:
    st.markdown(f"**{row['story'].capitalize()}**, its label is **{plain_markdown(row['gold'])}**.")
    show_text(run, row, "story", allowed)
    show_table(told(found, row), "story", column_config={"probability of its label": PERCENT})
