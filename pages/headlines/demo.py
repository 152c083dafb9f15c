"""The demo view of Headlines, for a projector: one headline at a time in large type, baseline beside fine-tuned."""

import streamlit as st

from finsent.charts.probabilities import probability_figure
from finsent.evaluation.classifier import Answer
from finsent.labels import NEWS_ANSWERS
from finsent.runs.store import Run
from pages.headlines.asking import DEMO, answered, may_ask
from pages.shared import places
from pages.shared.choose_run import choose_run
from pages.shared.ui import plain_markdown

#: Not a widget's key: which headline is shown.
_AT = "demo-at"
_COLORS = {"positive": "blue", "neutral": "gray", "negative": "orange"}


def show_demo(runs: list[Run]) -> None:
    """Show one headline after another; space or an arrow key goes on."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button("Back", icon=":material/arrow_back:", shortcut="Left", on_click=_move, args=(-1,))
        st.button("Next", icon=":material/arrow_forward:", shortcut="Right", on_click=_move, args=(1,))
        st.button("On", icon=":material/space_bar:", shortcut="Space", on_click=_move, args=(1,), type="primary")
        st.page_link(places.HEADLINES, label="Leave the demo", icon=":material/close:")
        run = choose_run(runs, lambda run: True, "Fine-tuned model") if runs else None
    if not may_ask(run):
        return
    at = st.session_state.get(_AT, 0) % len(DEMO)
    # All at once, so that none is waited for when it is shown.
    results, _ = answered(run, DEMO, NEWS_ANSWERS)
    result = results[at]
    st.markdown(f"# {plain_markdown(result.text)}")
    columns = st.columns(2 if result.tuned else 1, gap="large")
    models = {"Baseline": result.baseline} | ({"Fine-tuned": result.tuned} if result.tuned else {})
    for column, (name, answer) in zip(columns, models.items(), strict=True):
        with column.container(border=True):
            show_large(name, answer)
    shown = {name.lower(): answer.probabilities for name, answer in models.items()}
    st.plotly_chart(probability_figure(shown), key="demo-bars", config={"displayModeBar": False})
    st.caption(
        f"{at + 1} of {len(DEMO)}, invented headlines. Bars: the probability of each label within the answer set. "
        "Space or → goes on, ← back."
    )


def show_large(name: str, answer: Answer) -> None:
    st.markdown(f"### {name}")
    share = answer.probabilities[answer.label]
    st.markdown(f"# :{_COLORS[answer.label]}[{answer.label}] {share:.0%}")


def _move(steps: int) -> None:
    st.session_state[_AT] = st.session_state.get(_AT, 0) + steps
