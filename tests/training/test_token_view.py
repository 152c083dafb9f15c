"""The tokens that the Dataset page marks as supervised are those of the trainer's own batches, one by one."""

import json

import pytest

from finsent.data.prepared import prepare
from finsent.inference.token_view import load_tokenizer, token_table
from finsent.models.base import load_base
from finsent.recipe import change_recipe
from finsent.training.trainer import make_trainer
from tests.conftest import LAB

#: How Qwen's tokenizers cut a text before they merge, and the shape of their chat template.
QWEN_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN_CHAT = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


@pytest.fixture(scope="module")
def qwen_tokenizer():
    """A small tokenizer built as Qwen's are: NFC, byte-level BPE, no token at the start, chat marks, another pad."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN_WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=900, special_tokens=marks, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    texts = (json.loads(line)["text"] for line in LAB.read_text(encoding="utf-8").splitlines()[:400])
    tokenizer.train_from_iterator(texts, trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=marks[2], pad_token=marks[0])
    made.chat_template = QWEN_CHAT
    assert made.bos_token is None and "assistant" in made.apply_chat_template(
        [{"role": "user", "content": "x"}], tokenize=False, add_generation_prompt=True
    )
    return made


@pytest.fixture(
    params=["tiny_tokenizer", "qwen_tokenizer", pytest.param("embedded", marks=pytest.mark.model)], scope="module"
)
def tokenizer(request):
    return load_tokenizer("embedded") if request.param == "embedded" else request.getfixturevalue(request.param)


@pytest.mark.parametrize(("loss", "column"), [("completion", "answer_loss"), ("sequence", "sequence_loss")])
def test_the_marked_tokens_are_those_that_a_batch_supervises(tokenizer, loss, column, tiny_recipe, tmp_path):
    recipe = change_recipe(tiny_recipe, {"loss": loss})
    rows = prepare(recipe)
    model, _ = load_base(recipe.model)
    trainer = make_trainer(model, tokenizer, recipe, rows.train, rows.validation, tmp_path, None)
    order = list(trainer.get_train_dataloader().batch_sampler)
    checked = 0
    for places, batch in zip(order, trainer.get_train_dataloader(), strict=True):
        # What the loss asks of the packed row: at which place of its own row, after which token, which token.
        at = batch["logit_positions"][batch["target_rows"]]
        supervised = zip(
            batch["position_ids"][0, at].tolist(),
            batch["input_ids"][0, at].tolist(),
            batch["target_ids"].tolist(),
            strict=True,
        )
        marked = []
        for place in places:
            table = token_table(tokenizer, rows.train, rows.train["row_id"].iloc[place])
            ids = table["id"].tolist()
            marked += [(one - 1, ids[one - 1], ids[one]) for one in table.index[table[column]]]
        assert list(supervised) == marked
        checked += len(places)
    assert checked == len(rows.train) == 48
