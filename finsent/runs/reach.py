"""Whether a recipe's data and base model are in reach, and the recipe with its paths as a run's record keeps them."""

from dataclasses import asdict
from typing import Any

from finsent.data.choices import choices_of
from finsent.data.hub_set import find_set, known_set, names_data_set
from finsent.data.prepared import Prepared, prepare
from finsent.data.sources import local_path
from finsent.data.stored import with_stored_choices
from finsent.errors import HubUnreachableError, SourceNotFoundError
from finsent.hub import hub_answers, sujet_is_cached
from finsent.models.base import EMBEDDED, pinned_model, resolve_model
from finsent.recipe import Recipe

#: Data sources that are names and not paths.
_NAMED_SOURCES = ("embedded", "hub")


def validate_launch(recipe: Recipe, prepared: Prepared | None = None) -> Recipe:
    """Return the recipe with absolute paths, after a look at whether its data and its model can be used.

    Its data are read for that, unless they have been: ``prepared`` is what :func:`prepare` made of this very recipe.

    The embedded model is converted here when it was never used on this machine (about 20 s).

    Raises:
        SourceNotFoundError: the data's path does not exist.
        ModelNotFoundError: there is no such model, or its folder is incomplete.
        HubUnreachableError: the data or the model is the hub's, and the hub does not answer.
        DataError: a local data set cannot be used; one of the hub is checked by the worker, once it is fetched.
    """
    check_in_reach(recipe)
    recipe = _with_source(recipe)
    # The data first: they take a moment, and a model's conversion would be for nothing where they cannot be used.
    if recipe.source != "hub" and prepared is None:
        prepare(recipe)
    return _with_model(recipe)


def settle(recipe: Recipe) -> Recipe:
    """Return the recipe with absolute paths; raises as :func:`validate_launch` does, but reads no data."""
    check_in_reach(recipe)
    return _with_model(_with_source(recipe))


def _with_source(recipe: Recipe) -> Recipe:
    if recipe.source in _NAMED_SOURCES:
        return recipe
    if names_data_set(recipe.source):
        return recipe.model_copy(update={"source": find_set(recipe.source).name})
    source = str(local_path(recipe.source).resolve())
    # What was decided about a stored file goes into the run's record, which alone says what it trained on.
    update: dict[str, Any] = {"source": source} | asdict(with_stored_choices(source, choices_of(recipe)))
    return recipe.model_copy(update=update)


def _with_model(recipe: Recipe) -> Recipe:
    return recipe.model_copy(update={"model": pinned_model(recipe.model)})


def check_in_reach(recipe: Recipe) -> None:
    """Raise as :func:`validate_launch` does, without preparing anything; takes a moment at most."""
    of_hub = names_data_set(recipe.source)
    if recipe.source not in _NAMED_SOURCES and not of_hub and not local_path(recipe.source).exists():
        raise SourceNotFoundError(
            f"There is no data at {recipe.source}. Give embedded, hub, a name on the model hub (owner/name), or the "
            "path of a file or folder."
        )
    model = None if recipe.model == EMBEDDED else resolve_model(recipe.model)
    data_missing = recipe.source == "hub" and not sujet_is_cached() or of_hub and known_set(recipe.source) is None
    model_missing = model is not None and model.path is None
    if (data_missing or model_missing) and not hub_answers():
        what = "data are" if data_missing else "base model is"
        raise HubUnreachableError(
            f"The {what} on the model hub, which does not answer. Check the network, or choose “embedded” or a local "
            "path."
        )
