"""Whether a model's folder may be opened: its configuration is read as plain JSON before any library acts on it.

A configuration decides how much memory is allocated, which code runs and what is fetched; this one is somebody's file.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from finsent.errors import ModelNotFoundError, reason
from finsent.files import read_json

_ADVICE = "Choose another model, or get the folder anew from where you trust it."
#: Ways to attend that PyTorch itself has; any other name is that of a kernel on the hub, which would be fetched.
_ATTENTION = (None, "eager", "sdpa", "flash_attention_2", "flex_attention")
#: A weight takes at least a quarter of a byte in any file.
_WEIGHTS_A_BYTE = 4
#: What a model of few weights may have beyond the bytes of its files.
_SPARE_WEIGHTS = 50_000_000


class _Quantization(BaseModel):
    """The only quantisation that a folder may bring: the one that finsent loads into."""

    model_config = ConfigDict(extra="allow")

    quant_method: Literal["bitsandbytes"]
    load_in_4bit: Literal[True]
    bnb_4bit_quant_type: Literal["nf4"]


class _Sizes(BaseModel):
    """The sizes of a causal language model, by the names that its kind gives them; each in a range that exists."""

    model_config = ConfigDict(extra="allow", strict=True)

    model_type: str | None = Field(default=None, min_length=1, max_length=100)
    vocab_size: int | None = Field(default=None, ge=1, le=2_000_000)
    hidden_size: int | None = Field(default=None, ge=1, le=131_072)
    n_embd: int | None = Field(default=None, ge=1, le=131_072)
    d_model: int | None = Field(default=None, ge=1, le=131_072)
    intermediate_size: int | None = Field(default=None, ge=1, le=1_048_576)
    num_hidden_layers: int | None = Field(default=None, ge=1, le=1_000)
    n_layer: int | None = Field(default=None, ge=1, le=1_000)
    num_attention_heads: int | None = Field(default=None, ge=1, le=4_096)
    n_head: int | None = Field(default=None, ge=1, le=4_096)
    num_key_value_heads: int | None = Field(default=None, ge=1, le=4_096)
    head_dim: int | None = Field(default=None, ge=1, le=16_384)
    num_experts: int | None = Field(default=None, ge=0, le=4_096)
    max_position_embeddings: int | None = Field(default=None, ge=1, le=100_000_000)
    rms_norm_eps: float | None = Field(default=None, gt=0, lt=1)
    tie_word_embeddings: bool | None = None
    quantization_config: _Quantization | None = None

    @property
    def weights(self) -> int:
        """How many weights the model has at least: its embedding, and of each layer what attention and MLP need."""
        width = self.hidden_size or self.n_embd or self.d_model or 1
        layers = self.num_hidden_layers or self.n_layer or 1
        return (self.vocab_size or 1) * width + layers * (width * width + width * (self.intermediate_size or width))


def check_folder(folder: Path) -> None:
    """Check a model's folder by its JSON files, before anything is allocated, imported or fetched for it.

    Raises:
        ModelNotFoundError: its configuration is damaged, asks for what no model here has, for code of its own, for a
            kernel of the hub, for another quantisation than NF4, or for more weights than its files can hold.
    """
    config = _object(folder / "config.json")
    _refuse_code(folder, config)
    try:
        sizes = _Sizes.model_validate(config)
        # Models that also see or hear keep the sizes of their language model one level down.
        inner = _Sizes.model_validate(config.get("text_config") or {})
    except ValidationError as error:
        raise _refused(folder / "config.json", reason(error)) from error
    if sizes.model_type is None:
        raise _refused(folder / "config.json", "it names no model_type")
    for part in (sizes, inner):
        _check_heads(folder, part)
    _check_weights(folder, max(sizes.weights, inner.weights))


def _object(file: Path) -> dict[str, Any]:
    try:
        # A tokenizer says 10**30 where it means that it has no limit.
        found = read_json(file, large_numbers=True)
    except (OSError, ValueError) as error:
        raise ModelNotFoundError(f"{file} cannot be read: {reason(error)}. {_ADVICE}") from error
    if not isinstance(found, dict):
        raise _refused(file, "it is no JSON object")
    return found


def _refuse_code(folder: Path, config: dict[str, Any]) -> None:
    """Refuse code of the model's own, in its configuration or its tokenizer's, and kernels of the hub."""
    tokenizer = folder / "tokenizer_config.json"
    parts = {folder / "config.json": config} | ({tokenizer: _object(tokenizer)} if tokenizer.exists() else {})
    for file, found in parts.items():
        if found.get("auto_map"):
            raise _refused(file, "it asks for code of its own (auto_map), which finsent does not run")
    for part in (config, config.get("text_config")):
        for key in ("attn_implementation", "_attn_implementation", "_attn_implementation_internal"):
            asked = part.get(key) if isinstance(part, dict) else None
            if asked not in _ATTENTION:
                raise _refused(
                    folder / "config.json", f"its {key} is {str(asked)[:60]!r}, which finsent does not fetch"
                )


def _check_heads(folder: Path, sizes: _Sizes) -> None:
    heads, groups = sizes.num_attention_heads or sizes.n_head, sizes.num_key_value_heads
    if heads and groups and heads % groups:
        raise _refused(folder / "config.json", f"its {heads} attention heads do not divide by {groups} key-value heads")


def _check_weights(folder: Path, weights: int) -> None:
    index = folder / "model.safetensors.index.json"
    if index.exists():
        shards = _object(index).get("weight_map")
        names = set(shards.values()) if isinstance(shards, dict) and all(map(_is_text, shards.values())) else {""}
        strange = sorted(name for name in names if Path(name).name != name or not name.endswith(".safetensors"))
        if strange:
            raise _refused(index, f"it names a file of weights outside the folder: {strange[0][:100]!r}")
    try:
        held = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    except OSError as error:
        raise _refused(folder, f"its weights cannot be looked at: {reason(error)}") from error
    if weights > held * _WEIGHTS_A_BYTE + _SPARE_WEIGHTS:
        raise _refused(
            folder / "config.json", f"it asks for {weights:,} weights or more, and its files hold {held:,} bytes"
        )


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _refused(file: Path, why: str) -> ModelNotFoundError:
    return ModelNotFoundError(f"{file} cannot be used: {why}. {_ADVICE}")
