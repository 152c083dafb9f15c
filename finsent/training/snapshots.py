"""Averaged adapters: the mean of the LoRA matrices at many late steps, which overfits less than the last step alone.

Stochastic weight averaging (Izmailov et al. 2018, Averaging weights leads to wider optima and better generalization).
Each step's matrices are a file of their own, so that a run that was killed finds those from before.
"""

import math
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

#: An averaged adapter is the mean of those after the last 12 twentieths of its steps.
AVERAGED, PARTS = 12, 20


def averaged_steps(max_steps: int) -> list[int]:
    """Return the steps whose adapters are averaged, in order; the last step is one of them."""
    return sorted({math.ceil(max_steps * part / PARTS) for part in range(PARTS - AVERAGED + 1, PARTS + 1)})


class Snapshots(TrainerCallback):
    """Writes the adapter's matrices at the steps to be averaged into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Keep the adapter of this step, if it is one of them."""
        if not state.is_world_process_zero or state.global_step not in averaged_steps(state.max_steps):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        scratch = self.folder / ".new"
        save_file(get_peft_model_state_dict(kwargs["model"], save_embedding_layers=False), scratch)
        scratch.rename(_file(self.folder, state.global_step))


def give_mean(model: PeftModel, folder: Path, state: TrainerState) -> bool:
    """Give the model the mean of what :class:`Snapshots` wrote into a folder, and return whether that was possible.

    A run that was stopped before its last step has not all of them: then the model stays as it is.
    """
    if state.global_step < state.max_steps:
        return False
    adapters = [load_file(_file(folder, step)) for step in averaged_steps(state.max_steps)]
    set_peft_model_state_dict(model, _mean(adapters))
    return True


def _file(folder: Path, step: int) -> Path:
    return folder / f"step-{step:06d}.safetensors"


def _mean(adapters: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    return {name: torch.stack([one[name] for one in adapters]).mean(0) for name in adapters[0]}
