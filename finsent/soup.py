"""Model soups: several adapters, trained one after another from starts of their own, and kept as one.

The mean of fine-tuned models is often better than each of them and costs no more than one when it is used (Wortsman et
al. 2022, Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing inference
time). An update of LoRA is a product of two matrices, and the mean of products is not the product of means: the
products stand side by side in one adapter, whose rank is the sum of theirs.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import torch
from peft import PeftModel, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from torch.optim.lr_scheduler import LambdaLR
from transformers import TrainerCallback, TrainerState

#: The adapter's name in PEFT, which a run trains and keeps.
ADAPTER = "default"


class FreshStarts(TrainerCallback):
    """Starts a new adapter whenever one of a soup of ``soup`` has had its share of the steps.

    The optimizer forgets the one before. A start depends on the seed and the adapter's number alone, so that it is the
    same in every process and in a run that is resumed.
    """

    def __init__(self, soup: int, seed: int) -> None:
        self.soup = soup
        self.seed = seed

    def on_step_begin(
        self,
        args: Any,
        state: TrainerState,
        control: Any,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        **_: Any,
    ) -> None:
        """Start anew, if this step is the first of another adapter."""
        number, step = divmod(state.global_step, state.max_steps // self.soup)
        if number and not step:
            start_anew(model, self.seed + number)
            optimizer.state.clear()


def start_anew(model: torch.nn.Module, seed: int) -> None:
    """Give every LoRA layer PEFT's start: A random, and B zero, so that the model is the base model again."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for layer in model.modules():
            if isinstance(layer, LoraLayer):
                layer.reset_lora_parameters(ADAPTER, init_lora_weights=True)


def repeat_schedule(scheduler: LambdaLR, steps: int) -> None:
    """Let a schedule of so many steps begin again after each of them."""
    scheduler.lr_lambdas = [partial(_repeated, steps, schedule) for schedule in scheduler.lr_lambdas]


def _repeated(steps: int, schedule: Any, step: int) -> float:
    return schedule(step % steps)


def keep_soup(model: PeftModel, adapters: list[dict[str, torch.Tensor]]) -> None:
    """Give the model the mean of several adapters' updates as its one adapter.

    ``adapters`` are the state dicts of adapters of the model's own configuration. One alone is taken as it is. (PEFT's
    ``add_weighted_adapter`` does the same in the base model's number format, where bfloat16 would round them.)
    """
    count = len(adapters)
    if count > 1:
        config = model.peft_config[ADAPTER]
        model.delete_adapter(ADAPTER)
        # alpha / rank, which scales the update, stays what it was.
        model.add_adapter(ADAPTER, replace(config, r=count * config.r, lora_alpha=count * config.lora_alpha))
        model.set_adapter(ADAPTER)
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
    set_peft_model_state_dict(model, {name: _side_by_side(name, adapters) for name in adapters[0]})


def _side_by_side(name: str, adapters: list[dict[str, torch.Tensor]]) -> torch.Tensor:
    matrices = [one[name] for one in adapters]
    return torch.cat(matrices) if "lora_A" in name else torch.cat(matrices, dim=1) / len(matrices)
