"""Where a model's parameters are: torchinfo's tables before and after LoRA, and what their numbers mean.

Everything is counted on the model's skeleton (:mod:`finsent.models.skeleton`), which has the loaded model's shapes.
"""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast, get_args

from finsent.models.base import resolve_model
from finsent.models.matrices import own_names
from finsent.models.skeleton import add_lora, build_skeleton, read_configuration, real_size
from finsent.recipe import TargetModule, change_recipe, get_recipe

if TYPE_CHECKING:
    import torch
    from torchinfo import ModelStatistics
    from transformers import PretrainedConfig, PreTrainedModel

#: The matrices of a layer that LoRA can adapt.
TARGET_MODULES: tuple[str, ...] = get_args(TargetModule)

_DEPTH = 2
_LAYER_NUMBER = re.compile(r"\.\d+(?=\.)")


@dataclass(frozen=True)
class Table:
    """One summary of torchinfo, at depth 2.

    ``modules`` maps a row's class to its parameters; ``text`` is the table as torchinfo prints it. Two 4-bit weights
    in one byte count as one parameter, and a tied matrix counts at each place where it is used.
    """

    total: int
    trainable: int
    non_trainable: int
    modules: dict[str, int]
    text: str

    @property
    def narrow_text(self) -> str:
        """The same table without the blank columns between names and numbers, and with rules as short as the rest."""
        return _fold(self.text)


@dataclass(frozen=True)
class Parameters:
    """Real counts: every weight once, whatever its storage.

    ``in_4bit`` weights are stored in ``packed`` bytes; ``embedding`` is the token embedding, which is the output
    head, too, if ``tied``; ``other`` is all the rest of the base model (norms, biases, an untied head).
    ``lora`` is what LoRA adds.
    """

    real: int
    in_4bit: int
    packed: int
    embedding: int
    tied: bool
    other: int
    lora: int


@dataclass(frozen=True)
class Matrix:
    """Equal linear layers of a model: ``count`` matrices with ``inputs`` columns and ``outputs`` rows."""

    name: str
    inputs: int
    outputs: int
    count: int


@dataclass(frozen=True)
class Part:
    """Parameters of one kind: a leaf of the tree of the model. ``path`` leads to it; ``storage`` is how it is kept.

    ``storage`` is ``"4-bit"``, ``"full"`` (the compute type) or ``"LoRA"``, the one that trains.
    """

    path: tuple[str, ...]
    parameters: int
    count: int
    storage: str


@dataclass(frozen=True)
class Summary:
    """A model before and after LoRA.

    ``configuration`` holds the sizes that a reader looks for, ``matrices`` the layers that LoRA can adapt, ``tree``
    every parameter once, LoRA included.
    """

    model: str
    title: str
    rank: int
    target_modules: tuple[str, ...]
    before: Table
    after: Table
    parameters: Parameters
    configuration: dict[str, Any]
    matrices: tuple[Matrix, ...]
    tree: tuple[Part, ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def summarise(
    model_name: str,
    rank: int = 8,
    alpha: int = 32,
    dropout: float = 0.05,
    target_modules: tuple[str, ...] = ("q_proj", "v_proj"),
) -> Summary:
    """Return torchinfo's summaries of a model in NF4, as loaded and with LoRA added to the frozen model.

    "Before" is before freezing, as in the tutorial: embeddings and norms still count as trainable. Takes under a
    second, and no memory to speak of, once torch is imported.

    Raises:
        RecipeError: a LoRA setting is out of its range.
        ModelNotFoundError: no such model, or its configuration cannot be read.
        ModelError: the model has none of the target modules.
    """
    changes = {"lora_rank": rank, "lora_alpha": alpha, "lora_dropout": dropout, "target_modules": target_modules}
    recipe = change_recipe(get_recipe("quick"), changes)
    source = resolve_model(model_name)
    model = build_skeleton(read_configuration(model_name))
    before = _table(model)
    matrices = tuple(_matrices(model))
    targets = tuple(own_names(model, recipe.target_modules))
    add_lora(model, rank, alpha, dropout, recipe.target_modules)
    return Summary(
        model=source.name,
        title=source.title,
        rank=rank,
        target_modules=targets,
        before=before,
        after=_table(model),
        parameters=_parameters(model),
        configuration=describe_configuration(model.config),
        matrices=matrices,
        tree=tuple(_tree(model)),
    )


def lora_parameters(matrices: Iterable[Matrix], rank: int, target_modules: Iterable[str]) -> int:
    """Return how many values LoRA trains: rank × (inputs + outputs) for each matrix that it adapts.

    An update W' = W + A·B of an n × m matrix has A of n × r and B of r × m (Hu et al. 2021, LoRA).
    """
    targets = set(target_modules)
    return sum(rank * (m.inputs + m.outputs) * m.count for m in matrices if m.name in targets)


def describe_configuration(config: "PretrainedConfig") -> dict[str, Any]:
    """Return the sizes in a model's configuration that a reader looks for, in words, where the model has them."""
    names = {
        "model_type": "Architecture",
        "num_hidden_layers": "Layers",
        "hidden_size": "Hidden size",
        "intermediate_size": "Feed-forward size",
        "num_attention_heads": "Query heads",
        "num_key_value_heads": "Key-value heads",
        "head_dim": "Size of a head",
        "vocab_size": "Vocabulary",
        "max_position_embeddings": "Longest input",
        "tie_word_embeddings": "Tied embedding",
    }
    found = {title: getattr(config, name, None) for name, title in names.items()}
    return {title: value for title, value in found.items() if value is not None}


def _table(model: "torch.nn.Module") -> Table:
    import torchinfo

    found: ModelStatistics = torchinfo.summary(model, depth=_DEPTH, verbose=0)
    modules: dict[str, int] = {}
    for row in found.summary_list:
        shown = row.depth == _DEPTH or (row.depth < _DEPTH and row.is_leaf_layer)
        if shown and row.num_params:
            name = row.class_name if row.class_name not in modules else f"{row.class_name} ({row.var_name})"
            modules[name] = row.num_params
    return Table(
        total=found.total_params,
        trainable=found.trainable_params,
        non_trainable=found.total_params - found.trainable_params,
        modules=modules,
        text=str(found),
    )


def _fold(text: str) -> str:
    lines = [line.rstrip() for line in text.splitlines()]
    body = [line for line in lines if set(line) != {"="}]
    width = max(map(len, body))
    blank = [all(line[place : place + 1] in {"", " "} for line in body) for place in range(width)]
    # Of neighbouring blank columns two stay.
    kept = [place for place in range(width) if not all(blank[max(place - 2, 0) : place + 1])]
    return "\n".join("=" * len(kept) if set(line) == {"="} else _pick(line, kept) for line in lines)


def _pick(line: str, places: list[int]) -> str:
    return "".join(line[place : place + 1] for place in places)


def _parameters(model: "PreTrainedModel") -> Parameters:
    # named_parameters passes over a matrix that it has seen, so a tied one counts once.
    sizes = {"4-bit": 0, "full": 0, "LoRA": 0}
    packed = 0
    for name, parameter in model.named_parameters():
        storage = _storage(name, parameter)
        sizes[storage] += real_size(parameter)
        packed += parameter.numel() if storage == "4-bit" else 0
    table = cast("torch.Tensor", model.get_input_embeddings().weight)
    head = model.get_output_embeddings()
    return Parameters(
        real=sizes["4-bit"] + sizes["full"],
        in_4bit=sizes["4-bit"],
        packed=packed,
        embedding=table.numel(),
        tied=head is not None and head.weight is table,
        other=sizes["full"] - table.numel(),
        lora=sizes["LoRA"],
    )


def _storage(name: str, parameter: "torch.nn.Parameter") -> str:
    if ".lora_" in name:
        return "LoRA"
    return "full" if getattr(parameter, "quant_state", None) is None else "4-bit"


def _matrices(model: "PreTrainedModel") -> Iterable[Matrix]:
    from bitsandbytes.nn.modules import Linear4bit

    counts: dict[tuple[str, int, int], int] = {}
    for name, module in model.named_modules():
        if isinstance(module, Linear4bit):
            key = (name.rpartition(".")[2], module.in_features, module.out_features)
            counts[key] = counts.get(key, 0) + 1
    return [Matrix(*key, count) for key, count in counts.items()]


def _tree(model: "PreTrainedModel") -> Iterable[Part]:
    """Return each kind of parameter once, with equal ones of all layers added up."""
    leaves: dict[tuple[tuple[str, ...], str], list[int]] = {}
    for name, parameter in model.named_parameters():
        storage = _storage(name, parameter)
        path = _LAYER_NUMBER.sub("", name.partition(".lora_")[0].replace(".base_layer", "")).split(".")
        path = [part for part in path if part not in {"model", "weight"}]
        key = (("LoRA", *path[1:]) if storage == "LoRA" else tuple(path), storage)
        leaf = leaves.setdefault(key, [0, 0])
        leaf[0] += real_size(parameter)
        leaf[1] += 1
    return [Part(path, size, count, storage) for (path, storage), (size, count) in leaves.items()]
