"""A run's adapter outside NF4: on the base model in 16 bits, and merged into the weights that it was trained on."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

from finsent.models.adapter import check_adapter
from finsent.models.base import compute_device, load_base, model_folder, model_hash, resolve_model

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel


def on_16_bits(name: str, adapter_dir: Path) -> "PeftModel":
    """Return an adapter on its base model in bfloat16, as it is used without bitsandbytes.

    Raises:
        ModelError: as :func:`finsent.models.base.load_base` and ``load_adapter``.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from finsent.models.attention import use_tree_attention

    source = resolve_model(name)
    model = AutoModelForCausalLM.from_pretrained(
        model_folder(source),
        dtype=torch.bfloat16,
        device_map={"": compute_device()},
        attn_implementation="sdpa",
        use_safetensors=True,
        trust_remote_code=False,
    )
    check_adapter(model, adapter_dir, model_hash(source))
    use_tree_attention(model)
    return PeftModel.from_pretrained(model, str(adapter_dir)).eval()


def merged(name: str, adapter_dir: Path) -> "PreTrainedModel":
    """Return the base model with an adapter merged into its weights, in bfloat16.

    The weights are those that the adapter was trained on, read back from NF4: merged into the unquantised ones it
    would answer as it never did in training. The sum is made in float32 and rounded once.

    Raises:
        ModelError: as :func:`finsent.models.base.load_base` and ``load_adapter``.
    """
    import torch
    from peft import PeftModel

    base, _ = load_base(name, "float32")
    check_adapter(base, adapter_dir, model_hash(resolve_model(name)))
    plain = base.dequantize()
    whole = PeftModel.from_pretrained(plain, str(adapter_dir)).merge_and_unload(safe_merge=True)
    return cast("PreTrainedModel", whole.to(torch.bfloat16).eval())
