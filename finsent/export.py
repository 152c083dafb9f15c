"""What a run leaves for others: the adapter in PEFT's format, with what a user of it must know."""

import json
import shutil
from typing import TYPE_CHECKING

from finsent.judged import forget_judged
from finsent.labels import FIVE_LABELS
from finsent.prompts import NEWS_SYSTEM_PROMPT, POST_SYSTEM_PROMPT, build_prompt, completion
from finsent.runs import Run

if TYPE_CHECKING:
    from peft import PeftModel

#: Where the embedded model's weights come from, so that an adapter can be used outside finsent.
REPOSITORIES = {"embedded": "HuggingFaceTB/SmolLM2-135M-Instruct", "qwen3-0.6b": "Qwen/Qwen3-0.6B"}


def save_adapter(model: "PeftModel", run: Run) -> None:
    """Write the run's adapter (safetensors) with its prompt format and labels; the whole folder appears at once.

    What was judged with the adapter that it replaces, as after a stop, is removed.
    """
    scratch = run.folder / ".adapter.new"
    shutil.rmtree(scratch, ignore_errors=True)
    # A path of this machine would be of no use to whoever loads the adapter elsewhere.
    model.peft_config["default"].base_model_name_or_path = REPOSITORIES.get(run.recipe.model, run.recipe.model)
    model.save_pretrained(scratch, safe_serialization=True, save_embedding_layers=False)
    note = {
        "run": run.id,
        "base_model": run.model_title,
        "base_model_hash": run.model_hash,
        "quantization": "nf4",
        "attention": run.recipe.attention,
        "labels": list(FIVE_LABELS),
        "prompt": build_prompt("{system_prompt}", "{text}"),
        "completion": completion("{label}"),
        "system_prompts": {"news": NEWS_SYSTEM_PROMPT, "posts": POST_SYSTEM_PROMPT},
    }
    (scratch / "finsent.json").write_text(json.dumps(note, indent=2), encoding="utf-8")
    forget_judged(run)
    shutil.rmtree(run.adapter_dir, ignore_errors=True)
    scratch.rename(run.adapter_dir)
