"""What is known of a model on the hub before anything large is fetched: size, licence, access, whether it runs."""

from dataclasses import asdict, dataclass
from typing import Any, cast

import psutil
from huggingface_hub import ModelInfo

from finsent.errors import ModelNotFoundError
from finsent.hub import look_up, model_files
from finsent.hub_ids import HubId, parse_id
from finsent.labels import FIVE_LABELS
from finsent.models.base import resolve_model, small_files
from finsent.models.memory_advice import memory_advice, step_bytes
from finsent.prompts import completion
from finsent.recipe import change_recipe, get_recipe
from finsent.sizes import size_words

_WEIGHTS, _PICKLED = ".safetensors", (".bin", ".pt", ".pth", ".ckpt")
#: How the architecture of a model that writes text from left to right is called; Gemma 3's also sees pictures.
_CAUSAL = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")


@dataclass(frozen=True)
class ModelFacts:
    """A model on the hub at one commit. ``weight_bytes`` are those of its safetensors, ``fetch_bytes`` of all wanted.

    ``problems`` are sentences that say why finsent cannot use it; empty where it can.
    """

    repository: str
    revision: str
    commit: str
    fetch_bytes: int
    weight_bytes: int
    files: int
    licence: str
    gated: bool
    architecture: str
    cached: bool
    problems: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name under which finsent uses it, with its commit."""
        return f"{self.repository}@{self.commit}"

    @property
    def asked(self) -> HubId:
        """What was asked for: fetched by its branch, it is found by that again where the hub is out of reach."""
        return HubId(self.repository, self.revision)

    @property
    def sentences(self) -> list[str]:
        """What a person wants to know before it is fetched, one fact a sentence."""
        size = f"{size_words(self.fetch_bytes)} in {self.files} files"
        return [
            f"{self.repository}, commit {self.commit[:12]} ({self.revision}).",
            f"It is in this machine's cache ({size})." if self.cached else f"To fetch: {size}.",
            f"Licence: {self.licence}." if self.licence else "It names no licence: ask its owner before you use it.",
            "It is gated: its owner gives it to those who accept its terms."
            if self.gated
            else "Everybody may fetch it.",
            f"Architecture: {self.architecture or 'not named'}.",
            *self.problems,
        ]

    def as_json(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self) | {"problems": list(self.problems)}


def model_facts(name: str) -> ModelFacts:
    """Return what the hub says of a model; nothing is fetched.

    Raises:
        ModelNotFoundError: it can be the name of none.
        HubUnreachableError: the hub does not give it; the message says why.
    """
    asked = parse_id(name, ModelNotFoundError, "model")
    info = cast(ModelInfo, look_up(asked))
    sizes = {sibling.rfilename: sibling.size or 0 for sibling in info.siblings or []}
    wanted = {file: size for file, size in sizes.items() if _is_wanted(file)}
    card: dict[str, Any] = vars(info.card_data) if info.card_data else {}
    config = info.config or {}
    architecture = str((config.get("architectures") or [""])[0])
    return ModelFacts(
        repository=asked.repository,
        revision=asked.revision,
        commit=str(info.sha),
        fetch_bytes=sum(wanted.values()),
        weight_bytes=sum(size for file, size in wanted.items() if file.endswith(_WEIGHTS)),
        files=len(wanted),
        licence=str(card.get("license_name") or card.get("license") or ""),
        gated=bool(info.gated),
        architecture=architecture,
        cached=model_files(HubId(asked.repository, str(info.sha))).cached is not None,
        problems=tuple(_problems(sizes, config, architecture, info.tags or [])),
    )


def refuse_unusable(facts: ModelFacts) -> None:
    """Raise ModelNotFoundError where a model cannot be used, with the first reason."""
    if facts.problems:
        raise ModelNotFoundError(f"{facts.repository} cannot be used: {facts.problems[0]} Choose another model.")


def runs_here(name: str) -> list[str]:
    """Return whether a model will run on this machine, by its configuration and tokenizer, which are fetched for it.

    One sentence on the memory of a training step by the account, one on the tokens of the labels.

    Raises:
        ModelError, HubUnreachableError: they cannot be had or read.
    """
    recipe = change_recipe(get_recipe("quick"), {"model": name})
    held, there = step_bytes(recipe), psutil.virtual_memory().total
    fits = "fits into" if held < there else "is more than"
    sentences = [
        f"A training step of the recipe quick holds about {size_words(held)}; that {fits} this machine's "
        f"{size_words(there)}."
    ]
    if held >= there:
        sentences.append(memory_advice(recipe))
    return [*sentences, _label_tokens(name)]


def _label_tokens(name: str) -> str:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(small_files(resolve_model(name)), trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ModelNotFoundError(f"The tokenizer of {name} cannot be read ({type(error).__name__}).") from error
    tokens = [tuple(tokenizer(f"Answer:{completion(label)}")["input_ids"]) for label in FIVE_LABELS]
    if len(set(tokens)) < len(tokens) or tokenizer.eos_token_id is None:
        raise ModelNotFoundError(f"The tokenizer of {name} cannot tell the labels apart, or has no end of a text.")
    return f"Its tokenizer writes each label as tokens of its own ({len(tokenizer):,} tokens in all)."


def _is_wanted(file: str) -> bool:
    return file.endswith((_WEIGHTS, ".json", ".txt", ".jinja"))


def _problems(sizes: dict[str, int], config: dict[str, Any], architecture: str, tags: list[str]) -> list[str]:
    problems = []
    if not any(file.endswith(_WEIGHTS) for file in sizes):
        pickled = any(file.endswith(_PICKLED) for file in sizes)
        why = "its weights are pickled, which can run code when it is read" if pickled else "it has no weights"
        problems.append(f"Finsent reads safetensors only, and {why}.")
    if config.get("auto_map") or "custom_code" in tags:
        problems.append("It needs code of its own (custom code), which finsent does not run.")
    if architecture and not architecture.endswith(_CAUSAL):
        problems.append(f"{architecture} does not write text from left to right (an encoder, or another task).")
    if "config.json" not in sizes:
        problems.append("It has no config.json: it is no model as save_pretrained writes it.")
    return problems
