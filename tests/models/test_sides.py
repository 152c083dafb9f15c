"""Both models in one pass give what each gives alone."""

import numpy as np
import pytest
import torch

from finsent.evaluation.classifier import Classifier, text_rows
from finsent.inference.prefix import PrefixCache
from finsent.inference.scoring import score_both, score_labels
from finsent.labels import NEWS_ANSWERS, POST_ANSWERS
from finsent.models.sides import sides_of

TEXTS = ["Profit rose by a tenth.", "The plant opens in May.", "x", "Profit rose by a tenth in the quarter."]


@pytest.mark.parametrize("answers", [NEWS_ANSWERS, POST_ANSWERS])
@pytest.mark.parametrize("share", [False, True])
def test_both_models_in_one_pass_score_as_each_alone(both_models, answers, share):
    rows = text_rows(TEXTS, answers)
    alone = [both_models.score(rows, tuned) for tuned in (False, True)]
    scores = [column for column in alone[0] if column.startswith("logp_")]
    assert not np.allclose(alone[0][scores], alone[1][scores], atol=1e-2, equal_nan=True)
    for _ in range(2):
        # Once with beginnings that are new, once with those kept.
        for expected, got in zip(alone, both_models.score_both(rows, share=share), strict=True):
            np.testing.assert_allclose(got[scores], expected[scores], atol=1e-4)
            assert got["predicted"].tolist() == expected["predicted"].tolist()


@pytest.mark.parametrize("architecture", ["tiny_llama", "tiny_qwen3"])
def test_a_pass_of_few_tokens_at_a_time_and_other_architectures(request, architecture, monkeypatch):
    from peft import LoraConfig

    classifier = Classifier(str(request.getfixturevalue(architecture)), compute_dtype="float32")
    torch.manual_seed(1)
    classifier.model.add_adapter(LoraConfig(r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False))
    rows = text_rows(TEXTS)
    monkeypatch.setattr("finsent.inference.scoring.TOKENS_PER_PASS", {"cpu": 20})
    both = score_both(classifier.model, classifier.tokenizer, rows, PrefixCache(sides=2))
    classifier.model.disable_adapters()
    np.testing.assert_allclose(both[0], score_labels(classifier.model, classifier.tokenizer, rows), atol=1e-4)
    classifier.model.enable_adapters()
    np.testing.assert_allclose(both[1], score_labels(classifier.model, classifier.tokenizer, rows), atol=1e-4)


def test_afterwards_the_model_is_as_it_was(both_models):
    with sides_of(both_models.model, 2):
        pass
    assert not any(module._forward_pre_hooks for module in both_models.model.modules())


def test_progress_counts_the_answers_of_both(both_models):
    told = []
    both_models.classify(TEXTS, report=lambda done, total: told.append((done, total)))
    assert told[-1] == (8, 8)
