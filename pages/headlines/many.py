"""Many headlines: pasted or from a file, asked about with a progress bar, and the answers as a table and a file."""

import time
from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from finsent.charts.headlines import headlines_parquet, headlines_table, with_own_columns
from finsent.data.export import export_csv
from finsent.data.reading import READERS
from finsent.data.schema import proposed_text_column
from finsent.data.texts import read_text_upload, texts_of
from finsent.errors import EmptyDataError, FinsentError, TooManyTextsError
from finsent.evaluation.classifier import Classified, Classifier
from finsent.runs.cores import computations, cores_left_by
from finsent.runs.store import Run
from pages.headlines.asking import EXAMPLES, as_row, show_answers
from pages.shared.access import action, open_file
from pages.shared.models import classifier_of
from pages.shared.opened import table_that_opens
from pages.shared.run_parts import safe_title
from pages.shared.runs_now import runs_now
from pages.shared.ui import counted, plain_markdown, show_error, user_errors
from pages.shared.why import show_why

#: A visitor who gives more at once would keep the machine from the others.
MOST_TEXTS = 500
#: Not widgets' keys: they must outlive a change of page.
_RESULTS, _FILE, _COLUMN = "headline_results", "headline_file", "headline_column"
#: What gives the texts, and the other columns of the file that they come from (a row a text).
Asked = Callable[[], tuple[list[str], pd.DataFrame | None]]
_TYPED, _FROM_FILE = "The headlines typed here", "A file"


def show_many(run: Run | None, answers: tuple[str, ...]) -> None:
    """Show where headlines come from, the button that asks, and the answers of the last time."""
    source = st.segmented_control(
        "What is asked about", [_TYPED, _FROM_FILE], default=_TYPED, required=True, key="from", persist_state="session"
    )
    texts = typed_texts() if source == _TYPED else file_texts()
    # Answers of another file, column or run, or to what was typed before, would be taken for those that are chosen.
    of_file = [st.session_state.get(name) for name in (_FILE, _COLUMN)] if source == _FROM_FILE else []
    whose = (run.id if run else None, source, *of_file)
    if action(st.button, "Classify", type="primary", icon=":material/bolt:", key="classify"):
        st.session_state.pop(_RESULTS, None)
        try:
            asked, own = texts()
            st.session_state[_RESULTS] = (whose, own, ask(run, asked, answers))
        except FinsentError as error:
            show_error(error)
    if (kept := st.session_state.get(_RESULTS)) is not None and kept[0] == whose:
        _, own, (results, asked_for, said) = kept
        show_results(run, results, asked_for, said, own)


def typed_texts() -> Asked:
    """Show the field for headlines; return what gives them."""
    typed = st.text_area("Headlines, one a line", "\n".join(EXAMPLES), height=160, key="typed", persist_state="session")
    return lambda: ([line for line in typed.splitlines() if line.strip()], None)


def file_texts() -> Asked:
    """Show the upload and the choice of its column; return what gives its texts and its other columns.

    Raises:
        EmptyDataError: by what is returned: there is no file yet.
    """
    upload = open_file("A file of headlines", type=[suffix.removeprefix(".") for suffix in READERS])
    if upload is not None:
        st.session_state[_FILE] = (upload.name, upload.getvalue())
    if _FILE not in st.session_state:
        return no_file
    name, content = st.session_state[_FILE]
    with user_errors():
        table = read_text_upload(content, name)
    st.caption(f"Read: {plain_markdown(name)}, {counted(len(table), 'row')}.")
    column = choose_column(table)

    def texts() -> tuple[list[str], pd.DataFrame]:
        found = texts_of(table, name, "Choose it under the file.", column)
        return list(found.texts), found.others

    return texts


def no_file() -> tuple[list[str], None]:
    raise EmptyDataError("There is no file yet. Open one above, or choose the headlines typed here.")


def choose_column(table: pd.DataFrame) -> str | None:
    """Let the reader choose the column with the texts; proposed is the only one named as if it held them."""
    columns = list(table.columns)
    kept = st.session_state.get(_COLUMN)
    proposed = kept if kept in columns else proposed_text_column(table)
    st.session_state[_COLUMN] = chosen = st.selectbox(
        f"Column with the texts of its {len(table):,} rows",
        columns,
        index=columns.index(proposed) if proposed else None,
        placeholder="Choose one",
        key="text-column",
    )
    return chosen


def refuse_many(texts: list[str]) -> None:
    if len(texts) > MOST_TEXTS:
        raise TooManyTextsError(
            f"These are {len(texts):,} texts, and this page takes {MOST_TEXTS:,} at a time. Give fewer, or classify a "
            "file on the command line: python -m finsent classify --file FILE"
        )


def ask(run: Run | None, texts: list[str], answers: tuple[str, ...]) -> tuple[list[Classified], tuple[str, ...], str]:
    """Return the answers to texts, their answer set, and a sentence on them; show how far it is while it takes."""
    refuse_many(texts)
    if beside := cores_left_by(runs_now()).words:
        st.caption(beside)
    classifier = classifier_of(run)
    began = time.perf_counter()
    results = followed(classifier, texts, answers)
    seconds = time.perf_counter() - began
    models = f"the baseline and run {safe_title(run)}" if run else "the baseline"
    return results, answers, f"{counted(len(results), 'text')} by {models}, {seconds:.2f} s on this machine."


def followed(classifier: Classifier, texts: list[str], answers: tuple[str, ...]) -> list[Classified]:
    """Return the answers; a bar shows how far they are, and whether others ask, too."""
    bar = st.progress(0.0, text=_progress_words(0, len(texts), computations()))

    def report(done: int, total: int) -> None:
        # Of both models' answers half are a text's.
        bar.progress(done / total, text=_progress_words(done * len(texts) // total, len(texts), computations() - 1))

    try:
        return classifier.classify(texts, answers, report)
    finally:
        bar.empty()


def _progress_words(done: int, of: int, others: int) -> str:
    words = f"{done:,} of {of:,} texts"
    return f"{words}. Others ask, too: your texts take turns with theirs, so it takes longer." if others > 0 else words


def show_results(
    run: Run | None, results: list[Classified], answers: tuple[str, ...], said: str, own: pd.DataFrame | None
) -> None:
    """Show the table of answers with its downloads, and the chosen row with its chart and its why.

    The downloads have the columns ``own`` of the texts' file, too.
    """
    table = headlines_table(results)
    st.caption(f"{said} Probabilities are within the answer set: {', '.join(answers)}. Choose a row to open it.")
    shares = {
        name: st.column_config.NumberColumn(_short(name), format="percent", width=88)
        for name in table.columns
        if ": " in name
    }
    opened = table_that_opens(
        table.assign(row_id=[str(number) for number in range(1, len(table) + 1)]),
        f"answers-{hash(tuple(table['text']))}",
        "answer",
        list(table.columns),
        height=min(480, 40 + 35 * len(table)),
        column_config={"text": st.column_config.TextColumn(width=205)} | shares,
    )
    with st.container(horizontal=True):
        for title, content, name, kind in (
            ("CSV", export_csv, "headlines.csv", "text/csv"),
            ("Parquet", headlines_parquet, "headlines.parquet", "application/vnd.apache.parquet"),
        ):
            st.download_button(
                f"Download as {title}",
                partial(_as_file, content, table, own),
                name,
                kind,
                icon=":material/download:",
                on_click="ignore",
            )
    result = results[0 if opened is None else int(opened["row_id"]) - 1]
    with st.container(border=True):
        st.text(result.text)
        show_answers(result, "chosen")
        show_why(run, result.text, "chosen", answers, row=as_row(result))


def _as_file(write: Callable[[pd.DataFrame], bytes], table: pd.DataFrame, own: pd.DataFrame | None) -> bytes:
    return write(with_own_columns(table, own))


def _short(name: str) -> str:
    """Return a column's name so that it can be read above a number."""
    return name.replace("fine-tuned: ", "fine: ").replace("baseline: ", "base: ")
