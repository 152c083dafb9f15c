"""A model's skeleton: every module and shape as in the loaded 4-bit model, without values.

It is built from the model's configuration on PyTorch's meta device, and bitsandbytes itself works out the shape of
each packed 4-bit matrix there. Nothing is downloaded or held in memory, and since counts and sizes do not depend on
values, they are those of the loaded model.
"""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from finsent.errors import ModelNotFoundError
from finsent.models.base import resolve_model
from finsent.models.matrices import own_names

if TYPE_CHECKING:
    import torch
    from bitsandbytes.nn.modules import Linear4bit
    from transformers import PretrainedConfig, PreTrainedModel

_ADAPTER = "lora_adapter"


def build_skeleton(config: "PretrainedConfig", dtype: "torch.dtype | None" = None) -> "PreTrainedModel":
    """Return a model in NF4 on the meta device: all modules and shapes, no values; as loaded, before freezing.

    ``dtype`` is the type of what is not in 4 bits (bfloat16 if None).

    Raises:
        ModelNotFoundError: the configuration is not that of a causal language model.
    """
    # Before the import, or it says on standard error which optional kernels are not there.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    import torch
    from bitsandbytes.nn.modules import Linear4bit
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig
    from transformers.quantizers.auto import AutoHfQuantizer

    try:
        with torch.device("meta"):
            model: PreTrainedModel = AutoModelForCausalLM.from_config(
                config, dtype=dtype or torch.bfloat16, trust_remote_code=False
            )
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelNotFoundError(
            f"A configuration of the type “{config.model_type}” is not that of a causal language model. "
            "Choose another model."
        ) from error
    nf4 = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
    quantizer = AutoHfQuantizer.from_config(nf4, pre_quantized=False)
    quantizer.preprocess_model(model, device_map=None)
    for module in model.modules():
        if isinstance(module, Linear4bit):
            _pack(module)
    quantizer.postprocess_model(model)
    return model


def read_configuration(model_name: str) -> "PretrainedConfig":
    """Return a model's configuration.

    Raises:
        ModelNotFoundError: no such model, or its configuration cannot be read.
    """
    source = resolve_model(model_name)
    try:
        return source.config
    except (OSError, ValueError, KeyError) as error:
        raise ModelNotFoundError(
            f"The configuration in {source.path} cannot be read as a language model's. It must be a folder as "
            "save_pretrained writes it."
        ) from error


def add_lora(
    model: "PreTrainedModel", rank: int, alpha: int, dropout: float, target_modules: Iterable[str]
) -> "PreTrainedModel":
    """Freeze a model, add LoRA matrices to it through PEFT, and return it.

    Raises:
        ModelError: the model has none of the target modules.
    """
    from peft import LoraConfig

    model.requires_grad_(False)
    targets = own_names(model, target_modules)
    lora = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=targets, task_type="CAUSAL_LM")
    model.add_adapter(lora, adapter_name=_ADAPTER)
    return model


def real_size(parameter: "torch.nn.Parameter") -> int:
    """Return a parameter's number of weights; of a packed 4-bit matrix, those that it stands for."""
    state = getattr(parameter, "quant_state", None)
    return parameter.numel() if state is None else state.shape.numel()


def _pack(layer: "Linear4bit") -> None:
    """Replace a 4-bit layer's weight by its packed form, as quantising on loading does."""
    from bitsandbytes.functional import quantize_4bit
    from bitsandbytes.nn.modules import Params4bit

    weight: Any = layer.weight
    kind: dict[str, Any] = {"blocksize": weight.blocksize, "compress_statistics": weight.compress_statistics}
    kind |= {"quant_type": weight.quant_type, "quant_storage": weight.quant_storage}
    packed, state = quantize_4bit(weight.data, **kind)
    layer.weight = Params4bit(packed, requires_grad=False, quant_state=state, bnb_quantized=True, module=layer, **kind)
