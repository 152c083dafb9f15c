"""A classifier of both models that nobody has trained."""

from pathlib import Path

import pytest

from finsent.evaluation.classifier import Classifier


@pytest.fixture(scope="session")
def both_models(tiny_llama: Path) -> Classifier:
    """A tiny model, and an adapter of random values in the place of a trained one."""
    import torch
    from peft import LoraConfig

    classifier = Classifier(str(tiny_llama), compute_dtype="float32")
    torch.manual_seed(1)
    classifier.model.add_adapter(LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False))
    classifier.has_adapter = True
    return classifier
