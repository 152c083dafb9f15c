"""One headline: answered as it is typed, explained, and changed."""

import streamlit as st

from finsent.errors import FinsentError
from finsent.evaluation.classifier import Classified
from finsent.evaluation.edits import changes
from finsent.evaluation.tried import Tried, tried_table, try_edits
from finsent.runs.store import Run
from pages.headlines.asking import EXAMPLES, answered, may_ask, show_answers
from pages.shared import places
from pages.shared.access import action
from pages.shared.models import classifier_of, known_as
from pages.shared.opened import OPENS, opened_place
from pages.shared.ui import plain_markdown, show_error, show_table
from pages.shared.why import show_why

#: Not widgets' keys: they must outlive a change of page.
_TRIED, _SUGGESTED = "edits-tried", "edits-suggested"
#: Typing pauses for so long before an answer is asked for.
_PAUSE = "400ms"
_MOST_KEPT = 12


@st.cache_resource(max_entries=64, show_spinner="Asking about each edit …")
def _suggestions(
    _run: Run | None, models: tuple[str, str | None, int], text: str, own: tuple[str, ...], answers: tuple[str, ...]
) -> tuple[Classified, list[Tried]]:
    return try_edits(classifier_of(_run), text, own, answers)


def show_one(run: Run | None, answers: tuple[str, ...]) -> None:
    """Show the field of one headline, both models' answers, why, and what if."""
    text = st.text_input("Headline", EXAMPLES[0], key="text", live=_PAUSE, bind="query-params").strip()
    with st.container(horizontal=True, vertical_alignment="center"):
        for number, example in enumerate(EXAMPLES):
            st.button(
                f"Example {number + 1}", key=f"example-{number}", type="tertiary", on_click=_write, args=(example,)
            )
        demo = {"view": "demo"} | ({"run": run.id} if run else {})
        st.page_link(places.HEADLINES, label="Demo view", icon=":material/slideshow:", query_params=demo)
    st.caption(
        "The answer comes when you pause. The address carries the headline, so a copy of it is a link. The examples "
        "are invented; the first says nothing good or bad."
    )
    if not may_ask(run):
        return
    try:
        (result,), seconds = answered(run, (text,), answers)
    except FinsentError as error:
        show_error(error)
        return
    with st.container(border=True):
        show_answers(result, "text")
        st.caption(f"Answered in {seconds:.2f} s on this machine{' by both models' if result.tuned else ''}.")
        show_why(run, text, "text", answers, link=False)
    show_what_if(run, text, result, answers)


def _write(text: str, edit: str = "") -> None:
    st.session_state["text"] = text
    st.session_state["edit"] = edit


def show_what_if(run: Run | None, text: str, result: Classified, answers: tuple[str, ...]) -> None:
    """Show the field of an edit, both models' answers to text and edit, and the edits that rules suggest."""
    st.subheader("What if …?", anchor=False)
    edit = st.text_input(
        "The headline, changed", key="edit", live=_PAUSE, bind="query-params", placeholder="Change a word of it"
    ).strip()
    st.button("Start from the headline", icon=":material/content_copy:", on_click=_write, args=(text, text))
    if edit and edit != text:
        show_edit(run, text, edit, result, answers)
    show_suggestions(run, text, answers)


def show_edit(run: Run | None, text: str, edit: str, before: Classified, answers: tuple[str, ...]) -> None:
    """Show what was changed, and the answers to text and edit side by side."""
    try:
        (after,), _ = answered(run, (edit,), answers)
    except FinsentError as error:
        show_error(error)
        return
    st.markdown(marked_change(text, edit))
    for column, title, one in zip(st.columns(2, gap="medium"), ("As it was", "Changed"), (before, after), strict=True):
        with column.container(border=True):
            st.markdown(f"**{title}**")
            show_answers(one, title)
    show_why(run, edit, "edit", answers, link=False)
    tried = st.session_state.setdefault(_TRIED, {}).setdefault(text, [])
    if edit not in tried:
        tried.append(edit)
        del tried[:-_MOST_KEPT]


def show_suggestions(run: Run | None, text: str, answers: tuple[str, ...]) -> None:
    """Show the visitor's edits and, once they were asked for, those that rules suggest, with both models' answers."""
    own = tuple(st.session_state.get(_TRIED, {}).get(text, ()))
    opened = st.session_state.setdefault(_SUGGESTED, set())
    if text not in opened:
        if action(st.button, "Suggest edits", icon=":material/rule:", key="suggest"):
            opened.add(text)
        elif not own:
            return
    try:
        original, tried = _suggestions(run, known_as(run), text, own, answers)
    except FinsentError as error:
        show_error(error)
        return
    shown = tried if text in opened else tried[: len(own)]
    if not shown:
        st.info("No rule applies to this headline.")
        return
    table = tried_table(original, shown)

    def open_edit() -> None:
        if (place := opened_place(st.session_state["tried"], "tried")) is not None:
            st.session_state["edit"] = shown[place].edit.text

    show_table(
        table,
        "edits",
        key="tried",
        on_select=open_edit,
        selection_mode=OPENS,
        height=min(480, 40 + 35 * len(table)),
        column_order=["rule", "expects", *[name for name in table.columns if "fine" in name or "base" in name], "edit"],
        column_config={
            name: st.column_config.NumberColumn(format="percent") for name in table.columns if name.endswith(" sure")
        }
        | {"edit": st.column_config.TextColumn(width="large")},
    )
    st.caption(
        f"Your own edits (the last {_MOST_KEPT}), then one of each rule that applies. A rule says what should happen "
        "to the label that a model gives the headline itself: keep it, flip it to its opposite, or change it to any "
        "other; of a neutral one nothing is foreseen where it would be flipped. Choose a row to open it above, "
        "with the keyboard by Shift and Space."
    )


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
