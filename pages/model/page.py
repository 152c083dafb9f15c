"""Model: its parameters before and after LoRA, what the numbers mean, LoRA's arithmetic, and the memory account."""

import pandas as pd
import streamlit as st

from finsent.charts.model import (
    comparison_table,
    formula_table,
    parameter_treemap,
    parts_table,
    rank_figure,
    rank_table,
)
from finsent.models.base import MODELS, QWEN3
from finsent.models.summary import TARGET_MODULES, Matrix, Summary, lora_parameters, summarise
from finsent.recipe import get_recipe
from pages.model.memory import show_memory
from pages.shared.hub_facts import show_hub_facts
from pages.shared.pressed import end_here
from pages.shared.typed import chosen, may_read
from pages.shared.ui import page_head, plain_markdown, show_chart, show_table, user_errors, what_is

WHOLE = st.column_config.NumberColumn(format="localized")
#: LoRA's example in the tutorial: a matrix of n rows and m columns.
EXAMPLE_ROWS, EXAMPLE_COLUMNS = 10_000, 20_000


# A folder can change while the app runs, so what was read from one is kept for minutes only.
@st.cache_data(max_entries=24, ttl=600, show_spinner="Building the model from its configuration …")
def summary_of(model: str, rank: int, targets: tuple[str, ...]) -> Summary:
    return summarise(model, rank=rank, target_modules=targets)


def choose_model() -> tuple[str, int, tuple[str, ...]]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        title = st.selectbox(
            "Model",
            list(MODELS.values()),
            accept_new_options=True,
            key="model",
            bind="query-params",
            on_change=chosen,
            args=("model",),
            help="Choose one, or type a name on the model hub (owner/name), or the path of a model folder on the "
            "machine that runs this app. The hub says first what it is and what would be fetched. Qwen3-0.6B is built "
            "from its configuration, so its numbers are right without the hub, too.",
            width=300,
        )
        targets = st.multiselect(
            "Matrices that get LoRA",
            TARGET_MODULES,
            default=list(get_recipe("quick").target_modules),
            key="targets",
            bind="query-params",
            help="Query and value are PEFT's default, and the tutorial's.",
            width=300,
        )
        rank = st.select_slider(
            "LoRA rank", [1, 2, 4, 8, 16, 32, 64, 128, 256], value=8, key="rank", bind="query-params", width=170
        )
        what_is("LoRA", "rank", "NF4", "QLoRA", "tied embedding")
    if not targets:
        st.info("Choose at least one matrix that gets LoRA.", icon=":material/info:")
        end_here()
    # The list shows titles; a name (as the command line has it) or a path that somebody types is taken as it is.
    model = {known: name for name, known in MODELS.items()}.get(title, title)
    # The models of the list are counted from their configurations, without asking the hub.
    if model not in MODELS and not may_read(model=model):
        end_here()
    return model, rank, tuple(targets)


def show_figures(summary: Summary) -> None:
    counts = summary.parameters
    with st.container(horizontal=True, gap="medium"):
        figure("Parameters", counts.real, "each once")
        figure("of them in 4 bits", counts.in_4bit, f"{counts.in_4bit / counts.real:.1%}")
        figure("LoRA adds and trains", counts.lora, f"{counts.lora / counts.real:.3%}")
        figure("torchinfo's total", summary.before.total, "counts otherwise, see below")


def figure(title: str, value: int, note: str) -> None:
    st.metric(title, f"{value:,}", note, delta_color="off", delta_arrow="off", width="content")


def show_tables(summary: Summary) -> None:
    st.subheader("Before and after LoRA", anchor=False)
    st.markdown("As `torchinfo.summary(model, depth=2)` prints it: loaded in 4 bits, then frozen and with LoRA added.")
    left, right = st.container(key="torchinfo").columns(2, gap="medium")
    for column, title, printed in ((left, "Before", summary.before), (right, "After", summary.after)):
        with column:
            st.markdown(f"**{title}**")
            st.code(printed.narrow_text, language=None)
    table = comparison_table(summary)
    show_table(table, "before-after", column_config=dict.fromkeys(("before", "after", "change"), WHOLE))
    st.caption(
        "The same numbers as a table; above, blank columns are left out. "
        f"LoRA of rank {summary.rank} on {', '.join(summary.target_modules)}."
    )


def show_meaning(summary: Summary) -> None:
    st.subheader("What each number means", anchor=False)
    counts, before = summary.parameters, summary.before
    halves = (
        f"**Total {before.total:,} is less than the {counts.real:,} parameters that there are.** Two 4-bit weights "
        f"share a byte, and torchinfo counts bytes: {counts.in_4bit:,} weights in 4-bit layers count as "
        f"{counts.packed:,}."
    )
    twice = (
        f" And the embedding counts twice, once where tokens come in and once as the output head, though both are one "
        f"matrix of {counts.embedding:,} values. So {counts.real:,} − {counts.packed:,} + {counts.embedding:,} = "
        f"{before.total:,}."
        if counts.tied
        else f" So {counts.real:,} − {counts.packed:,} = {before.total:,}."
    )
    what = "the embedding, counted twice, and the norms" if counts.tied else "the embedding, the head and the norms"
    st.markdown(
        f"- {halves}{twice}\n"
        f"- **Trainable {before.trainable:,} before freezing** is {what}: 4-bit weights can't be trained, and "
        "everything else is trainable until it is frozen. Nothing of it is meant to train.\n"
        f"- **Non-trainable {before.non_trainable:,}** are the bytes of the 4-bit layers.\n"
        f"- **After**, all of that is frozen, and the {summary.after.trainable:,} trainable values are LoRA's A and B, "
        f"{counts.lora / counts.real:.2%} of the model."
    )


def show_parts(summary: Summary) -> None:
    left, right = st.columns([5, 3], gap="large")
    with left:
        st.subheader("Where the parameters are", anchor=False)
        show_chart(
            parameter_treemap(summary),
            "Every parameter once, areas in proportion; equal matrices of all layers are added up. Grey-blue is "
            "frozen in 4 bits, brown is frozen and not quantised, green is what LoRA trains: hover, or read the table, "
            "where it is too small to see.",
            parts_table(summary),
            "treemap",
        )
    with right:
        st.subheader("The configuration", anchor=False)
        facts = {title: _fact(value) for title, value in summary.configuration.items()}
        show_table(pd.DataFrame({"setting": list(facts), "value": list(facts.values())}), "configuration")
        st.caption(_heads(summary))


def _fact(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _heads(summary: Summary) -> str:
    words = "Query heads share key-value heads in groups (grouped-query attention), which saves memory and work."
    if summary.model == QWEN3:
        queries, pairs = summary.configuration["Query heads"], summary.configuration["Key-value heads"]
        words += f" The tutorial says 24 attention heads; the configuration says {queries} and {pairs}."
    return words


def show_arithmetic(summary: Summary) -> None:
    st.subheader("LoRA's arithmetic", anchor=False)
    st.markdown(
        "The update of a matrix with n rows and m columns is the product of two thin ones: **W' = W + A·B**, A with "
        "n × r and B with r × m values. So **r · (n + m)** values train, where W has n · m."
    )
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**The tutorial's example**")
        rank = st.slider("Rank r", 1, 64, 4, key="example-rank", bind="query-params")
        trained = lora_parameters([Matrix("W", EXAMPLE_COLUMNS, EXAMPLE_ROWS, 1)], rank, ["W"])
        whole = EXAMPLE_ROWS * EXAMPLE_COLUMNS
        st.code(
            f"n = {EXAMPLE_ROWS:,}   m = {EXAMPLE_COLUMNS:,}   r = {rank}\n\n"
            f"W:      n · m       = {whole:>11,}\n"
            f"A, B:   r · (n + m) = {trained:>11,}\n"
            f"share:                {trained / whole:>11.4%}",
            language=None,
        )
        if rank == 4:
            st.caption("The tutorial calls this “about 100 thousand”. It is exactly 120,000.")
        st.markdown("**This model, matrix by matrix**")
        show_formula(summary)
    with right:
        st.markdown(f"**{plain_markdown(summary.title)}**")
        table = rank_table(summary.matrices, summary.target_modules)
        show_chart(
            rank_figure(table, summary.rank, summary.parameters.lora),
            f"Values that LoRA trains, over its rank, for {', '.join(summary.target_modules)} (line) and for all "
            "kinds of matrices (dotted). Both axes are logarithmic: twice the rank is twice the values.",
            table,
            "ranks",
        )


def show_formula(summary: Summary) -> None:
    table = formula_table(summary)
    show_table(table, "lora", column_config=dict.fromkeys(table.columns[1:], WHOLE))
    total = lora_parameters(summary.matrices, summary.rank, summary.target_modules)
    agrees = "the same" if total == summary.after.trainable else f"which is not {summary.after.trainable:,}"
    st.caption(f"Together {total:,}, {agrees} as torchinfo counts on the model that PEFT has adapted.")


page_head(
    "Model",
    "A base model in 4 bits, and the few values beside it that learn: counted by torchinfo, before and after LoRA.",
)
with user_errors():
    name, chosen_rank, chosen_targets = choose_model()
    if not show_hub_facts(name):
        end_here()
    found = summary_of(name, chosen_rank, chosen_targets)
    show_figures(found)
    show_tables(found)
    show_meaning(found)
    show_parts(found)
    show_arithmetic(found)
    show_memory(name, chosen_rank, chosen_targets)
