"""What a run will be, in words, before it is launched: what happens, not what was asked for where that differs."""

from finsent.data.prepared import Prepared
from finsent.models.base import MODELS
from finsent.recipe import Recipe, changed_fields, warmup_steps
from finsent.recipe_form import HEAD_FIELDS, show_value

#: Settings that say how many rows of a split are drawn at most.
DRAWN = {"rows": "train", "validation_rows": "validation", "test_rows": "test"}
_NAMED_CHANGES = 4


def drawn_words(recipe: Recipe, prepared: Prepared) -> dict[str, str]:
    """Return what each setting of ``DRAWN`` comes to in these data, for example ``1,000 drawn of 1,055``."""
    return {setting: _drawn(getattr(recipe, setting), prepared, split) for setting, split in DRAWN.items()}


def plan_words(recipe: Recipe, prepared: Prepared) -> str:
    """Return in two sentences what a run of a recipe will be: data, rows, model, and what differs from the recipe."""
    rows = prepared.counts
    model = MODELS.get(recipe.model, recipe.model)
    return (
        f"{rows['train']:,} rows of {prepared.title} train {model}; {rows['validation']:,} validation rows watch it "
        f"and {rows['test']:,} test rows judge it. Training settings: {_settings_words(recipe)}."
    )


def warmup_words(recipe: Recipe, rows: int) -> str:
    """Return in a sentence how a warm-up is cut short where there are so many training rows, "" where it is not."""
    steps, asked = warmup_steps(recipe, rows), recipe.warmup_steps
    if steps >= asked:
        return ""
    over = (
        f"Warm-up over {steps:,} of these steps, not {asked:,}"
        if steps
        else f"No warm-up, not one over {asked:,} steps"
    )
    return f"{over}: it takes a tenth of a run's steps at most."


def _drawn(asked: int | None, prepared: Prepared, split: str) -> str:
    there, drawn = int((prepared.rows["split"] == split).sum()), prepared.counts[split]
    if drawn < there:
        return f"{drawn:,} drawn of {there:,}"
    return f"{there:,}, all there are" + (f"; {asked:,} asked for" if asked is not None and asked > there else "")


def _settings_words(recipe: Recipe) -> str:
    changes = [
        f"{name} {show_value(now)} (not {show_value(was)})"
        for name, (was, now) in changed_fields(recipe).items()
        if name not in HEAD_FIELDS
    ]
    if not changes:
        return f"as in the recipe {recipe.name}"
    more = f" and {len(changes) - _NAMED_CHANGES} more" if len(changes) > _NAMED_CHANGES else ""
    return f"recipe {recipe.name} with {', '.join(changes[:_NAMED_CHANGES])}{more}"
