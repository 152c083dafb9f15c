"""Headlines: what the baseline and a fine-tuned model call a text, why, and what if it were another."""

import streamlit as st

from finsent.runs.store import Run
from pages.headlines.asking import BEHAVIOUR, MANY
from pages.headlines.behaviour import show_behaviour
from pages.headlines.demo import show_demo
from pages.headlines.many import show_many
from pages.headlines.one import show_one
from pages.shared import places
from pages.shared.choose_run import choose_run
from pages.shared.runs_now import runs_now
from pages.shared.ui import page_head, user_errors, what_is
from pages.shared.why import KINDS, ONE, follow_what_if

MODES = (ONE, MANY, BEHAVIOUR)


def choose_adapter(runs: list[Run]) -> Run | None:
    if runs:
        return choose_run(runs, lambda run: True, "Fine-tuned model")
    st.info("No fine-tuned model yet, so only the baseline answers. A quick run takes a few minutes.")
    st.page_link(places.TRAIN, label="Launch a run", icon=":material/play_circle:")
    return None


def choose_answers() -> tuple[str, ...]:
    kind = st.segmented_control(
        "The prompt asks for",
        list(KINDS),
        default="News",
        required=True,
        help=". ".join(f"{title}: {', '.join(answers)}" for title, answers in KINDS.items()) + ".",
        key="kind",
        bind="query-params",
    )
    return KINDS[kind]


def show_page() -> None:
    runs = [run for run in runs_now() if run.has_adapter]
    if st.query_params.get("view") == "demo":
        with user_errors():
            show_demo(runs)
        return
    follow_what_if()
    page_head(
        "Headlines",
        "Type a financial headline. Both models answer: the baseline (the base model as it came) and the fine-tuned "
        "model.",
    )
    with user_errors():
        with st.container(horizontal=True, vertical_alignment="bottom"):
            run = choose_adapter(runs)
            answers = choose_answers()
            what_is("baseline", "adapter", "answer set")
        mode = st.segmented_control(
            "What to ask",
            MODES,
            default=ONE,
            required=True,
            key="mode",
            bind="query-params",
            label_visibility="collapsed",
        )
        if mode == ONE:
            show_one(run, answers)
        elif mode == MANY:
            show_many(run, answers)
        else:
            show_behaviour(run)


show_page()
