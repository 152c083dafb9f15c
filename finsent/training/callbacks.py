"""What is done at the steps of a training: gradients are checked, progress is told, the last step is saved."""

import math
from collections.abc import Callable
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from finsent.errors import NonFiniteLossError, ZeroGradientError


class GradientGuard(TrainerCallback):
    """Stops a run whose loss or gradients are not finite, or whose gradients are all zero.

    A model can lose its gradients silently (see :func:`finsent.models.base.keep_gradients_on_cpu`); a run that trains
    nothing must not end as a success.
    """

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Check the gradients of this step.

        Raises:
            ZeroGradientError: every gradient is zero or missing.
            NonFiniteLossError: a gradient is not a finite number.
        """
        gradients = [p.grad for p in kwargs["model"].parameters() if p.requires_grad and p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients) if gradients else torch.zeros(())
        check_gradient_norm(float(norm), state.global_step + 1)


def check_gradient_norm(norm: float, step: int) -> None:
    """Raise if a gradient norm says that training cannot go on; see :class:`GradientGuard`."""
    if not math.isfinite(norm):
        raise NonFiniteLossError(
            f"At step {step} the gradient norm is {norm}: the loss is no longer a finite number. Lower learning_rate "
            "or max_grad_norm, or set compute_dtype to float32."
        )
    if norm == 0:
        raise ZeroGradientError(
            f"At step {step} the gradient norm is 0: nothing is being trained. The 4-bit layers have lost their "
            "backward pass (a CPU inference kernel that has none), or no parameter is trainable."
        )


class Watch(TrainerCallback):
    """Calls ``at_step(step, total)`` after each step and ends training when it returns True.

    Also makes sure that the last step is evaluated and saved, whatever the interval.
    """

    def __init__(self, at_step: Callable[[int, int], bool]) -> None:
        self.at_step = at_step

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        """Look for a request to stop."""
        if self.at_step(state.global_step, state.max_steps):
            control.should_training_stop = True
            control.should_save = True
        elif state.global_step >= state.max_steps:
            control.should_log = control.should_evaluate = control.should_save = True
        return control
