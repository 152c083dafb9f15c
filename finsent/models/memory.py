"""The memory account: what one training step holds, piece by piece, for a model and a recipe.

Weights, scales and what LoRA needs are counted on the model itself (:func:`finsent.models.skeleton.build_skeleton`).
Activations and logits are estimates, by formulas derived for Llama-like layers in this project's training step:
frozen 4-bit weights, packed rows, logits at supervised tokens alone. Sizes are in bytes of tensors; a process needs
room for Python and its libraries besides.

Sources: Dettmers et al. 2023 (QLoRA) for the storage of 4-bit weights and what it saves; Korthikanti et al. 2022
(Reducing activation recomputation in large transformer models) for the way in which activations are counted.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from finsent.models.base import Device, resolve_dtype
from finsent.models.skeleton import add_lora, build_skeleton, real_size
from finsent.recipe import Recipe

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel

#: Mean tokens of a row, and how many of them all rows share: 76 and 38 in the embedded headlines, 74 and 39 in
#: PhraseBank, by the embedded model's tokenizer.
TYPICAL_ROW = 75
TYPICAL_SHARED = 38

_FLOAT = 4
#: AdamW keeps a mean and a mean square of each gradient (Loshchilov & Hutter 2019), both in float32.
_ADAM_MOMENTS = 2

WEIGHTS = "4-bit weights"
SCALES = "Block scales"
EMBEDDINGS = "Embeddings and norms"
LORA = "LoRA matrices"
GRADIENTS = "Gradients"
OPTIMIZER = "Optimizer state"
ACTIVATIONS = "Activations"
LOGITS = "Logits"
WORKSPACE = "One weight unpacked"


@dataclass(frozen=True)
class MemoryPiece:
    """One piece of the account. ``exact`` pieces are counted on the model, others estimated; ``how`` says how."""

    name: str
    bytes: int
    exact: bool
    how: str


@dataclass(frozen=True)
class MemoryAccount:
    """What a training step holds at its peak. ``packed_tokens`` is the length of one packed pass of ``rows`` rows."""

    pieces: tuple[MemoryPiece, ...]
    rows: int
    packed_tokens: int
    dtype: str

    @property
    def total(self) -> int:
        """Bytes of all pieces."""
        return sum(piece.bytes for piece in self.pieces)

    def __getitem__(self, name: str) -> int:
        """Return the bytes of a piece."""
        return next(piece.bytes for piece in self.pieces if piece.name == name)

    def as_json(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self) | {"total": self.total}


@dataclass(frozen=True)
class MethodCost:
    """Bytes that a way of fine-tuning holds whatever the batch: weights, gradients and optimizer state."""

    method: Literal["Full fine-tuning", "LoRA", "QLoRA"]
    weights: int
    gradients: int
    optimizer: int


def memory_account(
    config: "PretrainedConfig",
    recipe: Recipe,
    tokens_per_row: float,
    shared_tokens: float = 0,
    answer_tokens: float = 2,
    device: Device = "cpu",
) -> MemoryAccount:
    """Return the account of one training step, in one of the recipe's processes.

    ``tokens_per_row`` is the mean length of a row (prompt, answer, end-of-sequence token), of which all rows of a
    batch share the first ``shared_tokens`` (the system prompt); ``answer_tokens`` is how many carry the loss when it
    is on the completion; within the answer set it is the one before the answer. ``device`` matters for what
    ``compute_dtype="auto"`` means, for attention's number format and for how dropout is stored.

    Raises:
        ModelError: the model has none of the recipe's target modules.
    """
    dtype = resolve_dtype(recipe.compute_dtype, device)
    model = build_skeleton(config, dtype)
    widest = _widest_matrix(model)
    add_lora(model, recipe.lora_rank, recipe.lora_alpha, recipe.lora_dropout, recipe.target_modules)
    rows = recipe.batch_size // recipe.processes
    row_tokens = rows * tokens_per_row
    packed = row_tokens - (rows - 1) * shared_tokens
    supervised = {"completion": rows * answer_tokens, "answers": rows, "sequence": packed}[recipe.loss]
    trained = _trainable(model)
    return MemoryAccount(
        pieces=(
            *_weight_pieces(model),
            _exact(LORA, _FLOAT * trained, f"{trained:,} values in float32"),
            _exact(GRADIENTS, _FLOAT * trained, "one float32 value for each LoRA value; none for frozen weights"),
            _exact(OPTIMIZER, _ADAM_MOMENTS * _FLOAT * trained, "AdamW: two float32 values for each LoRA value"),
            _activation_piece(model, recipe, rows, packed, row_tokens, dtype, device),
            _logit_piece(model, supervised),
            _exact(WORKSPACE, widest * dtype.itemsize, f"the largest matrix as {_name(dtype)} while it multiplies"),
        ),
        rows=rows,
        packed_tokens=round(packed),
        dtype=_name(dtype),
    )


def compare_methods(config: "PretrainedConfig", recipe: Recipe) -> list[MethodCost]:
    """Return what full fine-tuning, LoRA on 16-bit weights, and QLoRA hold besides activations.

    Full fine-tuning keeps weights, gradients and both AdamW moments of every weight in float32 (16 bytes a weight).
    """
    model = build_skeleton(config, resolve_dtype("bfloat16", "cpu"))
    weights = sum(real_size(parameter) for parameter in model.parameters())
    quantised = sum(piece.bytes for piece in _weight_pieces(model))
    add_lora(model, recipe.lora_rank, recipe.lora_alpha, recipe.lora_dropout, recipe.target_modules)
    lora = _FLOAT * _trainable(model)
    full = _FLOAT * weights
    return [
        MethodCost("Full fine-tuning", full, full, _ADAM_MOMENTS * full),
        MethodCost("LoRA", 2 * weights + lora, lora, _ADAM_MOMENTS * lora),
        MethodCost("QLoRA", quantised + lora, lora, _ADAM_MOMENTS * lora),
    ]


def _weight_pieces(model: "PreTrainedModel") -> Iterable[MemoryPiece]:
    packed = scales = rest = 0
    double = False
    block = 0
    for name, parameter in model.named_parameters():
        state = getattr(parameter, "quant_state", None)
        if state is not None:
            packed += parameter.nbytes
            scales += state.absmax.nbytes + (state.state2.absmax.nbytes if state.nested else 0)
            double, block = state.nested, state.blocksize
        elif ".lora_" not in name:
            rest += parameter.nbytes
    kind = "8-bit scale (double quantisation)" if double else "float32 scale"
    return (
        _exact(WEIGHTS, packed, "two NF4 weights in a byte"),
        _exact(SCALES, scales, f"one {kind} for each block of {block} weights"),
        _exact(EMBEDDINGS, rest, f"kept as {_name(model.dtype)}; a tied embedding is held once"),
    )


def _activation_piece(
    model: "PreTrainedModel",
    recipe: Recipe,
    rows: int,
    packed: float,
    row_tokens: float,
    dtype: "torch.dtype",
    device: str,
) -> MemoryPiece:
    """Return what the forward pass keeps for the backward pass.

    A frozen linear layer keeps nothing, since only its weight's gradient would need its input. What is left, for each
    token of a layer, with sizes h (hidden), f (feed-forward), q and k (all query heads, all key heads) and d bytes a
    value of the compute type:

    - two norms keep their inputs in float32: 4·2h (Qwen3 normalises queries and keys, too: 4·(q + k));
    - attention keeps queries and outputs, 2q·a, for each row its keys and values, 2k·a, the shared prefix's included,
      and, where query heads share a key head, its mask; a is d, but 4 on a CPU, where it is trained in float32;
    - the feed-forward keeps gate, activated gate and product's other factor: 3f·d;
    - each adapted matrix keeps its input after dropout, dropout's mask, and the r values between A and B.
    """
    size, layers = dtype.itemsize, model.config.num_hidden_layers
    sizes = {name: module for name, module in model.named_modules() if name.startswith("model.layers.0.")}
    hidden = model.config.hidden_size
    queries, keys, inner = _widths(model.config)
    attention = _FLOAT if device == "cpu" else size
    token = _FLOAT * 2 * hidden + 2 * queries * attention + 3 * inner * size
    if any(name.endswith("q_norm") for name in sizes):
        token += _FLOAT * (queries + keys)
    # PyTorch keeps dropout's mask as numbers on a CPU, as bytes on a GPU.
    mask = 0 if recipe.lora_dropout == 0 else (_FLOAT if device == "cpu" else 1)
    inputs = sum(module.in_features for module in sizes.values() if hasattr(module, "lora_A"))
    adapted = sum(hasattr(module, "lora_A") for module in sizes.values())
    token += inputs * (size + mask) + adapted * recipe.lora_rank * size
    own = (packed - row_tokens / rows) / max(rows - 1, 1)
    masks = queries // keys * own * row_tokens if queries > keys else 0
    layer = packed * token + (row_tokens * 2 * keys + masks) * attention
    how = f"{packed:,.0f} packed tokens × {layers} layers × {layer / packed / 1024:,.1f} KiB"
    if recipe.gradient_checkpointing:
        kept = packed * hidden * size
        how = f"{packed:,.0f} packed tokens: each layer's input, and one layer at a time in full"
        return MemoryPiece(ACTIVATIONS, round(layers * kept + layer), False, how)
    return MemoryPiece(ACTIVATIONS, round(layers * layer), False, how)


def _logit_piece(model: "PreTrainedModel", supervised: float) -> MemoryPiece:
    """Return what the loss holds for supervised tokens alone: log-probabilities and the gradients on either side."""
    each = 3 * _FLOAT
    vocabulary = model.config.vocab_size
    how = f"{supervised:,.0f} supervised tokens × {vocabulary:,} vocabulary × {each} bytes"
    return MemoryPiece(LOGITS, round(supervised * vocabulary * each), False, how)


def _widths(config: "PretrainedConfig") -> tuple[int, int, int]:
    heads = config.num_attention_heads
    head = getattr(config, "head_dim", None) or config.hidden_size // heads
    pairs = getattr(config, "num_key_value_heads", None) or heads
    inner = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    return heads * head, pairs * head, inner


def _widest_matrix(model: "PreTrainedModel") -> int:
    return max(real_size(p) for p in model.parameters() if getattr(p, "quant_state", None) is not None)


def _trainable(model: "PreTrainedModel") -> int:
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def _exact(name: str, size: int, how: str) -> MemoryPiece:
    return MemoryPiece(name, size, True, how)


def _name(dtype: "torch.dtype") -> str:
    return str(dtype).removeprefix("torch.")
