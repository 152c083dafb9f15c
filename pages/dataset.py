"""Dataset: the labelled texts as they are, their labels and sources, the split, what the checks found."""

from typing import Any

import pandas as pd
import streamlit as st

from finsent import checks
from finsent.charts_data import label_figure, label_table, source_table, split_table, stacked_figure
from finsent.datasets import (
    SPLITS,
    SentimentData,
    export_csv,
    filter_rows,
    load_data,
    load_upload,
    source_version,
    split_rows,
)
from finsent.errors import FinsentError
from finsent.labels import FIVE_LABELS
from finsent.models import MODELS
from finsent.prompts import completion
from finsent.sources import CARD_FILE, EMBEDDED, HUB, HUB_DATASET, READERS
from finsent.tokens import load_tokenizer, token_table
from pages._ui import page_head, plain_markdown, show_chart, user_errors, what_is

SOURCES = {EMBEDDED: "Embedded: lab headlines (synthetic)", HUB: f"Hub: {HUB_DATASET}"}
COLUMNS = ["row_id", "label", "text", "split", "source", "topic"]
PAGE_ROWS = 2_000
SHARE = st.column_config.NumberColumn(format="percent")


# Shared between visitors rather than copied for each: nothing on this page changes a table in place.
@st.cache_resource(max_entries=3, show_spinner="Reading the data …")
def read_source(source: str, version: str) -> tuple[SentimentData, pd.DataFrame]:
    data = load_data(source)
    return data, split_rows(data.rows)


@st.cache_resource(max_entries=3, show_spinner="Reading the file …")
def read_upload(content: bytes, name: str) -> tuple[SentimentData, pd.DataFrame]:
    data = load_upload(content, name)
    return data, split_rows(data.rows)


@st.cache_resource(max_entries=3, show_spinner="Checking the rows …")
def check(fingerprint: str, _rows: pd.DataFrame) -> list[tuple[checks.Finding, pd.DataFrame]]:
    return [(finding, checks.finding_rows(_rows, finding)) for finding in checks.find_issues(_rows)]


@st.cache_resource(max_entries=2, show_spinner="Loading the tokenizer …")
def tokenizer_of(model: str) -> Any:
    return load_tokenizer(model)


def choose_data() -> tuple[SentimentData, pd.DataFrame]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = st.selectbox(
            "Data",
            list(SOURCES),
            format_func=lambda name: SOURCES.get(name, name),
            accept_new_options=True,
            key="data",
            bind="query-params",
            help="Choose one, or type the path of a file or folder with text,label or the Sujet columns, on the "
            "machine that runs this app.",
            width=460,
        )
        with st.popover("Open a file", icon=":material/upload_file:"):
            upload = st.file_uploader(
                "A file of your own, with the columns text,label",
                type=[suffix.removeprefix(".") for suffix in READERS],
                help="It is looked at here and stored nowhere. To train on it, type its path instead.",
            )
        what_is("prompt", "answer set", "completion", "split", "loss")
    if upload is not None:
        st.caption("Shown is the opened file. Remove it there to come back to the data chosen.")
        return read_upload(upload.getvalue(), upload.name)
    return read_source(source, source_version(source))


def counts(data: SentimentData, rows: pd.DataFrame) -> None:
    with st.container(horizontal=True, gap="medium"):
        st.metric("Sentiment rows", f"{len(rows):,}", width="content")
        st.metric("Rows before the filter", f"{data.total_rows:,}", width="content")
        for split in SPLITS:
            st.metric(f"{split.capitalize()} rows", f"{(rows['split'] == split).sum():,}", width="content")
    if data.synthetic:
        st.caption(
            ":material/science: **Synthetic data.** These texts were written for this project, and every company in "
            "them is invented. They show how things work; quote real data for how well."
        )


def overview(data: SentimentData, rows: pd.DataFrame) -> None:
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
    st.caption(
        f"Kept: rows whose task_type is exactly “sentiment_analysis”, {len(rows):,} of {data.total_rows:,}. "
        f"SHA-256 of the rows: {data.fingerprint}"
    )


def filters(rows: pd.DataFrame) -> pd.DataFrame:
    search = st.text_input(
        "Search the texts",
        key="search",
        bind="query-params",
        type="search",
        live=True,
        placeholder="any part of a text, for example: profit",
    )
    chosen = {}
    columns = st.columns(4)
    options = {
        "label": [label for label in FIVE_LABELS if label in set(rows["label"])],
        "split": list(SPLITS),
        "source": sorted(rows["source"].unique()),
        "topic": sorted(set(rows["topic"]) - {""}),
    }
    for column, (name, values) in zip(columns, options.items(), strict=True):
        chosen[name] = column.multiselect(
            name.capitalize(),
            values,
            key=name,
            bind="query-params",
            placeholder="all" if values else "none in these data",
            disabled=not values,
        )
    return filter_rows(rows, search, **chosen)


@st.fragment
def browse(rows: pd.DataFrame) -> None:
    # A fragment: a search or a choice runs this part of the page alone.
    found = filters(rows)
    pages = max(1, -(-len(found) // PAGE_ROWS))
    page = 1
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(found):,}** of {len(rows):,} rows. Choose one to open it.", width="content")
        if pages > 1:
            # A table that can be chosen from is sent to the browser whole, so a large one goes in pages.
            page = st.number_input(f"Page, of {pages}", 1, pages, key="page", bind="query-params", width=140)
        st.download_button(
            "Download as CSV",
            lambda: export_csv(found[[*COLUMNS, "answers"]]),
            "finsent_rows.csv",
            "text/csv",
            icon=":material/download:",
            disabled=found.empty,
            on_click="ignore",
        )
    if found.empty:
        st.info("No row matches. Clear the search or a filter.", icon=":material/filter_alt_off:")
        return
    shown = found.iloc[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
    wanted = st.query_params.get("row")
    places = shown["row_id"].tolist()
    start = [places.index(wanted)] if wanted in places else []
    state = st.dataframe(
        shown[_columns(rows)],
        hide_index=True,
        height=min(360, 38 + 35 * len(shown)),
        # A selection is a place in the table: another table needs another widget.
        key=f"rows-{pd.util.hash_pandas_object(found['row_id'], index=False).sum()}",
        on_select="rerun",
        selection_mode="single-row",
        selection_default={"selection": {"rows": start}},
        column_config={
            "row_id": st.column_config.TextColumn("id", width="small"),
            "label": st.column_config.TextColumn(width="small"),
            "text": st.column_config.TextColumn(width="large"),
            "split": st.column_config.TextColumn(width="small"),
        },
    )
    selected = state.selection.rows
    if selected:
        row = shown.iloc[selected[0]]
        st.query_params["row"] = row["row_id"]
        open_row(rows, row)
    else:
        st.query_params.pop("row", None)


def _columns(rows: pd.DataFrame) -> list[str]:
    return COLUMNS if rows["topic"].any() else [name for name in COLUMNS if name != "topic"]


def open_row(rows: pd.DataFrame, row: pd.Series) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Prompt and answer")
        st.caption(f"Row {row['row_id']}, {row['split']} split. The prompt, byte for byte:")
        st.code(row["prompt"], language=None, wrap_lines=True)
        st.caption(f"The answer to learn, one space and the label; allowed are {row['answers'].replace('|', ', ')}:")
        st.code(completion(row["label"]), language=None)
    with right:
        st.subheader("Tokens")
        model = st.selectbox(
            "Tokenizer of",
            list(MODELS),
            format_func=MODELS.get,
            key="tokenizer",
            bind="query-params",
        )
        try:
            tokens = token_table(tokenizer_of(model), rows, row["row_id"])
        except FinsentError as error:
            st.warning(plain_markdown(str(error)), icon=":material/cloud_off:")
            return
        st.caption(
            f"{len(tokens)} tokens. The loss counts {tokens['answer_loss'].sum()} of them on the answer alone, "
            f"{tokens['sequence_loss'].sum()} on the whole sequence. {tokens['shared'].sum()} are the same in every "
            "prompt of this kind and computed once a batch. The last token stands first; · is a space, ↵ a line end."
        )
        st.dataframe(
            tokens[::-1],
            height=330,
            column_config={
                "_index": st.column_config.NumberColumn("place", width=55),
                "token": st.column_config.TextColumn(width=110),
                "id": st.column_config.NumberColumn(width=60, format="plain"),
                "answer_loss": st.column_config.CheckboxColumn(
                    "answer loss", width=95, help="Supervised where the loss is on the answer alone."
                ),
                "sequence_loss": st.column_config.CheckboxColumn(
                    "sequence loss", width=115, help="Supervised where the loss is on the whole sequence."
                ),
                "shared": st.column_config.CheckboxColumn(
                    "shared", width=65, help="In the prefix that all prompts of this kind begin with."
                ),
            },
        )


def split(rows: pd.DataFrame) -> None:
    table = split_table(rows)
    show_chart(stacked_figure(table, "split"), "Share of each label within each split; rows beside its name.", None)
    st.dataframe(table, hide_index=True, column_config={"share": SHARE})
    st.markdown(
        "Drawn as in the tutorial: `train_test_split(test_size=0.2, seed=42)`, then the held-out fifth again with "
        "`test_size=0.5, seed=42`. The second call's *train* half is the **test** split, its *test* half the "
        "**validation** split. Training rows teach, validation rows guide choices, test rows judge and are used for "
        "nothing else."
    )


def findings(data: SentimentData, rows: pd.DataFrame) -> None:
    found = check(data.fingerprint, rows)
    if not found:
        st.success(
            f"Nothing found in {len(rows):,} rows: no repeated or conflicting texts, none shared between the splits, "
            "none very long.",
            icon=":material/check:",
        )
    for number, (finding, shown) in enumerate(found):
        with st.expander(f"{finding.title}: {finding.n:,} of {len(rows):,} rows"):
            st.text(finding.sentence)
            st.dataframe(
                shown[_columns(rows)],
                hide_index=True,
                key=f"finding-{number}",
                column_config={"text": st.column_config.TextColumn(width="large")},
            )
            if finding.n > len(finding.row_ids):
                st.caption(f"The first {len(finding.row_ids):,} are shown, with their near twins.")


def data_card(data: SentimentData) -> None:
    if data.synthetic:
        card = CARD_FILE.read_text(encoding="utf-8")
        st.markdown(card.partition("\n")[2])
    elif data.source == HUB:
        st.markdown(
            f"`{HUB_DATASET}` collects instructions for finance from several public data sets; the rows kept here are "
            "those for sentiment analysis. Its own card on the hub names the data sets and their licences."
        )
    else:
        st.text(f"{data.title} is your own data: only you know where it comes from and who labelled it.")


page_head("Dataset", "The labelled texts that a model is trained and judged on. Look before you train.")
with user_errors():
    data, rows = choose_data()
counts(data, rows)
names = ["Overview", "Rows", "Split", "Findings", "Data card"]
tabs = dict(zip(names, st.tabs(names, key="view", bind="query-params"), strict=True))
with tabs["Overview"]:
    overview(data, rows)
with tabs["Rows"]:
    browse(rows)
with tabs["Split"]:
    split(rows)
if tabs["Findings"].open:
    # The checks read every text, so they wait until they are asked for.
    with tabs["Findings"]:
        findings(data, rows)
with tabs["Data card"]:
    data_card(data)
