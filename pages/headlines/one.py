"""One headline: answered as it is typed, explained, and changed."""

from typing import Any

import streamlit as st

from finsent.errors import FinsentError
from finsent.evaluation.classifier import Classified
from finsent.evaluation.edits import Edit, changes
from finsent.evaluation.tried import Tried, edits_of, tried_table
from finsent.runs.store import Run
from pages.headlines.asking import EXAMPLES, answered, as_row, may_ask, show_answers
from pages.shared import places
from pages.shared.access import action
from pages.shared.opened import OPENS, opened_place
from pages.shared.ui import plain_markdown, show_error, show_table
from pages.shared.why import show_why

#: Not widgets' keys: they must outlive a change of page.
_TRIED, _SUGGESTED = "edits-tried", "edits-suggested"
#: Typing pauses for so long before an answer is asked for.
_PAUSE = "400ms"
_MOST_KEPT = 12


def show_one(run: Run | None, answers: tuple[str, ...]) -> None:
    """Show the fields of a headline and of its edit, both models' answers, why, and the edits that rules suggest."""
    text = st.text_input(
        "Headline", EXAMPLES[0], key="text", live=_PAUSE, bind="query-params", on_change=_forget_edit
    ).strip()
    edit = st.text_input(
        "What if …? The headline, changed",
        key="edit",
        live=_PAUSE,
        bind="query-params",
        placeholder="Start from the headline, and change a word",
    ).strip()
    changed = bool(edit) and edit != text
    # A field of one line shows the beginning alone.
    st.markdown(marked_change(text, edit) if changed else plain_markdown(text))
    show_ways_to_begin(run, text)
    if not may_ask(run):
        return
    try:
        (result,), seconds = answered(run, (text,), answers)
        after = answered(run, (edit,), answers)[0][0] if changed else None
    except FinsentError as error:
        show_error(error)
        return
    if after is None:
        with st.container(border=True):
            show_answers(result, "text")
            st.caption(f"Answered in {seconds:.2f} s on this machine{' by both models' if result.tuned else ''}.")
            show_why(run, text, "text", answers, link=False, row=as_row(result))
    else:
        show_edit(run, result, after, answers)
    show_suggestions(run, result, answers)


def show_ways_to_begin(run: Run | None, text: str) -> None:
    """Show the examples, the headline as an edit to begin with, and the way to the demo."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Start from the headline", icon=":material/content_copy:", on_click=_write, args=(text, text))
        for number, example in enumerate(EXAMPLES):
            st.button(
                f"Example {number + 1}", key=f"example-{number}", type="tertiary", on_click=_write, args=(example,)
            )
        demo = {"view": "demo"} | ({"run": run.id} if run else {})
        st.page_link(places.HEADLINES, label="Demo view", icon=":material/slideshow:", query_params=demo)
    st.caption(
        "The answer comes when you pause. The address carries the headline and its edit, so a copy of it is a link. "
        "The examples are invented; the first says nothing good or bad."
    )


def _write(text: str, edit: str = "") -> None:
    st.session_state["text"] = text
    st.session_state["edit"] = edit


def _forget_edit() -> None:
    """Leave no edit of another headline, which would be compared with this one."""
    st.session_state["edit"] = ""


def show_edit(run: Run | None, before: Classified, after: Classified, answers: tuple[str, ...]) -> None:
    """Show the answers to a headline and its edit side by side, then why; the edit is kept for the table of edits."""
    both = (("As it was", before), ("Changed", after))
    for column, (title, one) in zip(st.columns(2, gap="medium"), both, strict=True):
        with column.container(border=True):
            st.markdown(f"**{title}**")
            show_answers(one, title)
    for column, (title, one) in zip(st.columns(2, gap="medium"), both, strict=True):
        with column:
            st.caption(f"{title}:")
            show_why(run, one.text, "text" if one is before else "edit", answers, link=False, row=as_row(one))
    tried = st.session_state.setdefault(_TRIED, {}).setdefault(before.text, [])
    if after.text not in tried:
        tried.append(after.text)
        del tried[:-_MOST_KEPT]


def show_suggestions(run: Run | None, result: Classified, answers: tuple[str, ...]) -> None:
    """Show the visitor's edits and, once they were asked for, those that rules suggest, with both models' answers."""
    own = tuple(st.session_state.get(_TRIED, {}).get(result.text, ()))
    opened = st.session_state.setdefault(_SUGGESTED, set())
    if result.text not in opened:
        if action(st.button, "Suggest edits", icon=":material/rule:", key="suggest"):
            opened.add(result.text)
        elif not own:
            return
    edits = edits_of(result.text, own)
    try:
        tried = answered_edits(run, edits if result.text in opened else edits[: len(own)], answers)
    except FinsentError as error:
        show_error(error)
        return
    if not tried:
        st.info("No rule applies to this headline.")
        return
    show_tried(result, tried)


def answered_edits(run: Run | None, edits: list[Edit], answers: tuple[str, ...]) -> list[Tried]:
    """Return the answers to edits, each asked about alone, as where one is opened.

    Asked about together they would be rounded otherwise, and one text have two figures on the page.
    """
    return [Tried(edit, answered(run, (edit.text,), answers)[0][0]) for edit in edits]


def show_tried(original: Classified, tried: list[Tried]) -> None:
    """Show edits as a table: first what was changed, what it is called, and by which rule."""
    models = ["fine-tuned", "baseline"] if original.tuned else ["baseline"]
    table = tried_table(original, tried)
    table = table.round({f"{model} sure": 2 for model in models})

    def open_edit() -> None:
        if (place := opened_place(st.session_state["tried"], "tried")) is not None:
            st.session_state["edit"] = tried[place].edit.text

    show_table(
        table,
        "edits",
        key="tried",
        on_select=open_edit,
        selection_mode=OPENS,
        height=min(480, 40 + 35 * len(table)),
        column_order=["change", models[0], "rule", *models[1:], *[f"{model} sure" for model in models], "expects"]
        + [*[f"{model} as expected" for model in models], "edit"],
        column_config=tried_columns(models),
    )
    st.caption(
        f"Your own edits (the last {_MOST_KEPT}), then one of each rule that applies; base: baseline, fine: fine-tuned "
        "model. Answers, and how sure they are (the answer's probability within the answer set), are those to the "
        "edit. A rule says what should happen to the label that a model gives the headline itself: keep it, flip it to "
        "its opposite, or change it to any other; of a neutral one nothing is foreseen where it would be flipped. "
        "Choose a row to open it above, with the keyboard by Shift and Space."
    )


def tried_columns(models: list[str]) -> dict[str, Any]:
    """Return how the columns of the table of edits stand in it, narrow enough for a phone to show those that count."""
    columns: dict[str, Any] = {
        "change": st.column_config.TextColumn("edit", width=142),
        "rule": st.column_config.TextColumn(width=116),
        "expects": st.column_config.TextColumn(width=65),
        "edit": st.column_config.TextColumn("the edited text", width="large"),
    }
    for model in models:
        short = {"fine-tuned": "fine", "baseline": "base"}[model]
        columns |= {
            model: st.column_config.TextColumn(short, width=62, help=f"What the {model} model calls the edit"),
            f"{model} sure": st.column_config.NumberColumn(
                f"{short} sure", width=72, format="percent", help=f"The {model} model's probability of that answer"
            ),
            f"{model} as expected": st.column_config.TextColumn(f"{short} as expected", width=125),
        }
    return columns


def marked_change(before: str, after: str) -> str:
    """Return as Markdown what makes one text the other: what is gone struck through, what is new in bold."""
    # Within brackets, since marks beside a letter count for nothing around a full stop.
    marks = {"same": "{}", "gone": ":gray[~~{}~~]", "new": ":primary[**{}**]"}
    parts = []
    for kind, piece in changes(before, after):
        inner = piece.strip()
        # Marks only count where they touch a letter.
        start, end = piece[: len(piece) - len(piece.lstrip())], piece[len(piece.rstrip()) :]
        parts.append(f"{start}{marks[kind].format(plain_markdown(inner))}{end}" if inner else piece)
    return "".join(parts)
