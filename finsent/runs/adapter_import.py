"""An adapter that was trained elsewhere becomes a run: checked against its base model first, then copied.

It may be a folder as PEFT saves it, a trainer's checkpoint, or a trainer's output folder with several of them; here, or
in a repository of the model hub.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finsent.data.prepared import prepare
from finsent.errors import AdapterError, HubUnreachableError, RecipeError, UsageError, reason
from finsent.files import read_json, typed_path
from finsent.hub import adapter_files
from finsent.hub_ids import SCHEME, HubId, looks_like_id, names_repository, parse_id
from finsent.models.adapter import CONFIG_FILE, NOTE_FILE, WEIGHTS_FILE, AdapterSettings, check_matrices
from finsent.models.base import MODELS, ModelSource, is_same_model, model_hash, resolve_model
from finsent.models.matrices import NAMES, recipe_names
from finsent.models.skeleton import build_skeleton, read_configuration
from finsent.recipe import Recipe, change_recipe, get_recipe
from finsent.runs.adapter_export import OWN_PROMPT, REPOSITORIES, adapter_note, public_name
from finsent.runs.names import spoken_words
from finsent.runs.store import Run, RunState, create_run

LATEST = "latest"
#: Says that an adapter was trained with the data's own prompt, as finsent and the tutorial do.
SUJET_PROMPT = "sujet"
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_PICKLED = ("adapter_model.bin", "pytorch_model.bin", "adapter_model.pt")
_ADVICE = "Give the folder that PEFT or a trainer saved, or a repository of the model hub with what is in it."
_WARNING = (
    "Trained elsewhere: which rows it was trained on is not known here. Where test rows were among them, its figures "
    "flatter."
)


@dataclass(frozen=True)
class Brought:
    """What is asked of an adapter that is brought in; "" is what can be known from its own files.

    ``model`` is its base, ``source`` the data that it is judged on, ``prompt`` the word ``sujet`` or a text with
    ``{text}`` in it, ``checkpoint`` a step or ``latest``.
    """

    model: str = ""
    source: str = "embedded"
    prompt: str = ""
    checkpoint: str = LATEST
    name: str = ""


def import_adapter(place: str | Path, runs_dir: Path, brought: Brought | None = None) -> Run:
    """Make a run of an adapter in a folder or a repository of the hub: state done, not judged yet.

    Raises:
        AdapterError: there is no adapter that finsent can use, or it does not fit its base model.
        HubUnreachableError: the hub does not give it.
        ModelError, DataError: the base model or the data are not there.
        UsageError: the base model, or the prompt that it was trained with, must be said.
        DiskFullError: there is no room. In all cases nothing is written.
    """
    brought = brought or Brought()
    place, title = _fetched(place)
    folder = find_adapter(place, brought.checkpoint)
    base = _base(folder, brought.model)
    prompt = _prompt(folder, brought.prompt)
    settings = check_matrices(build_skeleton(read_configuration(base.name)), folder)
    _check_vocabulary(folder, base)
    base_hash = model_hash(base)
    _check_hash(folder, base_hash)
    recipe = _recipe(settings, base.name, brought.source)
    prepared = prepare(recipe)
    facts: dict[str, Any] = {
        "state": RunState.DONE,
        "imported": f"{title}/{folder.name}" if folder != place else title,
        "prompt": prompt,
        "steps": _steps(folder),
        "splits": prepared.counts | {"train": 0},
        "source_title": prepared.title,
        "source_hash": prepared.source_hash,
        "model_title": base.title,
        "model_hash": base_hash,
        "warning": " ".join(part for part in (_WARNING, _other_name(folder, base)) if part),
    }
    name = brought.name or f"imported · {spoken_words(recipe)}"
    draft = Run.model_validate({"id": "", "recipe": recipe, "created": "2000-01-01T00:00:00Z"} | facts)
    config = read_json(folder / CONFIG_FILE) | {"base_model_name_or_path": public_name(draft)}
    files = {
        f"adapter/{WEIGHTS_FILE}": (folder / WEIGHTS_FILE).read_bytes(),
        f"adapter/{CONFIG_FILE}": json.dumps(config, indent=2).encode(),
        f"adapter/{NOTE_FILE}": json.dumps(adapter_note(draft), indent=2).encode(),
    }
    return create_run(recipe, runs_dir, name, files, **facts)


def _fetched(place: str | Path) -> tuple[Path, str]:
    """Return the folder of what is brought in, and what people call it; from the hub it is fetched, with its commit."""
    if not names_repository(str(place)):
        folder = typed_path(place, AdapterError, "adapter", _ADVICE)
        return folder, folder.name
    asked = parse_id(str(place), AdapterError, "model")
    try:
        folder = adapter_files(asked).fetch(newest=True)
    except HubUnreachableError as error:
        if str(place).startswith(SCHEME):
            raise
        raise HubUnreachableError(f"There is no folder {place} on this machine, and of the hub: {error}") from error
    return folder, str(HubId(asked.repository, folder.name))


def find_adapter(place: str | Path, checkpoint: str = LATEST) -> Path:
    """Return the folder of the adapter that is meant: this one, or a checkpoint in it.

    Raises:
        AdapterError: there is none, or it is pickled.
    """
    folder = typed_path(place, AdapterError, "adapter", _ADVICE)
    if not folder.is_dir():
        raise AdapterError(f"There is no folder {str(folder)[:200]}. {_ADVICE}")
    steps = {int(found[1]): one for one in folder.iterdir() if (found := _CHECKPOINT.fullmatch(one.name))}
    if checkpoint != LATEST:
        if not checkpoint.isdecimal() or int(checkpoint) not in steps:
            there = ", ".join(map(str, sorted(steps))) or "none"
            raise AdapterError(f"{folder} has no checkpoint {checkpoint[:40]!r}. Checkpoints there: {there}.")
        folder = steps[int(checkpoint)]
    elif not (folder / CONFIG_FILE).exists() and steps:
        folder = steps[max(steps)]
    elif not (folder / CONFIG_FILE).exists() and (folder / "adapter" / CONFIG_FILE).exists():
        folder = folder / "adapter"
    if not (folder / WEIGHTS_FILE).is_file():
        pickled = next((name for name in _PICKLED if (folder / name).exists()), None)
        if pickled:
            raise AdapterError(
                f"{folder / pickled} is pickled, which can run code of its own when it is read. Save the adapter as "
                "safetensors where it was trained (save_pretrained does), and bring that in."
            )
        raise AdapterError(f"{folder} holds no adapter: there is no {WEIGHTS_FILE}. {_ADVICE}")
    return folder


def _json(file: Path) -> dict[str, Any]:
    """Return a JSON object of an adapter's folder; empty where the file is not there."""
    if not file.exists():
        return {}
    try:
        return dict(read_json(file, large_numbers=True))
    except (OSError, ValueError, TypeError) as error:
        raise AdapterError(f"{file} is damaged: {reason(error)}. {_ADVICE}") from error


def _base(folder: Path, said: str) -> ModelSource:
    if said:
        return resolve_model(said)
    named = str(_json(folder / CONFIG_FILE).get("base_model_name_or_path") or "")
    known = {repository.lower(): name for name, repository in REPOSITORIES.items()}
    known |= {Path(model).name.lower(): model for model in MODELS}
    model = known.get(named.lower())
    if model is None and looks_like_id(named) and resolve_model(f"{SCHEME}{named}").path is not None:
        model = f"{SCHEME}{named}"
    if model is None:
        raise UsageError(
            f"The adapter in {folder} names its base model “{named[:100]}”, which is not known here. Say which it is: "
            f"{', '.join(MODELS)}, or a folder (--model)."
        )
    return resolve_model(model)


def _other_name(folder: Path, base: ModelSource) -> str:
    """Return a sentence where the adapter's files call its base model something else than what it is loaded on."""
    named = str(_json(folder / CONFIG_FILE).get("base_model_name_or_path") or "")
    names = {base.name, base.title, REPOSITORIES.get(base.name, ""), Path(base.name).name}
    if not named or named in names or Path(named).name in names:
        return ""
    return f"Its files call its base model “{Path(named).name[:100]}”; it is used on {base.title}, which it fits."


def _prompt(folder: Path, said: str) -> str:
    """Return the prompt as a run keeps it: "" for the data's own."""
    if said == SUJET_PROMPT:
        return ""
    if said:
        if said.count("{text}") != 1:
            raise UsageError("A prompt must have {text} in it once, where the text stands.")
        return said
    noted = str(_json(folder / NOTE_FILE).get("prompt") or "")
    if not noted:
        raise UsageError(
            "Nothing in the adapter's folder says which prompt it was trained with. Say --prompt sujet for the data's "
            "own prompt, as the tutorial has it, or give the prompt with {text} where the text stands."
        )
    return "" if noted == OWN_PROMPT else noted


def _check_hash(folder: Path, base_hash: str) -> None:
    noted = _json(folder / NOTE_FILE).get("base_model_hash")
    if noted and not is_same_model(str(noted), base_hash):
        raise AdapterError(
            f"The adapter in {folder} was trained on another base model than this one, by its hash. Choose that one."
        )


def _check_vocabulary(folder: Path, base: ModelSource) -> None:
    """Refuse an adapter whose folder has a tokenizer with other tokens than its base model's."""
    if not (folder / "tokenizer.json").is_file() or base.path is None:
        return
    theirs, ours = (_json(one / "tokenizer.json").get("model", {}).get("vocab") for one in (folder, base.path))
    if isinstance(theirs, dict) and isinstance(ours, dict) and theirs != ours:
        other = next((token for token, number in theirs.items() if ours.get(token) != number), "")
        raise AdapterError(
            f"The tokenizer in {folder} has {len(theirs):,} tokens, {base.title} has {len(ours):,}, and they are not "
            f"the same ones (first: {str(other)[:40]!r}). Choose the base model that it was trained on."
        )


def _recipe(settings: AdapterSettings, model: str, source: str) -> Recipe:
    known = {name for names in NAMES.values() for name in names}
    strange = [name for name in settings.target_modules if name not in known]
    if strange:
        raise AdapterError(
            f"The adapter changes layers named {strange[0][:60]}, which finsent does not train. It takes those on "
            f"{', '.join(sorted(known))}."
        )
    changes = {
        "model": model,
        "source": source,
        "lora_rank": settings.r,
        "lora_alpha": settings.lora_alpha,
        "lora_dropout": settings.lora_dropout,
        "target_modules": recipe_names(settings.target_modules),
    }
    try:
        return change_recipe(get_recipe("quick"), changes)
    except RecipeError as error:
        raise AdapterError(f"The adapter cannot be used: {error}") from error


def _steps(folder: Path) -> int:
    step = _json(folder / "trainer_state.json").get("global_step")
    return step if isinstance(step, int) and step >= 0 else 0
