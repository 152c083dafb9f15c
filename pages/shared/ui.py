"""What every page shares: its head, the way it shows an error, a chart with its caption and table, plain text."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
import streamlit as st

from finsent.data.browse import hits
from finsent.data.dataset import SentimentData
from finsent.data.export import export_csv
from finsent.errors import ColumnAskedError, FinsentError, LabelsAskedError
from pages.shared import places
from pages.shared.pressed import end_here

if TYPE_CHECKING:
    # Slow to import, and the first page shows no figure.
    import plotly.graph_objects as go

Choice = TypeVar("Choice")
#: How a table shows shares, which are from 0 to 1.
PERCENT = st.column_config.NumberColumn(format="percent")

#: What Streamlit looks for in finished text: ``:name:``, addresses of the web and of mail, arrows and signs like them.
_READ_AFTERWARDS = re.compile(
    r":(?=[\w/+-]+:|//)|www(?=\.)|(?<=[\w.+-])(?=@)|(?<!\S)[-<>~](?=[->=]{1,2}(?!\S))", re.IGNORECASE
)

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
    st.title(title)
    st.markdown(lead)


def what_is(*terms: str) -> None:
    """Show a small “What is this?” that explains terms of art."""
    with st.popover("What is this?", icon=":material/help:"):
        for term in terms:
            st.markdown(f"**{term}** {GLOSSARY[term]}")


def show_error(error: FinsentError) -> None:
    """Show a user's error as one sentence."""
    st.error(plain_markdown(str(error)), icon=":material/error:")


def show_data_error(error: FinsentError, source: str) -> None:
    """Show why data cannot be used, and where what only the visitor can say about them is asked."""
    show_error(error)
    if isinstance(error, (ColumnAskedError, LabelsAskedError)):
        where = {"data": source}
        st.page_link(places.DATASET, label="Answer it on Dataset", icon=":material/rule:", query_params=where)


@contextmanager
def user_errors() -> Iterator[None]:
    """Show a user's error as one sentence and end the page there; anything else goes to Streamlit's log."""
    try:
        yield
    except FinsentError as error:
        show_error(error)
        end_here()


def show_chart(figure: "go.Figure", caption: str, table: pd.DataFrame | None = None, key: str | None = None) -> None:
    """Show a figure, a caption that states what it shows, and the table behind it."""
    st.plotly_chart(figure, key=key, config={"displayModeBar": False})
    st.caption(caption)
    if table is not None:
        with st.expander("The table behind this chart"):
            # Tables of the library name the fine-tuned model's columns shorter than the reader knows it.
            short = [name for name in table.columns if str(name).startswith("tuned")]
            show_table(table.rename(columns={name: f"fine-{name}" for name in short}), key or caption)


def show_table(table: pd.DataFrame, name: str, **look: Any) -> None:
    """Show a table and, below it, its download as CSV, in which nothing is a formula; ``look`` is for st.dataframe.

    ``name`` is that of the file, and must be the only one on the page. The download that Streamlit's tables have of
    themselves writes what a spreadsheet would run, and is switched off.
    """
    shown = {"hide_index": True} | look
    st.dataframe(table, **shown)
    table_button(table if shown["hide_index"] else table.reset_index(), name)


def table_button(table: pd.DataFrame, name: str) -> None:
    """Offer what is shown as a file of this name, which must be the only one on the page."""
    help = "This table as a file"
    csv_button("CSV", table, f"finsent-{name}.csv", key=f"csv-{name}", type="tertiary", help=help)


def scroll_up() -> None:
    """Bring the top of the page into view: Streamlit stays where the button stood that was pressed."""
    top = "<script>document.querySelector('[data-testid=stMain]').scrollTo(0, 0)</script>"
    st.html(top, unsafe_allow_javascript=True)


def choose_one(label: str, titles: Mapping[Choice, str], default: Choice, key: str, help: str | None = None) -> Choice:
    """Let the visitor choose one of some values by their titles, side by side; the address has it under ``key``."""
    return st.segmented_control(
        label,
        list(titles),
        default=default,
        required=True,
        format_func=titles.__getitem__,
        key=key,
        help=help,
        bind="query-params",
    )


def counted(n: int, noun: str) -> str:
    """Return a number with what it counts, for example ``1 row`` or ``1,319 rows``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def say_cut(shown: int, of: int) -> None:
    """Say that a table shows its first rows alone, and that the download beside it has all."""
    if of > shown:
        st.caption(f"The first {shown:,} of {of:,} rows; the download has them all.")


def csv_button(label: str, table: pd.DataFrame | Callable[[], pd.DataFrame], file: str, **look: Any) -> None:
    """Offer a table as a CSV file in which nothing is a formula; it is written when somebody asks for it."""
    given = {"icon": ":material/download:", "on_click": "ignore"} | look
    st.download_button(label, lambda: export_csv(table() if callable(table) else table), file, "text/csv", **given)


def show_notes(data: SentimentData) -> None:
    """Show what was decided or left out while data were read."""
    for note in data.notes:
        st.caption(f":material/info: {plain_markdown(note)}")


def on_demand(label: str, show: Callable[[], None], key: str, icon: str | None = None, expanded: bool = False) -> None:
    """Show an expander whose content is made and sent only while the reader has it open, as it is at first."""
    part = st.expander(label, expanded=expanded, key=key, icon=icon, on_change="rerun")
    if part.open:
        with part:
            show()


def plain_markdown(text: str) -> str:
    """Return text that Streamlit's Markdown shows letter by letter, for everything that is quoted from elsewhere.

    A backslash before each mark keeps Markdown, HTML, LaTeX and colour directives from being read. Addresses, emoji
    and icons (``:name:``) and arrows are looked for after that, in the finished text; an unseen word joiner (U+2060)
    inside them keeps them apart. See GitHub Flavored Markdown's autolinks, and ``st.markdown``.
    """
    apart = _READ_AFTERWARDS.sub(lambda found: f"{found[0]}\u2060", text)
    escaped = "".join(f"\\{mark}" if mark in r"\`*_{}[]()#+-.!|~$:<>&" else mark for mark in apart)
    return escaped.replace("\n", "  \n")


def marked(text: str, search: str) -> str:
    """Return text as :func:`plain_markdown` does, what was searched for on a coloured ground."""
    parts = (
        f":orange-background[{plain_markdown(part)}]" if hit and part.strip() else plain_markdown(part)
        for part, hit in hits(text, search)
    )
    return "".join(parts)


def plain_badge(text: str, icon: str, color: str) -> None:
    """Show text letter by letter as a badge; ``st.badge`` escapes brackets a second time, which sets them free."""
    st.markdown(f":{color}-badge[{icon} {plain_markdown(text)}]", width="content")
