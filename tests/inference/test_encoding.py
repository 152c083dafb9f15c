"""Rows as tokens: what is supervised, what is shared, and that nothing is cut."""

import pandas as pd
import pytest

from finsent.data.dataset import load_data, split_rows
from finsent.errors import DataError, ModelError
from finsent.inference.encoding import encode_rows, shared_length, tokenize
from finsent.inference.token_view import token_table
from finsent.prompts import completion


@pytest.fixture(scope="module")
def rows():
    return split_rows(load_data("embedded").rows).head(60)


@pytest.fixture(scope="module")
def encoded(tiny_tokenizer, rows):
    return encode_rows(tiny_tokenizer, rows, 1_000)


def test_tokens_are_prompt_completion_and_end_of_sequence(tiny_tokenizer, rows, encoded):
    for row, record in zip(rows.itertuples(), encoded, strict=True):
        assert record["input_ids"][-1] == tiny_tokenizer.eos_token_id
        assert tiny_tokenizer.decode(record["input_ids"][:-1]) == row.prompt + completion(row.label)
        assert tiny_tokenizer.decode(record["input_ids"][: record["prompt_length"]]) == row.prompt


def test_the_shared_prefix_is_that_of_all_rows_of_a_system_prompt(rows, encoded):
    for _, places in rows.groupby("system_prompt").indices.items():
        length = encoded[places[0]]["prefix_length"]
        assert length > 10
        assert all(encoded[place]["prefix_length"] == length for place in places)
        assert len({tuple(encoded[place]["input_ids"][:length]) for place in places}) == 1
        assert all(encoded[place]["prompt_length"] > length for place in places)
        assert len({encoded[place]["input_ids"][length] for place in places}) > 1


def test_a_row_as_long_as_the_limit_passes_and_a_longer_one_is_refused(tiny_tokenizer, rows, encoded):
    lengths = [len(record["input_ids"]) for record in encoded]
    longest = max(lengths)
    assert len(encode_rows(tiny_tokenizer, rows, longest)) == len(rows)
    with pytest.raises(DataError) as caught:
        encode_rows(tiny_tokenizer, rows, longest - 1)
    message = str(caught.value)
    assert f"{lengths.count(longest)} of {len(rows)} rows" in message
    assert str(rows["row_id"].iloc[lengths.index(longest)]) in message
    assert f"Set max_length to {longest}" in message


def test_the_tokenizer_is_left_as_it_was(tiny_tokenizer, rows):
    before = (tiny_tokenizer.padding_side, tiny_tokenizer.truncation_side, tiny_tokenizer.model_max_length)
    tiny_tokenizer.padding_side = "left"
    try:
        one = encode_rows(tiny_tokenizer, rows, 1_000)
        assert tiny_tokenizer.padding_side == "left"
    finally:
        tiny_tokenizer.padding_side = before[0]
    assert one == encode_rows(tiny_tokenizer, rows, 1_000)
    assert (tiny_tokenizer.padding_side, tiny_tokenizer.truncation_side, tiny_tokenizer.model_max_length) == before


def test_a_tokenizer_without_end_of_sequence_is_refused(tiny_tokenizer, rows, monkeypatch):
    monkeypatch.setattr(type(tiny_tokenizer), "eos_token_id", None, raising=False)
    with pytest.raises(ModelError, match="end-of-sequence"):
        encode_rows(tiny_tokenizer, rows, 1_000)


def test_shared_length_of_sequences():
    assert shared_length([1, 2, 3], [1, 2, 4]) == 2
    assert shared_length([1, 2], [1, 2, 3]) == 2
    assert shared_length([], [1]) == 0


def test_texts_are_neither_padded_nor_cut(tiny_tokenizer):
    short, long = tokenize(tiny_tokenizer, ["a", "profit " * 3_000])
    assert len(short) == 1
    assert len(long) >= 3_000


def test_the_token_table_marks_what_training_uses(tiny_tokenizer, rows, encoded):
    for place in (0, 7, 31):
        table = token_table(tiny_tokenizer, rows, rows["row_id"].iloc[place])
        record = encoded[place]
        assert table["id"].tolist() == record["input_ids"]
        assert table["answer_loss"].sum() == len(record["input_ids"]) - record["prompt_length"]
        assert table["answer_loss"].tolist() == sorted(table["answer_loss"])
        assert table["sequence_loss"].tolist() == [False] + [True] * (len(table) - 1)
        assert table["shared"].tolist() == sorted(table["shared"], reverse=True)
        assert table["shared"].sum() == record["prefix_length"]


def test_spaces_and_line_ends_of_tokens_can_be_seen(tiny_tokenizer, rows):
    table = token_table(tiny_tokenizer, rows, rows["row_id"].iloc[0])
    shown = "".join(table["token"][:-1])
    assert shown == (rows["prompt"].iloc[0] + completion(rows["label"].iloc[0])).translate({32: "·", 10: "↵"})


def test_parts_of_a_character_are_shown_in_the_tokenizers_notation(tiny_tokenizer, rows):
    strange = rows.assign(prompt=rows["prompt"].str.replace("Financial text:\n", "Financial text:\n日😀"))
    table = token_table(tiny_tokenizer, strange, strange["row_id"].iloc[0])
    assert not table["token"].str.contains("\ufffd").any()


def test_one_row_alone_shares_nothing(tiny_tokenizer, rows):
    assert not token_table(tiny_tokenizer, rows.head(1), rows["row_id"].iloc[0])["shared"].any()


def test_an_unknown_row_id_is_a_key_error(tiny_tokenizer, rows):
    with pytest.raises(KeyError):
        token_table(tiny_tokenizer, pd.DataFrame(rows), "no such row")
