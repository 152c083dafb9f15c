"""One real training step, measured: what the memory account is checked against.

The step is the trainer's own, on the recipe's model and data, in a process of its own, so that the app's memory
stays as it was. On a CPU the peak is that of PyTorch's allocations as its profiler records them, added to the
tensors that were there before; on a GPU it is the allocator's own figure.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from finsent.data.dataset import sample_rows
from finsent.data.prepared import prepare
from finsent.distributed import run_module
from finsent.errors import FinsentError
from finsent.models.base import load_base
from finsent.models.memory import MemoryAccount, memory_account
from finsent.models.skeleton import read_configuration
from finsent.recipe import BARE_STEPS, Recipe, change_recipe
from finsent.runs.cores import claim_cores

if TYPE_CHECKING:
    import torch
    from torch.optim import Optimizer
    from transformers import PreTrainedModel, Trainer

Device = Literal["cpu", "cuda"]

# The optimizer has its state from the second step on.
_STEPS = 2
_SECONDS = 600


@dataclass(frozen=True)
class MeasuredStep:
    """The peak of one training step in bytes, the batch that it had, and the machine's kind of processor.

    ``packed_tokens`` is the length of the batch as it was computed, ``row_tokens`` the sum of its rows' lengths,
    ``supervised_tokens`` the number of positions whose logits were needed.
    """

    peak_bytes: int
    rows: int
    packed_tokens: int
    row_tokens: int
    supervised_tokens: int
    device: Device

    def predict(self, recipe: Recipe) -> MemoryAccount:
        """Return the account of the very batch that was measured."""
        shared = (self.row_tokens - self.packed_tokens) / max(self.rows - 1, 1)
        return memory_account(
            read_configuration(recipe.model),
            recipe,
            tokens_per_row=self.row_tokens / self.rows,
            shared_tokens=shared,
            answer_tokens=self.supervised_tokens / self.rows,
            device=self.device,
        )


def measure_apart(recipe: Recipe) -> MeasuredStep:
    """Measure one training step of a recipe in a process of its own (about 20 s with the embedded model).

    It computes with the cores that the run at work leaves free.

    Raises:
        FinsentError: the step could not be carried out; the message says why.
    """
    threads = str(claim_cores().threads)
    try:
        answer = run_module("finsent.cost.measured_memory", threads, given=recipe.model_dump_json(), seconds=_SECONDS)
    except subprocess.TimeoutExpired:
        raise FinsentError(f"One training step took longer than {_SECONDS // 60} minutes. Lower batch_size.") from None
    try:
        value = json.loads(answer.stdout.splitlines()[-1])
    except (IndexError, json.JSONDecodeError):
        words = (answer.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise FinsentError(f"One training step could not be measured: {words}. Try a smaller batch_size.") from None
    if "error" in value:
        raise FinsentError(value["error"])
    return MeasuredStep(**value)


def measure_step(recipe: Recipe) -> MeasuredStep:
    """Measure the second of two training steps of a recipe in this process.

    Raises:
        FinsentError: the model or the data cannot be used.
    """
    from finsent.training.trainer import make_trainer

    size = recipe.batch_size // recipe.processes
    short = change_recipe(
        recipe,
        BARE_STEPS
        | {"rows": None, "validation_rows": 8, "epochs": 1}
        | {"batch_size": size, "gradient_accumulation": 1, "processes": 1},
    )
    prepared = prepare(short)
    train = sample_rows(prepared.train, min(len(prepared.train), size * _STEPS), short.seed)
    model, tokenizer = load_base(short.model, short.compute_dtype)
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(model, tokenizer, short, train, prepared.validation, Path(folder), lambda *_: False)
        return _watch_last_step(trainer)


def _watch_last_step(trainer: "Trainer") -> MeasuredStep:
    from transformers import TrainerCallback

    model = cast("PreTrainedModel", trainer.model)
    device = cast(Device, model.device.type)
    found: dict[str, Any] = {}
    compute_loss = trainer.compute_loss

    def seen(model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        found["batch"] = {
            "rows": inputs["row_tokens"].numel(),
            "packed_tokens": inputs["input_ids"].numel(),
            "row_tokens": int(inputs["row_tokens"].sum()),
            "supervised_tokens": inputs["logit_positions"].numel(),
        }
        return compute_loss(model, inputs, *args, **kwargs)

    class Gauge(TrainerCallback):
        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == state.max_steps - 1:
                # The trainer has no hook that sees a batch.
                trainer.compute_loss = seen  # type: ignore[method-assign]
                found["held"] = _held(model, cast("Optimizer", trainer.optimizer))
                found["peak"] = _start(device)

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == state.max_steps:
                trainer.compute_loss = compute_loss  # type: ignore[method-assign]
                found["peak"] = found["peak"]()

    trainer.add_callback(Gauge())
    trainer.train()
    peak = found["peak"] + (found["held"] if device == "cpu" else 0)
    return MeasuredStep(peak_bytes=peak, device=device, **found["batch"])


def _held(model: "PreTrainedModel", optimizer: "Optimizer") -> int:
    """Return the bytes of the model's tensors and the optimizer's, before a step."""
    tensors: list[Any] = [*model.parameters(), *model.buffers()]
    states = [getattr(parameter, "quant_state", None) for parameter in model.parameters()]
    tensors += [state.absmax for state in states if state is not None]
    tensors += [value for state in optimizer.state.values() for value in state.values() if hasattr(value, "nbytes")]
    return sum({tensor.data_ptr(): tensor.nbytes for tensor in tensors}.values())


def _start(device: Device) -> Callable[[], int]:
    """Start to record allocations; the function returned ends it and returns the peak in bytes."""
    import torch

    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.max_memory_allocated
    profiler = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True)
    profiler.start()

    def stop() -> int:
        profiler.stop()
        return _peak(profiler)

    return stop


def _peak(profiler: "torch.profiler.profile") -> int:
    # What the profiler keeps has no types.
    results = cast(Any, profiler.profiler).kineto_results
    events = [event for event in results.events() if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


def _main(threads: int) -> int:
    import torch

    torch.set_num_threads(threads)
    try:
        value = asdict(measure_step(Recipe.model_validate_json(sys.stdin.read())))
    except FinsentError as error:
        value = {"error": str(error)}
    print(json.dumps(value))
    return 2 if "error" in value else 0


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    sys.exit(_main(int(sys.argv[1])))
