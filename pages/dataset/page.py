"""Dataset: the labelled texts as they are, their labels and sources, the split, what the checks found."""

import pandas as pd
import streamlit as st

from finsent.charts.data import label_figure, label_table, source_table, split_table, stacked_figure
from finsent.data import checks
from finsent.data.choices import Choices
from finsent.data.dataset import SentimentData, data_card
from finsent.data.gives_away import GivenAway, gives_away
from finsent.data.sources import HUB
from finsent.data.splits import GIVEN, GROUPED, SPLITS
from finsent.data.twins import with_words
from pages.dataset.distributions import distributions
from pages.dataset.rows import browse, shown_columns
from pages.dataset.source import choose_data
from pages.dataset.text_map import show_map
from pages.dataset.understood import as_settings, show_understood
from pages.shared import places
from pages.shared.ui import PERCENT, page_head, show_chart, show_notes, show_table, user_errors


@st.cache_resource(max_entries=3, show_spinner="Checking the rows …")
def check(fingerprint: str, _rows: pd.DataFrame) -> list[tuple[checks.Finding, pd.DataFrame]]:
    ready = with_words(_rows)
    found = checks.find_issues(ready)
    return [(finding, checks.finding_rows(ready, finding)[list(_rows.columns)]) for finding in found]


def counts(data: SentimentData, rows: pd.DataFrame) -> None:
    with st.container(horizontal=True, gap="medium"):
        st.metric("Sentiment rows", f"{len(rows):,}", width="content")
        st.metric("Rows of the file", f"{data.total_rows:,}", width="content")
        for split in SPLITS:
            st.metric(f"{split.capitalize()} rows", f"{(rows['split'] == split).sum():,}", width="content")
    if data.synthetic:
        st.caption(
            ":material/science: **Synthetic data.** These texts were written for this project, and every company in "
            "them is invented. They show how things work; quote real data for how well."
        )


@st.cache_resource(max_entries=3, show_spinner=False)
def prompts(fingerprint: str, _rows: pd.DataFrame) -> GivenAway:
    return gives_away(_rows)


def overview(data: SentimentData, rows: pd.DataFrame) -> None:
    counts(data, rows)
    labels, sources = label_table(rows), source_table(rows)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Labels")
        show_chart(
            label_figure(labels), f"Rows and share of each label, all splits, n = {len(rows):,}.", labels, "labels"
        )
    with right:
        st.subheader("Sources")
        show_chart(
            stacked_figure(sources.head(12), "source"),
            f"Share of each label within {'each source' if len(sources) <= 12 else 'the 12 largest sources'}; "
            "the number of rows stands beside its name.",
            sources,
            "sources",
        )
    kept = ""
    if data.source == HUB or len(rows) + len(data.refused) < data.total_rows:
        kept = f"Kept: rows whose task_type is exactly “sentiment_analysis”, {len(rows):,} of {data.total_rows:,}. "
    st.caption(f"{kept}SHA-256 of the rows: {data.fingerprint}")


def split(data: SentimentData, rows: pd.DataFrame) -> None:
    table = split_table(rows)
    show_chart(stacked_figure(table, "split"), "Share of each label within each split; rows beside its name.", None)
    show_table(table, "split", column_config={"share": PERCENT})
    if GIVEN in " ".join(data.notes):
        st.markdown("The source gives these splits itself; what it lacks was drawn from its training rows.")
        return
    st.markdown(
        "Drawn as in the tutorial: `train_test_split(test_size=0.2, seed=42)`, then the held-out fifth again with "
        "`test_size=0.5, seed=42`. The second call's *train* half is the **test** split, its *test* half the "
        "**validation** split. Training rows teach, validation rows guide choices, test rows judge and are used for "
        "nothing else."
    )


def findings(data: SentimentData, rows: pd.DataFrame, choices: Choices) -> None:
    found = check(data.fingerprint, rows)
    away = prompts(data.fingerprint, rows)
    st.caption(
        f"Does the prompt give the label away? Without its text it tells the label of {away.told:.1%} of {away.n:,} "
        f"rows ({away.frames:,} different prompts, labels over three classes); the commonest label is right on "
        f"{away.chance:.1%}."
    )
    if not found:
        st.success(
            f"Nothing found in {len(rows):,} rows: no repeated or conflicting texts, none shared between the splits, "
            "none very long.",
            icon=":material/check:",
        )
    for number, (finding, shown) in enumerate(found):
        with st.expander(f"{finding.title}: {finding.n:,} of {len(rows):,} rows"):
            st.text(finding.sentence)
            if finding.title == checks.LEAKS:
                st.page_link(
                    places.TRAIN,
                    label="Train with a split that keeps twins together",
                    icon=":material/call_split:",
                    query_params=as_settings(data, choices) | {"quick-split": GROUPED},
                )
            show_table(
                shown[shown_columns(rows)],
                f"finding-{number}",
                key=f"finding-{number}",
                column_config={"text": st.column_config.TextColumn(width="large")},
            )
            if finding.n > len(finding.row_ids):
                st.caption(f"The first {len(finding.row_ids):,} are shown, with their near twins.")


def show_card(data: SentimentData) -> None:
    card = data_card(data)
    if data.synthetic:
        st.markdown(card.partition("\n")[2])
    else:
        st.text(card)


page_head("Dataset", "The labelled texts that a model is trained and judged on. Look before you train.")
with user_errors():
    data, rows, table, choices = choose_data()
show_notes(data)
show_understood(data, choices)
names = ["Overview", "Rows", "Map", "Lengths and words", "Split", "Findings", "Data card"]
tabs = dict(zip(names, st.tabs(names, key="view", bind="query-params"), strict=True))
with tabs["Overview"]:
    overview(data, rows)
with tabs["Rows"]:
    browse(rows, table)
if tabs["Map"].open:
    with tabs["Map"]:
        show_map(data.fingerprint, rows)
if tabs["Lengths and words"].open:
    with tabs["Lengths and words"]:
        distributions(data.fingerprint, rows)
with tabs["Split"]:
    split(data, rows)
if tabs["Findings"].open:
    # The checks read every text, so they wait until they are asked for.
    with tabs["Findings"]:
        findings(data, rows, choices)
with tabs["Data card"]:
    show_card(data)
