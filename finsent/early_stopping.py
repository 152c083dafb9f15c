"""Early stopping: training ends when looks at the validation sample have brought no better macro-F1 for a while.

The decision is transformers' own callback's. What it has counted is found again in the logs that a checkpoint keeps, so
that a run that was stopped or killed ends at the same step as one that was not.
"""

from pathlib import Path
from typing import Any

from transformers import EarlyStoppingCallback, PreTrainedModel, TrainerControl, TrainerState, TrainingArguments

METRIC = "eval_macro_f1"


class EarlyStopping(EarlyStoppingCallback):
    """Ends training after so many looks without a gain; counts on where a resumed run left off."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Count the looks of the logs."""
        super().on_train_begin(args, state, control, **kwargs)
        self.early_stopping_patience_counter = looks_without_gain(state.log_history)


def looks_without_gain(log_history: list[dict[str, Any]]) -> int:
    """Return how many looks at the validation sample came after the best macro-F1, the first of equals."""
    values = [entry[METRIC] for entry in log_history if METRIC in entry]
    return len(values) - 1 - values.index(max(values)) if values else 0


def has_ended(checkpoint: Path, patience: int) -> bool:
    """Whether a checkpoint is one at which early stopping ended the training; never with a ``patience`` of 0."""
    state = _state(checkpoint)
    return 0 < patience <= looks_without_gain(state.log_history)


def take_best(model: PreTrainedModel, checkpoint: Path) -> TrainerState:
    """Give the model the best adapter up to a checkpoint, and return the trainer's state there."""
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    state = _state(checkpoint)
    best = checkpoint.with_name(f"checkpoint-{state.best_global_step}")
    set_peft_model_state_dict(model, load_file(best / "adapter_model.safetensors"))
    return state


def _state(checkpoint: Path) -> TrainerState:
    return TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
