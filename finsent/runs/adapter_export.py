"""The adapter that a run leaves, in PEFT's format, with what a user of it must know; and where its base can be had."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finsent.files import remove
from finsent.labels import FIVE_LABELS
from finsent.models.base import EMBEDDED
from finsent.models.embedded import GGUF_FILE, GGUF_SHA256, INSTALL, PACKAGE
from finsent.prompts import NEWS_SYSTEM_PROMPT, POST_SYSTEM_PROMPT, build_prompt, completion
from finsent.runs.evaluated_sets import forget_judged
from finsent.runs.store import Run

if TYPE_CHECKING:
    from peft import PeftModel

#: Where the embedded model's weights come from, so that an adapter can be used outside finsent.
REPOSITORIES = {"embedded": "HuggingFaceTB/SmolLM2-135M-Instruct", "qwen3-0.6b": "Qwen/Qwen3-0.6B"}

#: The prompt that finsent trains with, as an adapter's note has it.
OWN_PROMPT = build_prompt("{system_prompt}", "{text}")


def save_adapter(model: "PeftModel", run: Run) -> None:
    """Write the run's adapter (safetensors) with its prompt format and labels; the whole folder appears at once.

    What was judged with the adapter that it replaces, as after a stop, is removed.
    """
    scratch = run.folder / ".adapter.new"
    remove(scratch)
    model.peft_config["default"].base_model_name_or_path = public_name(run)
    model.save_pretrained(str(scratch), safe_serialization=True, save_embedding_layers=False)
    (scratch / "finsent.json").write_text(json.dumps(adapter_note(run), indent=2), encoding="utf-8")
    forget_judged(run)
    remove(run.adapter_dir)
    scratch.rename(run.adapter_dir)


def adapter_note(run: Run) -> dict[str, Any]:
    """Return what stands beside an adapter of what it was trained on: base model, prompt format, labels."""
    return {
        "run": run.id,
        "base_model": run.model_title,
        "base_model_hash": run.model_hash,
        "quantization": "nf4",
        "labels": list(FIVE_LABELS),
        "prompt": run.prompt or OWN_PROMPT,
        "completion": completion("{label}"),
        "system_prompts": {"news": NEWS_SYSTEM_PROMPT, "posts": POST_SYSTEM_PROMPT},
    }


def base_origin(run: Run) -> dict[str, str]:
    """Return where a run's base model can be had: its ``kind`` (hub, package or folder), its ``name``, and how.

    A folder of this machine is named by its last part alone.
    """
    if run.recipe.model == EMBEDDED:
        return {
            "kind": "package",
            "name": REPOSITORIES[EMBEDDED],
            "module": PACKAGE,
            "file": GGUF_FILE,
            "install": INSTALL,
            "sha256": GGUF_SHA256,
        }
    if run.model_hash.startswith("hub:") or run.recipe.model in REPOSITORIES:
        commit = run.model_hash.partition("@")[2]
        return {"kind": "hub", "name": public_name(run)} | ({"revision": commit} if commit else {})
    return {"kind": "folder", "name": public_name(run)}


def public_name(run: Run) -> str:
    """Return what an adapter calls its base model: the hub's name, or of a folder of this machine its last part."""
    if run.recipe.model not in REPOSITORIES and run.model_hash.startswith("hub:"):
        return run.model_hash.removeprefix("hub:").partition("@")[0]
    return REPOSITORIES.get(run.recipe.model) or f"the local model {Path(run.recipe.model).name}"
