"""Why a model says what it says of a text: the sentence with its words marked, a sentence on top, and the values."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from finsent.charts.template import LABEL_COLORS
from finsent.errors import FinsentError
from finsent.evaluation.attribution import SHAPLEY, Explanation, effects_table, explain, push_of, sentence
from finsent.labels import NEWS_ANSWERS, POST_ANSWERS
from finsent.runs.store import Run
from pages.shared import places
from pages.shared.access import action
from pages.shared.models import classifier_of, known_as
from pages.shared.opened import follow_numbered, numbered
from pages.shared.ui import plain_markdown, scroll_up, show_error, show_table

#: The mode of Headlines in which one text is asked about and changed; it stands in the address.
ONE = "One headline"
#: The prompts that Headlines asks with.
KINDS = {"News": NEWS_ANSWERS, "Market posts": POST_ANSWERS}
#: What the address of Headlines says where a link leads to an edit of a text.
_CHANGE = "change"
#: Not a widget's key: it must outlive a change of page. Texts whose explanation the visitor has asked for.
_OPENED = "explained"
_METHODS = {"Leave each word out": 0, "Shapley values": 8}
#: A word's mark says without colour which way it pushes; how often it stands there, how hard.
_MARKS = {"positive": "▲", "bullish": "▲", "neutral": "■", "negative": "▼", "bearish": "▼"}
#: From so much on a word is marked once, twice, three times (log-probability).
_STEPS = (0.1, 0.5, 1.5)
#: From such a difference on, a probability that was computed again is told beside that above: one point.
_NOTABLE = 0.01


@st.cache_resource(max_entries=64, show_spinner="Leaving out each word …")
def _explained(
    _run: Run | None, models: tuple[str, str | None, int], text: str, answers: tuple[str, ...], pairs: int
) -> Explanation:
    """Return an explanation, kept for all visitors; ``models`` says whose."""
    return explain(classifier_of(_run), text, answers, pairs)


def show_why(
    run: Run | None,
    text: str,
    key: str,
    answers: tuple[str, ...] = NEWS_ANSWERS,
    link: bool = True,
    row: pd.Series | None = None,
) -> None:
    """Show a button and, once it was pressed, which words push the models' answers to a text towards which label.

    ``run`` is whose models answer (None: the embedded base model alone), ``key`` the only one on the page, and
    ``link`` whether a link leads to Headlines, where the text can be changed. ``row`` has the answers that stand above,
    if any do: ``baseline, baseline confidence`` and the same of ``tuned``.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        asked = action(st.button, "Why?", icon=":material/psychology_alt:", key=f"why-{key}")
        if link:
            what_if(run, text, answers)
    opened = st.session_state.setdefault(_OPENED, set())
    if asked:
        opened.add((known_as(run), text, answers))
    if (known_as(run), text, answers) not in opened:
        return
    method = st.segmented_control(
        "Method",
        list(_METHODS),
        default=next(iter(_METHODS)),
        required=True,
        key=f"method-{key}",
        persist_state="session",
    )
    try:
        explanation = _explained(run, known_as(run), text, answers, _METHODS[method])
    except FinsentError as error:
        show_error(error)
        return
    show_explanation(explanation, key)
    if run is not None and row is not None:
        for said in answered_otherwise(explanation, row, run.settled_recipe.compute_dtype):
            st.caption(said)


def answered_otherwise(explanation: Explanation, row: pd.Series, dtype: str) -> list[str]:
    """Return a sentence for each model whose answer, computed here again, is a point or more from that above."""
    said = []
    rounded = ", rounded differently in bfloat16," if dtype == "bfloat16" else ""
    for model, one in explanation.models.items():
        # A row's story has no answers beside it.
        if model not in row:
            continue
        label, before = row[model], row[f"{model} confidence"]
        here = one.answer.probabilities.get(label)
        if here is not None and abs(here - before) >= _NOTABLE:
            name = "baseline" if model == "baseline" else "fine-tuned model"
            said.append(f"Answered again here, {name}: {label} {here:.0%}; the answer above{rounded} was {before:.0%}.")
    return said


def kind_of(answers: Sequence[str]) -> str | None:
    """Return which of ``KINDS`` asks for these answers, None where neither does."""
    return next((name for name, own in KINDS.items() if set(own) == set(answers)), None)


def what_if(run: Run | None, text: str, answers: tuple[str, ...]) -> None:
    """Show the link to Headlines: the same prompt asks about the text, and a field waits with it to be changed."""
    kind = kind_of(answers)
    query = {"text": text, "edit": text, "mode": ONE} | numbered(_CHANGE, "yes")
    query |= ({"run": run.id} if run else {}) | ({"kind": kind} if kind else {})
    st.page_link(places.HEADLINES, label="What if …?", icon=":material/edit_note:", query_params=query)


def follow_what_if() -> None:
    """Let what a link of :func:`what_if` says win over what was kept of an earlier look at Headlines.

    Call it before the fields are shown. Streamlit itself passes over what equals a field's default.
    """
    if follow_numbered(_CHANGE) is None:
        return
    allowed = {"mode": (ONE,), "kind": tuple(KINDS)}
    for name in ("text", "edit", "mode", "kind"):
        said = st.query_params.get(name)
        if said is not None and said in allowed.get(name, (said,)):
            st.session_state[name] = said
    scroll_up()


def show_explanation(explanation: Explanation, key: str) -> None:
    """Show an explanation: for each model a sentence and the text with its words marked, then the values."""
    for model in explanation.models:
        st.markdown(f"**{plain_markdown(sentence(explanation, model))}**")
        st.markdown(marked_text(explanation, model))
    labels = explanation.baseline.answer.probabilities
    legend = ", ".join(f"{_MARKS[label]} {label}" for label in labels)
    how = (
        "the word's Shapley value, its mean effect over sampled orders in which the words join, ± its standard error"
        if explanation.method == SHAPLEY
        else "the change when that word alone is left out"
    )
    st.caption(
        f"A mark after a word says which label the word pushes towards most ({legend}); more of them, harder. The "
        f"table has each label's change of log-probability (natural) within the answer set: {how}."
    )
    table = effects_table(explanation)
    shares = [name for name in table.columns if name.endswith(", sure")]
    numbers = [name for name in table.columns if ": " in name]
    others = [name for name in table.columns[1:] if name not in numbers]
    show_table(
        table,
        f"why-{key}",
        height=min(420, 40 + 35 * len(table)),
        column_order=["word", *numbers, *others],
        column_config={"word": st.column_config.TextColumn(width=130)}
        | {
            name: st.column_config.NumberColumn(_head(name), width=66, format="%+.2f", help=_whole(name))
            for name in numbers
        }
        | {
            name: st.column_config.NumberColumn("±", width=50, format="%.2f", help=_whole(name))
            for name in numbers
            if name.endswith("±")
        }
        | {name: st.column_config.TextColumn(_head(name), width=110, help=_whole(name)) for name in others}
        | {
            name: st.column_config.NumberColumn("sure", width=60, format="percent", help=_whole(name))
            for name in shares
        },
    )


def _head(name: str) -> str:
    """Return what stands above a column: short enough to be read, the label as its mark."""
    model, _, label = name.replace("baseline", "base").replace("fine-tuned", "fine").partition(": ")
    return (
        f"{model} {_MARKS[label]}"
        if label in _MARKS
        else name.replace("baseline", "base").replace("fine-tuned", "fine")
    )


def _whole(name: str) -> str:
    return name[:1].upper() + name[1:]


def marked_text(explanation: Explanation, model: str) -> str:
    """Return the text as Markdown, letter by letter, each word that moves the answer marked and coloured."""
    parts, end = [], 0
    for word, effects in zip(explanation.words, explanation.models[model].effects, strict=True):
        parts.append(plain_markdown(explanation.text[end : word.start]))
        label, size = push_of(effects)
        steps = sum(size >= step for step in _STEPS)
        shown = plain_markdown(word.word)
        if steps:
            # Eight digits of a colour: the last two are its opacity.
            color = f"{LABEL_COLORS[label]}{('33', '59', '80')[steps - 1]}"
            shown = f':color[{shown} {_MARKS[label] * steps}]{{background="{color}"}}'
        parts.append(shown)
        end = word.end
    return "".join([*parts, plain_markdown(explanation.text[end:])])
