"""Base models: the embedded one, one of the hub, or a local folder; loaded in 4-bit NormalFloat."""

import hashlib
import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from finsent.errors import HubUnreachableError, ModelNotFoundError, first_line
from finsent.files import near_names, typed_path
from finsent.hub import QWEN3_MODEL, QWEN3_REPOSITORY, HubFiles, hub_answers, look_up, model_files, tokenizer_files
from finsent.hub_ids import HubId, names_repository, or_on_the_hub, parse_id
from finsent.models.check import check_folder
from finsent.models.dtype import fastest_cpu_type
from finsent.models.embedded import GGUF_SHA256, embedded_folder, verify

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

Device = Literal["cpu", "cuda"]

EMBEDDED = "embedded"
QWEN3 = "qwen3-0.6b"
#: Names that every place accepts, with the title shown to people.
MODELS: dict[str, str] = {EMBEDDED: "SmolLM2-135M-Instruct (embedded)", QWEN3: "Qwen/Qwen3-0.6B (hub)"}

#: Short names of models that the hub has.
HUB_MODELS = {QWEN3: QWEN3_REPOSITORY}
#: How the hash of a model on the hub begins.
_HUB = "hub:"
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


@dataclass(frozen=True)
class ModelSource:
    """A base model that can be loaded.

    ``path`` is its local folder, that in the hub client's cache included, or None where only the hub has it.
    """

    name: str
    title: str
    path: Path | None
    #: Where the hub has it.
    files: HubFiles | None = None

    @property
    def config(self) -> "PretrainedConfig":
        """The model's configuration; for Qwen3-0.6B known without the hub."""
        from transformers import AutoConfig, Qwen3Config

        if self.path is None and self.name == QWEN3:
            return Qwen3Config(**QWEN3_CONFIG)
        place = self.path or small_files(self)
        config: PretrainedConfig = AutoConfig.from_pretrained(place, trust_remote_code=False)
        return config


def resolve_model(name: str) -> ModelSource:
    """Return the model of a name or folder, without loading its weights or touching the network.

    The embedded model's cache folder is made here when it does not exist yet (about 20 s, once a machine).

    Raises:
        ModelNotFoundError: no such name or folder, the embedded model's package is not installed, or the folder
            lacks a configuration, a tokenizer or safetensors weights, or is refused by
            :func:`finsent.models.check.check_folder`.
    """
    if name == EMBEDDED:
        return ModelSource(name, MODELS[name], embedded_folder())
    if name == QWEN3:
        return ModelSource(name, MODELS[name], QWEN3_MODEL.cached, QWEN3_MODEL)
    advice = f"Choose {EMBEDDED}, {QWEN3}, a name on the model hub (owner/name), or the path of a model folder."
    if names_repository(name):
        asked = parse_id(name, ModelNotFoundError, "model")
        files = model_files(asked)
        if files.cached is not None:
            check_folder(files.cached)
        return ModelSource(str(asked), f"{asked.repository} (hub)", files.cached, files)
    folder = typed_path(name, ModelNotFoundError, "model", advice)
    if not folder.is_dir():
        mistyped = f"{near_names(folder)}{or_on_the_hub(name)}"
        raise ModelNotFoundError(f"There is no model “{name}”.{mistyped} {advice}")
    for pattern in ("config.json", "*.safetensors", "tokenizer*"):
        if not any(folder.glob(pattern)):
            raise ModelNotFoundError(
                f"The model folder {folder} has no {pattern}. It must hold a causal language model as "
                "save_pretrained writes it: config.json, safetensors weights and a tokenizer."
            )
    check_folder(folder)
    return ModelSource(str(folder.resolve()), folder.name, folder.resolve())


def pinned_model(name: str) -> str:
    """Return the name under which a run keeps its model: of one on the hub with the commit, which means it for ever.

    Raises:
        ModelNotFoundError: as :func:`resolve_model`.
        HubUnreachableError: its commit is not known here, and the hub does not say it.
    """
    source = resolve_model(name)
    if source.files is None or source.name in MODELS:
        return source.name
    files = source.files
    commit = files.commit or look_up(HubId(files.repository, files.revision)).sha
    return str(HubId(files.repository, str(commit)))


def model_hash(source: ModelSource) -> str:
    """Return the SHA-256 of a model's configuration, tokenizer and weights (hex); on the hub, its repository.

    Raises:
        ModelNotFoundError: one of the files cannot be read.
    """
    if source.name == EMBEDDED:
        return GGUF_SHA256
    if source.files is not None:
        commit = source.files.commit
        return f"{_HUB}{source.files.repository}" + (f"@{commit}" if commit else "")
    folder = model_folder(source)
    tokenizer, weights = (sorted(folder.glob(pattern)) for pattern in ("tokenizer*", "*.safetensors"))
    files = [folder / "config.json", *tokenizer, *weights]
    try:
        about = [(file, file.stat()) for file in files]
        return _hash_of(tuple((file, state.st_size, state.st_mtime_ns) for file, state in about))
    except OSError as error:
        raise ModelNotFoundError(f"A file of the model in {folder} cannot be read: {error.strerror}.") from error


def is_same_model(recorded: str, found: str) -> bool:
    """Whether two hashes of :func:`model_hash` are one model's; older ones of the hub's name no commit."""
    return recorded == found or (recorded.startswith(_HUB) and recorded == found.partition("@")[0])


@lru_cache(maxsize=8)
def _hash_of(files: tuple[tuple[Path, int, int], ...]) -> str:
    """Return the SHA-256 of files; with their sizes and times, so that they are read again once one has changed."""
    digest = hashlib.sha256()
    for file, _, _ in files:
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

    from finsent.models.attention import use_tree_attention

    place = model_folder(resolve_model(name))
    if name == EMBEDDED:
        verify(place)
    device = compute_device()
    dtype = resolve_dtype(compute_dtype, device)
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


def model_folder(source: ModelSource) -> Path:
    """Return a model's folder, after fetching it where only the hub has it; raises HubUnreachableError."""
    if source.path is not None or source.files is None:
        return Path(str(source.path))
    # From a folder nothing is looked up on the hub any more, when it is loaded or a checkpoint of it is saved.
    folder = _reachable(source.files).fetch()
    check_folder(folder)
    return folder


def small_files(source: ModelSource) -> Path:
    """Return a folder with a model's configuration and tokenizer, fetched where they are not there."""
    if source.path is not None or source.files is None:
        return Path(str(source.path))
    files = tokenizer_files(HubId(source.files.repository, source.files.revision))
    return files.cached or _reachable(files).fetch()


def _reachable(files: HubFiles) -> HubFiles:
    if not hub_answers():
        raise HubUnreachableError(
            f"{files.repository} is on the model hub, which does not answer. Check the network, give the path of a "
            f"downloaded copy, or choose the model “{EMBEDDED}”."
        )
    return files


def keep_gradients_on_cpu(model: "torch.nn.Module") -> None:
    """Keep bitsandbytes from repacking weights for a CPU kernel that has no backward pass.

    On processors with AVX-512 BF16, one forward pass in evaluation mode repacks every ``Linear4bit`` for inference,
    after which gradients behind it are zero and nothing fails. The layers must be told before that pass.
    """
    from bitsandbytes.nn.modules import Linear4bit

    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False


def compute_device() -> Device:
    """Return ``"cuda"`` where PyTorch finds a GPU, else ``"cpu"``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def resolve_dtype(compute_dtype: str, device: str) -> "torch.dtype":
    """Return the torch type of a recipe's ``compute_dtype``; ``auto`` is bfloat16 on a GPU, the faster one on a CPU.

    On a CPU it is measured the first time (see :mod:`finsent.models.dtype`).
    """
    import torch

    if compute_dtype == "auto":
        compute_dtype = "bfloat16" if device == "cuda" else fastest_cpu_type()
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[compute_dtype]
