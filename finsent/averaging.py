"""Averaged adapters: the mean of the LoRA matrices at many late steps, which overfits less than the last step alone.

Stochastic weight averaging (Izmailov et al. 2018, Averaging weights leads to wider optima and better generalization).
Each step's matrices are a file of their own, so that a run that was killed finds those from before.
"""

import math
from pathlib import Path
from typing import Any

from peft import PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback, TrainerState

#: An averaged adapter is the mean of those after the last 12 twentieths of all steps.
AVERAGED, PARTS = 12, 20


def averaged_steps(max_steps: int) -> list[int]:
    """Return the steps whose adapters are averaged, in order; the last step is one of them."""
    return sorted({math.ceil(max_steps * part / PARTS) for part in range(PARTS - AVERAGED + 1, PARTS + 1)})


class Snapshots(TrainerCallback):
    """Writes the adapter's matrices at the steps to be averaged into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_step_end(self, args: Any, state: TrainerState, control: Any, model: PeftModel, **_: Any) -> None:
        """Keep the adapter of this step, if it is one of them."""
        if state.global_step not in averaged_steps(state.max_steps) or not state.is_world_process_zero:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        scratch = self.folder / ".new"
        save_file(get_peft_model_state_dict(model), scratch)
        scratch.rename(self.folder / f"step-{state.global_step:06d}.safetensors")


def give_mean(model: PeftModel, folder: Path) -> None:
    """Give the model the mean of all adapters that :class:`Snapshots` wrote into a folder."""
    adapters = [load_file(path) for path in sorted(folder.glob("step-*.safetensors"))]
    mean = {name: sum(one[name] for one in adapters) / len(adapters) for name in adapters[0]}
    set_peft_model_state_dict(model, mean)
