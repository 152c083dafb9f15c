"""Averaged adapters: the mean of the LoRA matrices at many late steps, which overfits less than the last step alone.

Stochastic weight averaging (Izmailov et al. 2018, Averaging weights leads to wider optima and better generalization).
Each step's matrices are a file of their own, so that a run that was killed finds those from before. The adapters of a
soup are averaged one by one (see :mod:`finsent.soup`).
"""

import math
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback, TrainerState

from finsent.soup import keep_soup

#: An averaged adapter is the mean of those after the last 12 twentieths of its steps.
AVERAGED, PARTS = 12, 20


def averaged_steps(max_steps: int, soup: int = 1) -> list[int]:
    """Return the steps whose adapters are averaged, in order; an adapter's last step is one of them.

    ``max_steps`` are those of all ``soup`` adapters together.
    """
    own = max_steps // soup
    late = sorted({math.ceil(own * part / PARTS) for part in range(PARTS - AVERAGED + 1, PARTS + 1)})
    return [number * own + step for number in range(soup) for step in late]


class Snapshots(TrainerCallback):
    """Writes the adapter's matrices at the steps to be averaged into a folder."""

    def __init__(self, folder: Path, soup: int) -> None:
        self.folder = folder
        self.soup = soup

    def on_step_end(self, args: Any, state: TrainerState, control: Any, model: PeftModel, **_: Any) -> None:
        """Keep the adapter of this step, if it is one of them."""
        if not state.is_world_process_zero or state.global_step not in averaged_steps(state.max_steps, self.soup):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        scratch = self.folder / ".new"
        save_file(get_peft_model_state_dict(model), scratch)
        scratch.rename(_file(self.folder, state.global_step))


def give_mean(model: PeftModel, folder: Path, state: TrainerState, soup: int) -> int:
    """Give the model the mean of what :class:`Snapshots` wrote into a folder; return how many adapters are in it.

    Only adapters of a soup that have had all of their steps are; with none of them the model stays as it is.
    """
    own = state.max_steps // soup
    finished = state.global_step // own
    means = [
        _mean([load_file(_file(folder, number * own + step)) for step in averaged_steps(own)])
        for number in range(finished)
    ]
    if means:
        keep_soup(model, means)
    return finished


def _file(folder: Path, step: int) -> Path:
    return folder / f"step-{step:06d}.safetensors"


def _mean(adapters: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    return {name: sum(one[name] for one in adapters) / len(adapters) for name in adapters[0]}
