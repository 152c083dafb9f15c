"""Classify financial texts with the model in this folder, by transformers and PEFT alone.

    python predict.py "Operating profit rose by a tenth."

``--base FOLDER`` names the base model's folder where it cannot be had by name. What the model was trained with, the
prompt, the labels and the number formats, stands in finsent.json beside this file.
"""

import argparse
import importlib.util
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    GgufConfig,
    PreTrainedTokenizerBase,
)

HERE = Path(__file__).resolve().parent
NOTE: dict[str, Any] = json.loads((HERE / "finsent.json").read_text(encoding="utf-8"))
#: A folder that holds the base model, for where it cannot be had by name.
BASE = os.environ.get("BASE_MODEL", "")


def load(base: str = BASE) -> tuple[torch.nn.Module, PreTrainedTokenizerBase]:
    """Return the fine-tuned model and its tokenizer: the base model with the adapter, or the merged model."""
    if (HERE / "adapter_config.json").exists():
        model, tokenizer = load_base(base)
        return PeftModel.from_pretrained(model, str(HERE)).eval(), tokenizer
    tokenizer = AutoTokenizer.from_pretrained(HERE)
    return AutoModelForCausalLM.from_pretrained(HERE, dtype="auto").eval(), tokenizer


def load_base(base: str = BASE) -> tuple[torch.nn.Module, PreTrainedTokenizerBase]:
    """Return the base model as it was trained on, in 4-bit NormalFloat, and its tokenizer."""
    place = base or find_base()
    revision = {"revision": NOTE["base"]["revision"]} if not base and NOTE["base"].get("revision") else {}
    dtype = getattr(torch, NOTE["compute_dtype"])
    model = AutoModelForCausalLM.from_pretrained(
        place,
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
        ),
        dtype=dtype,
        device_map={"": "cuda" if torch.cuda.is_available() else "cpu"},
        **revision,
    )
    layers: Any = model.modules()
    for module in layers:
        # On some processors bitsandbytes repacks weights for a CPU kernel that has no backward pass.
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return model.eval(), AutoTokenizer.from_pretrained(place, **revision)


def find_base() -> str:
    """Return the base model's name on the hub, or the folder that it is converted into from its Python package."""
    base = NOTE["base"]
    if base["kind"] == "hub":
        return str(base["name"])
    if base["kind"] != "package":
        sys.exit(
            f"The base model is {base['name']}. Give the folder that holds it: --base FOLDER, or BASE_MODEL=FOLDER"
        )
    folder = HERE / "base"
    if not (folder / "config.json").exists():
        # The package's own code is not needed; it is found and never imported.
        package = importlib.util.find_spec(base["module"])
        if package is None:
            sys.exit(f"The base model is in a Python package. Install it: {base['install']}")
        gguf = {"gguf_file": base["file"]}
        source = str((package.submodule_search_locations or [""])[0])
        as_it_was = GgufConfig(dequantize=True)
        model = AutoModelForCausalLM.from_pretrained(
            source, quantization_config=as_it_was, dtype=torch.bfloat16, **gguf
        )
        AutoTokenizer.from_pretrained(source, **gguf).save_pretrained(folder)
        model.save_pretrained(folder)
    return str(folder)


def tokens_of(tokenizer: PreTrainedTokenizerBase, whole: str, text: str) -> list[int]:
    """Return the tokens of a prompt; in its text the name of a special token, such as <|im_end|>, is plain letters."""
    special = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
    names = re.compile("|".join(map(re.escape, special)) if special else r"(?!)")
    if not names.search(text):
        found: list[int] = tokenizer(whole)["input_ids"]
        return found
    before, _, after = whole.rpartition(text)
    begin = max((name.end() for name in names.finditer(before)), default=0)
    end = next((name.start() for name in names.finditer(after)), len(after))
    own = tokenizer(before[begin:] + text + after[:end], add_special_tokens=not begin, split_special_tokens=True)
    first = tokenizer(before[:begin])["input_ids"] if begin else []
    return [*first, *own["input_ids"], *tokenizer(after[end:], add_special_tokens=False)["input_ids"]]


def log_probabilities(
    model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase, prompt: str, labels: list[str], text: str = ""
) -> dict[str, float]:
    """Return the log-probability of each label after the prompt of a text, summed over the label's tokens."""
    start = tokens_of(tokenizer, prompt, text)
    wholes = [tokens_of(tokenizer, prompt + NOTE["completion"].format(label=label), text) for label in labels]
    # A tokenizer may merge the prompt's last token with a label's first.
    cut = min(len(os.path.commonprefix([start, whole])) for whole in wholes)
    found = {}
    device: Any = model.device
    for label, whole in zip(labels, wholes, strict=True):
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([whole], device=device)).logits[0, cut - 1 : -1]
        wanted = torch.tensor(whole[cut:], device=device)
        found[label] = float(logits.float().log_softmax(-1).gather(1, wanted[:, None]).sum())
    return found


def classify(
    model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase, text: str, kind: str = "news"
) -> dict[str, Any]:
    """Return the label of a text and each label's probability among those that its prompt allows.

    ``kind`` is ``"news"`` or, for market posts, ``"posts"``.
    """
    # Only the two placeholders are filled in: a text may hold braces of its own.
    before, after = NOTE["prompt"].replace("{system_prompt}", NOTE["system_prompts"][kind]).split("{text}")
    scores = log_probabilities(model, tokenizer, before + text + after, NOTE["answers"][kind], text)
    shares = torch.tensor(list(scores.values()), dtype=torch.float64).softmax(0).tolist()
    return {
        "label": max(scores, key=lambda label: scores[label]),
        "probabilities": dict(zip(scores, shares, strict=True)),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Classify financial texts with the model in this folder.")
    parser.add_argument("texts", nargs="+")
    parser.add_argument("--base", default=BASE, help="folder of the base model")
    parser.add_argument("--kind", choices=list(NOTE["answers"]), default="news")
    options = parser.parse_args()
    fine_tuned = load(options.base)
    for given in options.texts:
        print(json.dumps({"text": given} | classify(*fine_tuned, given, options.kind), ensure_ascii=False))
