"""Which evaluation of a training is the best: the one of highest validation macro-F1, and of equals the lowest loss."""

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

METRIC = "eval_macro_f1"
_LOSS = "eval_loss"


class LowerLossOfEquals(TrainerCallback):
    """Lets an evaluation of equal macro-F1 and lower loss take the best one's place.

    By itself the trainer keeps the first of equals. On few rows that may be the untouched adapter, though the loss fell
    afterwards. The best one's loss is found in the logs, which a checkpoint keeps, too.
    """

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Compare this evaluation with the best one before it."""
        now = kwargs["metrics"]
        if state.best_metric is None or now.get(METRIC) != state.best_metric:
            return
        best = next(entry for entry in state.log_history if _LOSS in entry and entry["step"] == state.best_global_step)
        if now[_LOSS] < best[_LOSS]:
            # Without a best one before it, the trainer takes this one.
            state.best_metric = None
