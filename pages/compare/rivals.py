"""Part of Compare: could a better prompt have done it? The rivals that were judged on the same rows."""

import pandas as pd
import streamlit as st

from finsent.evaluation.rivals import JudgedRival, judged_rivals
from finsent.runs.evaluated_sets import OWN
from finsent.runs.store import Run
from pages.shared.ui import PERCENT, plain_markdown, show_table, user_errors
from pages.shared.verdict import show_verdict


def show_rivals(run: Run, on: str, classes: int) -> None:
    """Show the verdict on the fine-tuned model beside the base model with better prompts, and how to judge one."""
    st.markdown("**Could a better prompt have done it?**")
    with user_errors():
        found = judged_rivals(run, on, classes)
    if not found:
        st.markdown("No rival has been judged on these rows yet. It takes no training, so it is worth asking.")
    for one in found:
        with st.expander(f"Fine-tuned beside {plain_markdown(one.title)}", expanded=len(found) == 1):
            show_verdict(one.verdict)
    if found:
        show_table(pd.DataFrame([_row(one) for one in found]), "rivals", column_config=_PERCENTS)
        st.caption(
            f"The base model with a better prompt, in per cent with 95 % intervals; n = {found[0].figures.n:,} rows. "
            "Examples in a prompt are training rows."
        )
    rows = "" if on == OWN else " --data FILE"
    with st.popover("Judge a rival", icon=":material/terminal:"):
        st.markdown("On the command line, with 3, 6 or 12 examples, or with another system prompt:")
        st.code(
            f"python -m finsent evaluate {run.id}{rows} --rival few-shot:6\n"
            f"python -m finsent evaluate {run.id}{rows} --rival prompt:FILE",
            language="bash",
        )


_PERCENTS = dict.fromkeys(["accuracy", "low", "high", "macro-F1", "neutral called positive"], PERCENT)


def _row(one: JudgedRival) -> dict[str, object]:
    figures = one.figures
    return {
        "rival": one.title,
        "accuracy": figures.accuracy,
        "low": figures.accuracy_ci.low,
        "high": figures.accuracy_ci.high,
        "macro-F1": figures.macro_f1,
        "neutral called positive": figures.neutral_as_positive,
        "n": figures.n,
    }
