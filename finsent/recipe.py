"""Recipes: the settings of a run, each with its reason and valid range, validated together.

A recipe is everything that decides a run's result besides the versions and the hardware. ``tutorial`` is the
tutorial's settings with nothing improved; ``quick`` ends in minutes on two CPU cores with the embedded model; ``best``
is what measured best for its time on texts that it was not trained on (see docs/search.md).
"""

import math
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from finsent.errors import RecipeError

TargetModule = Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
#: Passes in one step at most.
MOST_ACCUMULATION = 256
#: The warm-up takes one step of so many at most.
MOST_WARMUP = 10
#: Settings that say how the data are read.
SOURCE_CHOICES = (
    "text_column",
    "label_column",
    "labels",
    "thresholds",
    "leave_out",
    "configuration",
    "source_split",
)
#: Settings that recipes of older runs have and finsent no longer does, each with the value that changed nothing.
REMOVED_SETTINGS: dict[str, Any] = {"attention": "causal", "soup": 1, "early_stopping": 0}


class Recipe(BaseModel):
    """Settings of one run. Every field's description is its reason, shown beside it in the app."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("quick", description="The recipe that these settings started from.")
    model: str = Field(
        "embedded",
        min_length=1,
        description="Base model: embedded, qwen3-0.6b, owner/name of the hub, or a folder.",
    )
    source: str = Field(
        "embedded", min_length=1, description="Data: embedded, hub, owner/name of the hub, a file or folder."
    )
    text_column: str = Field("", description="Column of the data with the texts; none takes what its name says.")
    label_column: str = Field("", description="Column of the data with the labels; none takes what its name says.")
    labels: str = Field("", description="What values of the label column mean, like 0=negative,1=neutral,2=positive.")
    thresholds: str = Field("", description="Where scores become negative and positive, like -0.3,0.3.")
    leave_out: bool = Field(False, description="Leave out the rows of the data that cannot be used.")
    configuration: str = Field("", description="Configuration of a data set of the hub; none takes its default one.")
    source_split: str = Field("", description="Split of a data set of the hub to read; none reads all, as it has them.")
    rows: int | None = Field(
        None, ge=8, description="Training rows to draw; none uses them all. The test split stays the same."
    )
    validation_rows: int | None = Field(
        200,
        ge=8,
        description="Validation rows watched while training; a fixed sample keeps evaluations short.",
    )
    test_rows: int | None = Field(
        None, ge=8, description="Test rows to score; none scores them all. Fewer widens every interval."
    )
    split: Literal["rows", "grouped"] = Field(
        "rows",
        description="How rows are split: one by one (the tutorial), or so that twins, texts that are nearly the same, "
        "stay on one side; that draws anew what the data split themselves.",
    )
    split_seed: int = Field(42, ge=0, le=2**32 - 1, description="Seed of the 80/10/10 split; the tutorial's is 42.")
    seed: int = Field(42, ge=0, le=2**32 - 1, description="Seed of LoRA's start, dropout and the order of rows.")

    lora_rank: int = Field(8, ge=1, le=256, description="Width of the LoRA matrices: more can learn more, and overfit.")
    lora_alpha: int = Field(32, ge=1, le=1024, description="LoRA's update is scaled by alpha / rank.")
    lora_dropout: float = Field(0.05, ge=0, lt=1, description="Share of LoRA inputs zeroed while training.")
    target_modules: tuple[TargetModule, ...] = Field(
        ("q_proj", "v_proj"),
        min_length=1,
        description="Matrices that get LoRA; query and value are PEFT's default.",
    )

    loss: Literal["completion", "sequence", "answers"] = Field(
        "completion",
        description="What counts: the answer alone, prompt and answer (the tutorial), or which of its allowed answers.",
    )
    learning_rate: float = Field(5e-4, gt=0, le=1e-1, description="Step size of AdamW; LoRA takes larger ones.")
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "linear", description="How the learning rate falls to the end of the run."
    )
    warmup_steps: int = Field(
        10,
        ge=0,
        le=10_000,
        description="Steps over which the learning rate rises from zero; a tenth of all steps at most.",
    )
    weight_decay: float = Field(0.0, ge=0, le=1, description="Pull of AdamW towards zero.")
    max_grad_norm: float = Field(1.0, gt=0, le=100, description="Longer gradients are clipped to this norm.")
    epochs: float = Field(1.0, gt=0, le=100, description="Passes over the training rows.")
    batch_size: int = Field(8, ge=1, le=256, description="Rows in one forward and backward pass.")
    gradient_accumulation: int = Field(
        1, ge=1, le=MOST_ACCUMULATION, description="Passes whose gradients make one step."
    )
    max_length: int = Field(512, ge=32, le=8192, description="Longest prompt and answer in tokens.")

    logging_steps: int = Field(5, ge=1, le=10_000, description="Steps between points of the training curves.")
    evaluations_per_epoch: int = Field(
        1, ge=1, le=50, description="Evaluations on the validation sample, each with a checkpoint."
    )
    checkpoint: Literal["best", "last", "averaged"] = Field(
        "best",
        description="Adapter to keep: of the best validation macro-F1, of the last step (the tutorial), or the mean of "
        "twelve over the last 60 % of steps.",
    )
    compute_dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="Number format of the arithmetic; auto takes bfloat16 on a GPU, and on a CPU what it is faster in.",
    )
    gradient_checkpointing: bool = Field(
        False, description="Recompute activations to save memory, for about a third more time."
    )
    processes: int = Field(
        1,
        ge=1,
        le=64,
        description="Processes that share each batch, each with the whole model: one per GPU, or a few on many cores.",
    )

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if len(set(self.target_modules)) != len(self.target_modules):
            raise ValueError("target_modules names a matrix twice")
        if self.rows is not None and self.rows < self.batch_size:
            raise ValueError(f"rows ({self.rows}) is smaller than batch_size ({self.batch_size})")
        if self.batch_size % self.processes:
            raise ValueError(f"batch_size ({self.batch_size}) is not a multiple of processes ({self.processes})")
        return self


#: Changes to a recipe that leave the training steps alone and drop what stands between and around them.
BARE_STEPS: dict[str, Any] = {"evaluations_per_epoch": 1, "checkpoint": "last"}

RECIPES: dict[str, Recipe] = {
    "quick": Recipe(evaluations_per_epoch=3, test_rows=600),
    "best": Recipe(
        name="best",
        target_modules=get_args(TargetModule),
        lora_dropout=0.0,
        loss="answers",
        learning_rate=1e-3,
        max_grad_norm=3.0,
        epochs=2,
        warmup_steps=20,
        evaluations_per_epoch=4,
        checkpoint="averaged",
        logging_steps=10,
    ),
    "tutorial": Recipe(
        name="tutorial",
        model="qwen3-0.6b",
        source="hub",
        validation_rows=None,
        loss="sequence",
        checkpoint="last",
        learning_rate=2e-5,
        warmup_steps=0,
        epochs=10,
        gradient_accumulation=5,
        max_length=1024,
        compute_dtype="bfloat16",
    ),
}


def get_recipe(name: str) -> Recipe:
    """Return a named recipe.

    Raises:
        RecipeError: there is no recipe of that name.
    """
    if name not in RECIPES:
        raise RecipeError(f"There is no recipe “{name}”. Choose one of: {', '.join(RECIPES)}.")
    return RECIPES[name]


def change_recipe(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """Return the recipe with some settings changed, validated as a whole.

    Values may be strings as a command line gives them (``"5e-4"``, ``"q_proj,v_proj"``, ``"none"``).

    Raises:
        RecipeError: a key is unknown, or a value is out of range; the message names the key and the range.
    """
    values = recipe.model_dump() | {key: _read(key, value) for key, value in changes.items()}
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise RecipeError(_explain(error)) from None


def read_setting(name: str, text: str) -> Any:
    """Return the value that a text gives one setting, by itself: what stands beside it is not looked at.

    Raises:
        RecipeError: there is no such setting, or the value is out of its range.
    """
    if name not in Recipe.model_fields:
        raise RecipeError(_no_setting(name))
    field, value = Recipe.model_fields[name], _read(name, text)
    kind: Any = Annotated[field.annotation, field]
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        raise RecipeError(f"Setting {name}: {_said(error.errors()[0]['msg'])}, not {value!r}.") from None


def changed_fields(recipe: Recipe) -> dict[str, tuple[Any, Any]]:
    """Return ``{field: (recipe's value, this value)}`` where settings differ from the recipe of that name."""
    if recipe.name not in RECIPES:
        return {}
    start = RECIPES[recipe.name].model_dump()
    return {key: (start[key], value) for key, value in recipe.model_dump().items() if start[key] != value}


def without_removed(settings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return recorded settings without those that finsent no longer has, and of these the ones that did something."""
    kept = {key: value for key, value in settings.items() if key not in REMOVED_SETTINGS}
    gone = {key: settings[key] for key, idle in REMOVED_SETTINGS.items() if settings.get(key, idle) != idle}
    return kept, gone


def steps_per_epoch(recipe: Recipe, train_rows: int) -> int:
    """Return the number of optimizer steps in one pass over the training rows."""
    return math.ceil(math.ceil(train_rows / recipe.batch_size) / recipe.gradient_accumulation)


def total_steps(recipe: Recipe, train_rows: int) -> int:
    """Return the number of optimizer steps of a run, as transformers' trainer counts them."""
    return math.ceil(recipe.epochs * steps_per_epoch(recipe, train_rows))


def warmup_steps(recipe: Recipe, train_rows: int) -> int:
    """Return over how many steps the learning rate rises: what the recipe asks for, or a tenth of all steps if less.

    Few rows make few steps, and a rate that never rises trains nothing.
    """
    return min(recipe.warmup_steps, total_steps(recipe, train_rows) // MOST_WARMUP)


def _read(key: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if key in SOURCE_CHOICES:
        return value
    if value.lower() in {"none", ""} and key in Recipe.model_fields:
        return None
    if key == "target_modules":
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        return _no_setting(field)
    if not field:
        return f"Recipe: {first['msg'].removeprefix('Value error, ')}."
    return f"Setting {field}: {_said(first['msg'])}, not {first['input']!r}."


def _no_setting(name: str) -> str:
    return f"There is no setting “{name}”. Settings are: {', '.join(Recipe.model_fields)}."


def _said(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
