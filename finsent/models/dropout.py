"""Dropout for LoRA on a CPU, where PyTorch's draws one number after another and takes 7 % of a training step.

Four 16-bit numbers are cut from each 64-bit number that PyTorch's generator draws, so that the seed, checkpoints of
the generator's state and determinism stay as they were.
"""

import torch

_LEVELS = 2**16
_PER_DRAW = 4


class CutDropout(torch.nn.Module):
    """Sets each input to zero with probability ``p`` (to 1 in 65,536) and scales the others so that the mean stays."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.dropped = round(p * _LEVELS)
        self.scale = _LEVELS / (_LEVELS - self.dropped)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the inputs with some set to zero while training, else as they are."""
        if not self.training or self.dropped == 0:
            return inputs
        count = inputs.numel()
        draws = torch.empty(-(-count // _PER_DRAW), dtype=torch.int64).random_(-(2**63), None)
        numbers = draws.view(torch.int16)[:count].view(inputs.shape)
        kept = (numbers >= self.dropped - _LEVELS // 2).to(inputs.dtype)
        return inputs * kept.mul_(self.scale)


def use_cut_dropout(model: torch.nn.Module) -> None:
    """Replace the dropout of every LoRA layer of a model on a CPU; a GPU's own is fast."""
    from peft.tuners.lora import LoraLayer

    for module in model.modules():
        if isinstance(module, LoraLayer):
            for name, dropout in module.lora_dropout.items():
                if isinstance(dropout, torch.nn.Dropout):
                    module.lora_dropout[name] = CutDropout(dropout.p)
