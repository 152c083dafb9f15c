"""Averaged adapters: the mean of the LoRA matrices at several late steps, which overfits less than the last step alone.

Stochastic weight averaging (Izmailov et al. 2018, Averaging weights leads to wider optima and better generalization).
Each step's matrices are a file of their own, so that a run that was killed finds those from before.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from peft import PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback, TrainerState

#: How many looks at the validation sample, the last ones, an averaged adapter is the mean of.
AVERAGED = 4


def averaged_looks(interval: int, max_steps: int) -> list[int]:
    """Return the steps of the last looks, when there is one every ``interval`` steps and one at the end."""
    return [*range(interval, max_steps, interval), max_steps][-AVERAGED:]


class Snapshots(TrainerCallback):
    """Writes the adapter's matrices into a folder at some steps; without ``steps``, at the last looks."""

    def __init__(self, folder: Path, steps: Iterable[int] | None = None) -> None:
        self.folder = folder
        self.steps = None if steps is None else set(steps)

    def on_step_end(self, args: Any, state: TrainerState, control: Any, model: PeftModel, **_: Any) -> None:
        """Keep the adapter of this step, if it is one of them."""
        steps = averaged_looks(int(args.eval_steps), state.max_steps) if self.steps is None else self.steps
        if state.global_step not in steps or not state.is_world_process_zero:
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
