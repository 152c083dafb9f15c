"""The settings of a recipe as a form needs them: title, group, reason, kind of input and valid range.

Everything is read off the fields of :class:`~finsent.recipe.Recipe`, so that a form never says anything else than
what the recipe checks.
"""

import shlex
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo

from finsent.recipe import SOURCE_CHOICES, Recipe, changed_fields

Kind = Literal["integer", "number", "flag", "choice", "choices", "text"]

#: Fields of a recipe that have a place of their own: its name, its data and its model.
HEAD_FIELDS = ("name", "source", "model", *SOURCE_CHOICES)

_GROUPS: dict[str, tuple[str, ...]] = {
    "Data": ("rows", "validation_rows", "test_rows", "max_length", "split", "split_seed", "seed"),
    "LoRA": ("lora_rank", "lora_alpha", "lora_dropout", "target_modules"),
    "Optimisation": (
        "loss",
        "learning_rate",
        "schedule",
        "warmup_steps",
        "epochs",
        "batch_size",
        "gradient_accumulation",
        "max_grad_norm",
        "weight_decay",
    ),
    "Evaluation": ("evaluations_per_epoch", "checkpoint", "logging_steps"),
}
#: Where a setting goes that no other group names.
_OTHER = "Machine"


@dataclass(frozen=True)
class Setting:
    """One setting. ``low`` and ``high`` are inclusive unless ``above_low`` or ``below_high`` say otherwise."""

    name: str
    group: str
    reason: str
    kind: Kind
    optional: bool
    low: float | None
    high: float | None
    above_low: bool
    below_high: bool
    options: tuple[str, ...]

    @property
    def title(self) -> str:
        """The name in words, for example ``LoRA rank``."""
        words = self.name.replace("_", " ").replace("lora", "LoRA").replace("grad ", "gradient ")
        return words[:1].upper() + words[1:]

    @property
    def range(self) -> str:
        """The valid values in words, for example ``from 1 to 256``; "" where the options say it all."""
        start = end = ""
        if self.low is not None:
            start = f"{'above' if self.above_low else 'from'} {_short(self.low)}"
        if self.high is not None:
            end = f"{', below' if self.below_high else ' to'} {_short(self.high)}"
        return start + end


def settings() -> tuple[Setting, ...]:
    """Return every setting but those of ``HEAD_FIELDS``, in the order of a form."""
    names = [name for name in Recipe.model_fields if name not in HEAD_FIELDS]
    known = [name for group in _GROUPS.values() for name in group]
    ordered = [name for name in known if name in names] + [name for name in names if name not in known]
    return tuple(_setting(name, Recipe.model_fields[name]) for name in ordered)


def command_line(recipe: Recipe) -> str:
    """Return the command that launches a run with these settings."""
    words = ["python", "-m", "finsent", "train", "--recipe", recipe.name]
    for name, (_, value) in changed_fields(recipe).items():
        if name in ("source", "model", "rows") and value is not None:
            words += [f"--{name}", str(value)]
        elif name in SOURCE_CHOICES:
            # With "=", since a value may begin like an option: -0.3,0.3.
            option = f"--{name.replace('_', '-')}"
            words += [option if value is True else f"{option}={value}"]
        else:
            words += ["--set", f"{name}={as_argument(value)}"]
    return shlex.join(words)


def show_value(value: Any) -> str:
    """Return a setting's value as people read it: ``none`` is all, lists are joined, numbers are short."""
    if value is None:
        return "all"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(str(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def as_argument(value: Any) -> str:
    """Return a setting's value as the command line and an address take it; ``none`` is none, lists have commas."""
    if value is None:
        return "none"
    return ",".join(value) if isinstance(value, list | tuple) else str(value)


def _setting(name: str, field: FieldInfo) -> Setting:
    low: float | None = None
    high: float | None = None
    above = below = False
    for bound in field.metadata:
        match bound:
            case annotated_types.Ge():
                low = cast(float, bound.ge)
            case annotated_types.Gt():
                low, above = cast(float, bound.gt), True
            case annotated_types.Le():
                high = cast(float, bound.le)
            case annotated_types.Lt():
                high, below = cast(float, bound.lt), True
    kind, optional, options = _kind(field.annotation)
    group = next((group for group, names in _GROUPS.items() if name in names), _OTHER)
    return Setting(name, group, field.description or "", kind, optional, low, high, above, below, options)


def _short(number: float) -> str:
    return f"{int(number):,}" if float(number).is_integer() else f"{number:g}"


def _kind(annotation: Any) -> tuple[Kind, bool, tuple[str, ...]]:
    arguments = get_args(annotation)
    if get_origin(annotation) is Literal:
        return "choice", False, arguments
    if get_origin(annotation) is tuple:
        return "choices", False, get_args(arguments[0])
    optional = type(None) in arguments
    inner = next((part for part in arguments if part is not type(None)), annotation)
    kinds: dict[Any, Kind] = {bool: "flag", int: "integer", float: "number"}
    return kinds.get(inner, "text"), optional, ()
