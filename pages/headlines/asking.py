"""Asking the models on the Headlines page: when it may be done, and the answers, kept for all visitors."""

import time

import pandas as pd
import streamlit as st

from finsent.charts.probabilities import probability_figure
from finsent.evaluation.classifier import Classified
from finsent.runs.cores import cores_left_by
from finsent.runs.store import Run
from pages.shared.access import action, only_looking
from pages.shared.models import classifier_of, known_as
from pages.shared.runs_now import runs_now
from pages.shared.ui import show_chart

#: Not a widget's key: it must outlive a change of page.
_AGREED = "ask-the-baseline"

#: What can be asked beside one headline; these stand in the address.
MANY, BEHAVIOUR = "Many headlines", "Behavioural tests"
#: Invented; the first one is neutral, and a model that leans to the positive calls it positive.
EXAMPLES = (
    "Nordlake Systems proudly opens a bright new visitor centre beside its Tampere plant.",
    "Operating profit at Harrowgate Foods fell to EUR 3.1 million from EUR 4.9 million a year earlier.",
    "Velmora Shipping narrowed its quarterly loss as freight rates recovered.",
)
#: What the demo shows, invented, too: neutral news in cheerful words between results good and bad.
DEMO = (
    *EXAMPLES,
    "The chairman of Quillhaven Bank warmly welcomed guests to the annual garden party in Lindmere.",
    "Order intake at Corran Robotics grew by a fifth in the third quarter.",
    "Delvora will publish its half-year report on Thursday, 12 August, at nine o'clock.",
    "Skogvall Paper will close its Marlund mill and cut 240 jobs.",
    "A fresh logo and a friendly new slogan will greet travellers of Ferrule Airways from Monday.",
)


@st.cache_resource(max_entries=256, show_spinner="Asking …")
def _answered(
    _run: Run | None, models: tuple[str, str | None, int], texts: tuple[str, ...], answers: tuple[str, ...]
) -> tuple[list[Classified], float]:
    classifier = classifier_of(_run)
    began = time.perf_counter()
    results = classifier.classify(list(texts), answers)
    return results, time.perf_counter() - began


def answered(run: Run | None, texts: tuple[str, ...], answers: tuple[str, ...]) -> tuple[list[Classified], float]:
    """Return the answers to a few texts, and how many seconds they took when they were first asked for.

    Raises:
        FinsentError: a text is empty or too long, or the models cannot be used.
    """
    return _answered(run, known_as(run), texts, answers)


def may_ask(run: Run | None) -> bool:
    """Whether texts are answered without a click; otherwise show why not, or the button that begins it.

    A base model alone waits for one: it may have to be converted first, which takes half a minute.
    """
    if (why := only_looking()) is not None:
        st.info(f"Looking only: {why}", icon=":material/lock:")
        return False
    if run is None and not st.session_state.get(_AGREED):
        if not action(st.button, "Ask the baseline", type="primary", icon=":material/bolt:", key="ask-baseline"):
            return False
        st.session_state[_AGREED] = True
    if beside := cores_left_by(runs_now()).words:
        st.caption(beside)
    return True


def as_row(result: Classified) -> pd.Series:
    """Return both models' answers as a row of a table of answers has them; see :func:`pages.shared.why.show_why`."""
    answers = {"baseline": result.baseline} | ({"tuned": result.tuned} if result.tuned else {})
    labels = {model: answer.label for model, answer in answers.items()}
    return pd.Series(
        labels | {f"{model} confidence": answer.probabilities[answer.label] for model, answer in answers.items()}
    )


def show_answers(result: Classified, key: str) -> None:
    """Show both models' answers to a text: a sentence, and a bar a model."""
    if result.tuned is None:
        st.markdown(f"The baseline says **{result.baseline.label}**.")
    elif result.tuned.label == result.baseline.label:
        st.markdown(f"Both models say **{result.tuned.label}**.")
    else:
        st.markdown(f"Baseline **{result.baseline.label}**, fine-tuned **{result.tuned.label}**.")
    answers = {"baseline": result.baseline, "fine-tuned": result.tuned}
    shown = {model: answer.probabilities for model, answer in answers.items() if answer is not None}
    show_chart(probability_figure(shown), "The probability of each label within the answer set.", key=f"bars-{key}")
