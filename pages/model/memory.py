"""The Model page's last section: what a training step holds in memory, predicted and measured."""

import streamlit as st

from finsent.charts.model import account_figure, account_table, methods_figure, methods_table
from finsent.cost.measured_memory import MeasuredStep, measure_apart
from finsent.machine import look_around
from finsent.models.base import Device, compute_device, resolve_model
from finsent.models.dtype import fastest_cpu_type
from finsent.models.memory import (
    TYPICAL_ROW,
    TYPICAL_SHARED,
    MemoryAccount,
    MethodCost,
    compare_methods,
    memory_account,
)
from finsent.models.skeleton import read_configuration
from finsent.recipe import Recipe, change_recipe, get_recipe
from finsent.runs.cores import cores_left_by
from finsent.sizes import size_words
from pages.shared.access import action
from pages.shared.begun import begun
from pages.shared.runs_now import runs_now
from pages.shared.ui import show_chart, what_is

_MEASURED = "measured-step"


@st.cache_data(max_entries=48, ttl=600, show_spinner="Adding up the memory …")
def account_of(recipe: Recipe, row_tokens: int, shared_tokens: int, device: Device) -> MemoryAccount:
    return memory_account(read_configuration(recipe.model), recipe, row_tokens, shared_tokens, device=device)


@st.cache_data(max_entries=24, ttl=600, show_spinner=False)
def costs_of(recipe: Recipe) -> list[MethodCost]:
    return compare_methods(read_configuration(recipe.model), recipe)


def memory_settings(model: str, rank: int, targets: tuple[str, ...]) -> tuple[Recipe, int, int]:
    """Return the recipe that the account is for, and the mean length of a row and of what rows share, in tokens."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        batch = st.select_slider(
            "Rows in a batch", [1, 2, 4, 8, 16, 32, 64, 128], value=8, key="batch", bind="query-params", width=220
        )
        row_tokens = st.slider(
            "Tokens in a row",
            40,
            1_024,
            TYPICAL_ROW,
            key="tokens",
            bind="query-params",
            width=220,
            help=f"Prompt and answer. News headlines have about {TYPICAL_ROW}, of which the first {TYPICAL_SHARED} "
            "are the system prompt, which a batch computes once.",
        )
        loss = st.segmented_control(
            "Loss on", ["completion", "answers", "sequence"], default="completion", key="loss", bind="query-params"
        )
        dtype = st.segmented_control(
            "Computes in", ["float32", "bfloat16"], default=default_dtype(), key="dtype", bind="query-params"
        )
        checkpointing = st.toggle("Gradient checkpointing", key="checkpointing", bind="query-params")
    changes = {"model": model, "lora_rank": rank, "target_modules": targets, "batch_size": batch}
    changes |= {"loss": loss or "completion", "compute_dtype": dtype or default_dtype()}
    changes |= {"gradient_checkpointing": checkpointing}
    return change_recipe(get_recipe("quick"), changes), row_tokens, TYPICAL_SHARED


def default_dtype() -> str:
    return "bfloat16" if compute_device() == "cuda" else fastest_cpu_type()


def show_memory(model: str, rank: int, targets: tuple[str, ...]) -> None:
    st.subheader("What a training step holds in memory", anchor=False)
    what_is("activations", "optimizer state", "gradient checkpointing", "block scale")
    recipe, row_tokens, shared = memory_settings(model, rank, targets)
    # A GPU that PyTorch was not built for computes nothing.
    device = compute_device()
    account = account_of(recipe, row_tokens, shared, device)
    share = account.total / look_around().memory_bytes
    where = "" if device == "cuda" else f", {share:.1%} of this machine's memory"
    st.metric("Predicted peak of all tensors", size_words(account.total), width="content")
    show_chart(
        account_figure(account),
        f"Bytes at the peak of one step with {account.rows} rows, packed into {account.packed_tokens:,} tokens, in "
        f"{account.dtype}{where}. Weights and what LoRA needs are counted on the model; activations and logits are "
        "estimates. Python and its libraries take about half a GB besides.",
        account_table(account),
        "account",
    )
    show_measured(recipe)
    left, right = st.columns([3, 2], gap="large", vertical_alignment="center")
    with left:
        costs = methods_table(costs_of(recipe))
        show_chart(
            methods_figure(costs),
            "What three ways of fine-tuning hold whatever the batch. Full: weights, gradients and two AdamW "
            "moments in float32, 16 bytes a weight. LoRA: frozen weights in 16 bits. QLoRA: linear layers in 4 bits.",
            costs,
            "methods",
        )
    with right:
        st.markdown(
            "**Why QLoRA.** Freezing removes the gradients and AdamW's two moments of every weight; 4 bits shrink "
            "what is left. What then grows with the batch are the activations and, with the loss on the whole "
            "sequence, the logits."
        )
        st.caption(
            "Storage after Dettmers et al. 2023 (QLoRA); activations counted in the way of Korthikanti et al. 2022, "
            "for frozen 4-bit layers."
        )


def show_measured(recipe: Recipe) -> None:
    """Offer to measure one real step of this recipe, and show it beside the account of the batch that it had."""
    # Whether the hub has what is missing is asked when the button is pressed.
    loadable = resolve_model(recipe.model).path is not None or look_around().hub is not False
    works = begun()
    disabled = not loadable or works.busy(_MEASURED)
    if action(st.button, "Measure one real step", icon=":material/speed:", disabled=disabled, key="measure"):
        works.begin(_MEASURED, lambda: (recipe, measure_apart(recipe)))
    if not loadable:
        st.caption("Measuring needs the weights, which are on the model hub, out of reach from here.")
    else:
        st.caption("Loads the model in a process of its own and trains two steps on the embedded headlines.")
        if beside := cores_left_by(runs_now()).words:
            st.caption(beside)
    measured = works.outcome(_MEASURED, "Training two steps in a process of its own")
    if measured is not None and measured[0] == recipe:
        show_step(*measured)


def show_step(recipe: Recipe, step: MeasuredStep) -> None:
    account = step.predict(recipe)
    error = account.total / step.peak_bytes - 1
    table = account_table(account)
    show_chart(
        account_figure(account, step.peak_bytes),
        f"The batch that was measured ({step.rows} rows, {step.packed_tokens:,} packed tokens, "
        f"{step.supervised_tokens:,} of them supervised): predicted {size_words(account.total)}, measured "
        f"{size_words(step.peak_bytes)}, an error of {error:+.1%}. One batch, so n = 1.",
        table,
        "measured",
    )
