"""The verdict on two models, as Lab and Compare show it."""

import streamlit as st

from finsent.metrics.verdict import Verdict
from finsent.metrics.wording import headline, verdict_lines
from pages.shared.ui import plain_markdown

#: Lines of a verdict whose parts are changes.
CHANGES = ("Better", "Worse")
#: Colour and icon of the whole verdict, gains and losses together.
LOOKS = {
    "good": ("green", ":material/check_circle:"),
    "mixed": ("orange", ":material/balance:"),
    "bad": ("red", ":material/cancel:"),
    "none": ("gray", ":material/balance:"),
}


def show_verdict(verdict: Verdict, brief: bool = False) -> None:
    """Show a verdict: its headline in the colour of the whole, and below it what it rests on, a line each.

    A ``brief`` one has the headline and what got worse.
    """
    color, icon = LOOKS[verdict.tone]
    opening, _, evidence = headline(verdict).partition(": ")
    st.markdown(f"**:{color}[{icon} {plain_markdown(opening)}]:** {kept_together(evidence)}")
    lines = [line for line in verdict_lines(verdict) if not brief or line[0] == "Worse"]
    st.markdown("\n".join(_listed(title, text) for title, text in lines))


def _listed(title: str, text: str) -> str:
    """Return a line of a verdict as Markdown; what became better and worse is many figures, each an item of its own."""
    first, *more = text.removesuffix(".").split("; ") if title in CHANGES else (text,)
    return "\n".join([f"- **{title}:** {kept_together(first)}", *(f"    - {kept_together(one)}" for one in more)])


def kept_together(text: str) -> str:
    """Return text for Markdown in which a line never ends within “n = 132”."""
    return plain_markdown(text).replace(" = ", "\u00a0=\u00a0")
