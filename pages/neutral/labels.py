"""Labels worth a second look, one at a time: what speaks for and against each, and one key a decision."""

import pandas as pd
import streamlit as st

from finsent.data.corrections import CHANGE, DROP, FLAG, KEEP, REASON_LENGTH, Correction
from finsent.data.neighbours import Neighbours
from finsent.data.prepared import Prepared
from finsent.errors import CorrectionsError, FinsentError
from finsent.evaluation.suspects import Suspects, run_reading, run_suspects
from finsent.evaluation.text_states import states_file
from finsent.labels import FIVE_LABELS, split_answers
from finsent.runs.corrections import CorrectionSet, decide, given_corrections_of, saved_corrections, take_over, undo
from finsent.runs.store import Run, default_runs_dir
from pages.shared.access import action, open_file
from pages.shared.background import Work, show_work
from pages.shared.continue_run import show_continue
from pages.shared.opened import forget_opened, table_that_opens
from pages.shared.reading import show_reading
from pages.shared.repair_rows import data_of
from pages.shared.similar import show_similar_texts
from pages.shared.ui import counted, plain_markdown, show_error, show_table

SPLITS = {"train": "Training", "validation": "Validation", "test": "Test"}
SIMILAR = 5
#: What the address calls the opened row.
_OPENED = "doubted-row"
_SKIPPED, _TOLD = "suspects-skipped", "decision-told"


@st.cache_resource(max_entries=2, show_spinner=False)
def suspects_of(_run: Run, known_as: tuple[str, ...], _data: Prepared) -> Work[tuple[Suspects, Neighbours]]:
    """Return the work for a run's doubtful rows and an index of all its rows.

    ``known_as`` changes when they are out of date.
    """
    every = pd.concat([_data.train, _data.judged], ignore_index=True)
    return Work(lambda report: (run_suspects(_run, _data, report=report), Neighbours(every)))


def _read_when(run: Run, data: Prepared) -> tuple[str, ...]:
    """Return when the base model's reading of the rows was kept, nothing where it was not."""
    try:
        file = states_file(run_reading(run, data)[1], run.folder.parent)
        return (str(file.stat().st_mtime_ns),)
    except (FinsentError, OSError):
        return ()


def show_labels(run: Run, known_as: tuple[str, ...]) -> None:
    """Show the labels worth a second look, what was decided so far, and the way to train on it."""
    data = data_of(run, str(run.folder))
    work = suspects_of(run, (*known_as, *_read_when(run, data)), data)
    try:
        saved = saved_corrections(default_runs_dir(), data)
    except CorrectionsError as error:
        show_error(error)
        return
    if not work.ended:
        st.markdown(
            "Every label is looked at with models that have not seen it. That goes on by itself; meanwhile everything "
            "else can be used."
        )
        show_work(work)
        _show_saved(run, data, saved)
        return
    if work.failed:
        # Whoever comes next tries again.
        suspects_of.clear()
    suspects, index = work.result()
    st.markdown(
        f"**{len(suspects.rows):,} of {suspects.n:,} rows are worth a second look**: their label is unlike those of "
        "texts like theirs. None of them is surely wrong."
    )
    st.caption(
        "Confident learning (Northcutt et al. 2021, by cleanlab): each label is held against probabilities from models "
        "that were not trained on the row: words (cross-validated tf-idf and logistic regression), what the base model "
        f"holds of the row's prompt (cross-validated, too; {_read(suspects)}), and for validation and test rows the "
        "fine-tuned model as well."
        + (f" {suspects.left_out:,} rows have a label too rare to look at." if suspects.left_out else "")
    )
    if not suspects.read:
        _offer_reading(run, data)
    rows = _with_decisions(_chosen(suspects.rows), saved.rows)
    st.caption(
        f"{counted(len(rows), 'row')}. Choose one to open it; at first the most doubtful one without a decision is "
        "open."
    )
    if rows.empty:
        _say_what_was_told()
        st.info("No row passes these filters, or all of them have been decided.")
    else:
        _show_open_row(run, data, index, _choose(rows, saved.rows))
    _show_saved(run, data, saved)


def _read(suspects: Suspects) -> str:
    return f"of {suspects.read:,} of these rows" if suspects.read else "not yet: it has read none of them"


def _offer_reading(run: Run, data: Prepared) -> None:
    """Offer to let the base model read the rows' prompts, which finds more."""
    try:
        _, reading = run_reading(run, data)
        with st.expander("Find more: let the base model read the rows once"):
            show_reading(reading, len(reading.texts))
    except FinsentError as error:
        st.caption(plain_markdown(f"By words alone: {error}"))


def _chosen(rows: pd.DataFrame) -> pd.DataFrame:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        splits = st.pills(
            "Rows",
            list(SPLITS),
            selection_mode="multi",
            format_func=SPLITS.__getitem__,
            key="doubted-of",
            bind="query-params",
        )
        search = st.text_input("Text contains", key="doubted", bind="query-params", placeholder="for example: zeta")
    if splits:
        rows = rows[rows["split"].isin(splits)]
    return rows[rows["text"].str.contains(search.strip(), case=False, regex=False)].reset_index(drop=True)


def _with_decisions(rows: pd.DataFrame, decided: dict[str, Correction]) -> pd.DataFrame:
    words = [f"{one.decision} {one.new_label}".strip() if (one := decided.get(row)) else "" for row in rows["row_id"]]
    return rows.assign(decision=words)


def _choose(rows: pd.DataFrame, decided: dict[str, Correction]) -> pd.Series:
    """Show the doubtful rows and return the one that is open: the chosen one, else the first without a decision."""
    skipped = st.session_state.get(_SKIPPED, set())
    chosen = table_that_opens(
        rows,
        f"suspects-{hash(tuple(rows['row_id']))}-{len(decided)}-{len(skipped)}-{hash(tuple(rows['decision']))}",
        _OPENED,
        ["text", "label", "likely", "decision", "p_label", "p_likely", "model says", "split", "row_id"],
        height=min(320, 40 + 35 * len(rows)),
        column_config={
            "text": st.column_config.TextColumn(width=520),
            "likely": st.column_config.TextColumn("speaks for", help="The label that texts like this one have"),
            "p_label": st.column_config.NumberColumn("its label", format="percent", help="Probability of its label"),
            "p_likely": st.column_config.NumberColumn("the other", format="percent", help="Of the other label"),
            "model says": st.column_config.TextColumn(help="The fine-tuned model, where it has not trained on the row"),
            "row_id": st.column_config.TextColumn("row"),
        },
    )
    if chosen is not None:
        return chosen
    open_rows = rows[rows["decision"].eq("") & ~rows["row_id"].isin(skipped)]
    return (open_rows if len(open_rows) else rows).iloc[0]


def _show_open_row(run: Run, data: Prepared, index: Neighbours, row: pd.Series) -> None:
    with st.container(border=True):
        st.text(row["text"])
        label, likely = plain_markdown(row["label"]), plain_markdown(row["likely"])
        decided = f" Decided: **{plain_markdown(row['decision'])}**." if row["decision"] else ""
        st.markdown(
            f"Its label is **{label}** (probability {row['p_label']:.0%}); likelier is **{likely}** "
            f"({row['p_likely']:.0%}).{decided}"
        )
        st.caption(plain_markdown(_evidence(row)))
        _show_decisions(data, row)
        # Below the buttons, so that they stay where the next row's are.
        _say_what_was_told()
        near = index.of(row["text"], SIMILAR + 1, split_answers(row["answers"]))
        st.markdown("**Most similar rows, with their labels**")
        show_similar_texts(near[near["row_id"] != row["row_id"]].head(SIMILAR), "doubted")


def _evidence(row: pd.Series) -> str:
    words = f"{row['similar agree']} of the {row['similar']} most similar rows have its label. "
    if row["model says"]:
        words += (
            f"The fine-tuned model, which has not trained on it, says {row['model says']} ({row['model sure']:.0%}). "
        )
    return words + f"{SPLITS[row['split']]} row {row['row_id']}."


def _show_decisions(data: Prepared, row: pd.Series) -> None:
    """Show one button a decision, each with its key; a test row can be kept or flagged, and never changes."""
    reason = st.text_input("Reason (optional)", key=f"reason-{row['row_id']}", max_chars=REASON_LENGTH)
    with st.container(horizontal=True):
        _button(data, row, "Keep its label", "K", KEEP, "", reason)
        if row["split"] == "test":
            _button(data, row, "Flag as doubtful", "F", FLAG, "", reason)
        else:
            # Its own label's place stays, so that a place means the same for every row.
            allowed = [label for label in FIVE_LABELS if label in split_answers(row["answers"])]
            others = [label for label in allowed if label != row["label"]]
            for label in allowed:
                if label in others:
                    key = str(others.index(label) + 1)
                    _button(data, row, f"It is {label}", key, CHANGE, label, reason)
                else:
                    st.button(f"It is {label}", key="its-own-label", disabled=True)
            _button(data, row, "Leave it out", "D", DROP, "", reason)
        st.button("Later", key="suspect-later", shortcut="L", on_click=_skip, args=(row["row_id"],))
        if action(st.button, "Undo", key="suspect-undo", about=row["row_id"], shortcut="U", icon=":material/undo:"):
            _undo(data)


def _skip(row_id: str) -> None:
    st.session_state.setdefault(_SKIPPED, set()).add(row_id)
    forget_opened(_OPENED)


def _button(data: Prepared, row: pd.Series, label: str, key: str, decision: str, new: str, reason: str) -> None:
    if action(st.button, plain_markdown(label), key=f"decide-{decision}-{new}", about=row["row_id"], shortcut=key):
        try:
            saved = decide(default_runs_dir(), data, row["row_id"], decision, new, reason)
        except FinsentError as error:
            show_error(error)
            return
        decided = {
            KEEP: "its label is kept",
            CHANGE: f"its label is now {new}",
            DROP: "it is left out of training",
            FLAG: "it is flagged as doubtful",
        }
        _tell(f"Row {row['row_id']}: {decided[decision]}. Saved as version {saved.version}.")


def _undo(data: Prepared) -> None:
    try:
        saved, row_id = undo(default_runs_dir(), data)
    except FinsentError as error:
        show_error(error)
        return
    _tell(f"The decision about row {row_id} is taken back. Saved as version {saved.version}.")


def _tell(words: str) -> None:
    st.session_state[_TOLD] = words
    # The next one without a decision is open then.
    forget_opened(_OPENED)
    st.rerun()


def _say_what_was_told() -> None:
    if told := st.session_state.pop(_TOLD, None):
        st.success(plain_markdown(told), icon=":material/check:")


def _show_saved(run: Run, data: Prepared, saved: CorrectionSet) -> None:
    counts = ", ".join(f"{count:,} {name}" for name, count in saved.counts.items() if count)
    st.subheader("What was decided", anchor=False)
    if not saved.rows:
        st.caption("Nothing yet. Decisions are kept for this data set, beside the runs; the data stay as they are.")
    else:
        st.markdown(f"Version {saved.version} of the corrections of {plain_markdown(data.title)}: {counts}.")
        table = pd.DataFrame([vars(one) for one in saved.rows.values()])
        show_table(table, f"corrections-table-{run.id}", column_config={"old_label": "old", "new_label": "new"})
        st.download_button(
            "Download corrections.csv",
            saved.content,
            "corrections.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
            help="As correct and train read it",
        )
        show_continue(run, None, saved, key="labels")
    with st.expander("Take over a corrections file"):
        upload = open_file("A corrections.csv of this data set; it takes the place of what was decided", type="csv")
        if upload is not None and action(st.button, "Take it over", key="take-over"):
            try:
                given = given_corrections_of(upload.getvalue(), upload.name, data)
                taken = take_over(default_runs_dir(), data, given)
            except FinsentError as error:
                show_error(error)
                return
            _tell(f"Taken over from {upload.name}. Saved as version {taken.version}.")
