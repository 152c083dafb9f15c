"""What every page shares: its head, the way it shows an error, a chart with its caption and table, plain text."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from finsent.errors import FinsentError

GLOSSARY = {
    "accuracy": "The share of texts whose label is right.",
    "adapter": "The small trained LoRA matrices. They are stored apart from the base model and switched on or off.",
    "answer set": "The labels that a prompt allows: positive, neutral, negative for news; bearish, neutral, bullish "
    "for market posts.",
    "baseline": "The base model as it was before fine-tuning.",
    "completion": "What the model should write after the prompt: one space and the label.",
    "confidence interval": "A range that covers the true figure in 95 of 100 repetitions with other test texts.",
    "epoch": "One pass over all training rows.",
    "gradient norm": "The length of the step that the loss asks for. Zero means that nothing is being learned.",
    "LoRA": "Low-rank adaptation: W' = W + A·B, where only the two thin matrices A and B are trained.",
    "loss": "Minus the mean log-probability of the right tokens. Lower is better.",
    "macro-F1": "The F1 of each class, averaged with equal weight, so that rare classes count as much.",
    "McNemar's test": "Asks whether two models differ, from the rows that only one of them gets right.",
    "NF4": "4-bit NormalFloat: sixteen values spaced for normally distributed weights, with one scale per 64 weights.",
    "model soup": "The mean of several fine-tuned models' weights: often better than each of them, as cheap as one.",
    "neutral called positive": "The share of neutral texts that the model labels positive: the error studied here.",
    "prompt": "Everything that the model reads before it answers.",
    "QLoRA": "LoRA on a base model whose frozen weights are stored in 4 bits.",
    "confusion matrix": "Counts of texts by gold label (rows) and by what the model says (columns). "
    "Right answers stand on the diagonal.",
    "F1": "The harmonic mean of precision and recall of a class: high only where both are.",
    "precision": "Of the texts that the model gives a label, the share that deserve it.",
    "recall": "Of the texts that deserve a label, the share that the model gives it.",
    "Brier score": "The mean squared distance between a model's probabilities and the truth, 0 to 2. Lower is better.",
    "Cochran's Q": "McNemar's question for more than two models: do they all get the same number of rows right?",
    "Holm's correction": "Raises p-values for the number of pairs tested, since of many pairs one looks different by "
    "chance.",
    "prefix LM": "A language model in which the tokens of a text see one another both ways, since the whole text is "
    "there before the answer. As pre-trained, a token sees those before it alone.",
    "prior": "How readily a model gives each label, whatever the text says.",
    "paired interval": "An interval of a difference on the same rows: what is hard for both models does not widen it.",
    "reliability": "Whether a model that says it is 80 % sure is right 80 % of the time.",
    "split": "Training rows teach, validation rows guide choices, test rows judge and are used for nothing else.",
    "activations": "What the forward pass keeps of each token for the backward pass. They grow with the batch.",
    "block scale": "NF4 stores 64 weights as multiples of one scale, the largest of them in size.",
    "gradient checkpointing": "Keep each layer's input alone and compute the rest again later: less memory, more time.",
    "optimizer state": "What AdamW remembers of each trained value: two running means, of its gradient and its square.",
    "rank": "The width r of LoRA's two thin matrices.",
    "tied embedding": "One matrix that serves twice: it turns tokens into vectors, and vectors into scores of tokens.",
}


def page_head(title: str, lead: str) -> None:
    """Show a page's title and the sentence that says what it is for."""
    _come_through_the_front_door()
    st.title(title)
    st.markdown(lead)


def _come_through_the_front_door() -> None:
    """Start the page again through streamlit_app.py where Streamlit ran its file alone.

    Until ``st.navigation`` has run once in a server's life, Streamlit takes a folder named pages for its older kind of
    app, and a link straight to a page runs that page's file without the set-up and the navigation.
    """
    # Once a session at most: starting again loses a click, and Streamlit's AppTest forgets the navigation at each run.
    if PagesManager.uses_pages_directory and not st.session_state.get("came-in"):
        PagesManager.uses_pages_directory = False
        st.session_state["came-in"] = True
        st.rerun()


def what_is(*terms: str) -> None:
    """Show a small “What is this?” that explains terms of art."""
    with st.popover("What is this?", icon=":material/help:"):
        for term in terms:
            st.markdown(f"**{term}** {GLOSSARY[term]}")


@contextmanager
def user_errors() -> Iterator[None]:
    """Show a user's error as one sentence and end the page there; anything else goes to Streamlit's log."""
    try:
        yield
    except FinsentError as error:
        st.error(plain_markdown(str(error)), icon=":material/error:")
        st.stop()


def show_chart(figure: go.Figure, caption: str, table: pd.DataFrame | None = None, key: str | None = None) -> None:
    """Show a figure, a caption that states what it shows, and the table behind it."""
    st.plotly_chart(figure, key=key, config={"displayModeBar": False})
    st.caption(caption)
    if table is not None:
        with st.expander("The table behind this chart"):
            st.dataframe(table, hide_index=True)


def on_demand(label: str, show: Callable[[], None], key: str, icon: str | None = None) -> None:
    """Show an expander whose content is made and sent only while the reader has it open."""
    part = st.expander(label, key=key, icon=icon, on_change="rerun")
    if part.open:
        with part:
            show()


def plain_markdown(text: str) -> str:
    """Return text with everything that Markdown would interpret escaped, for messages that quote what a user gave."""
    escaped = "".join(f"\\{mark}" if mark in r"\`*_{}[]()#+-.!|~$:<>&" else mark for mark in text)
    return escaped.replace("\n", "  \n")
