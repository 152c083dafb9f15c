"""Files of headlines: which column has the texts, and what is said where that is not clear."""

import pandas as pd
import pytest

from finsent.data.schema import TEXT_NAMES
from finsent.data.texts import read_text_file, read_text_upload, texts_of
from finsent.errors import DataError, EmptyDataError, MissingColumnError, SourceNotFoundError


def ask(column=None, **columns):
    return texts_of(pd.DataFrame(columns), "news.csv", "Say which.", column)


@pytest.mark.parametrize("name", [*TEXT_NAMES, "Headline", " TITLE ", "Sentence "])
def test_one_column_of_a_known_name_is_taken_and_said(name):
    found = ask(Date=["2024", "2024"], **{name: ["a", "b"]})
    assert found.texts == ("a", "b")
    assert found.column.note == ("" if name == "text" else f"Texts are taken from the column “{name}”.")


def test_none_or_several_are_an_error_that_lists_the_columns_and_says_what_to_do():
    with pytest.raises(MissingColumnError, match=r"no column text.*headline.*it has: Date, Subject\. Say which\."):
        ask(Date=["2024"], Subject=["a"])
    with pytest.raises(MissingColumnError, match=r"“Title”, “body”; it has: Title, body, Date\. Say which\."):
        ask(Title=["a"], body=["b"], Date=["2024"])


def test_a_chosen_column_is_taken_whatever_the_others_are_called():
    found = ask("Subject", Subject=["a"], text=["b"])
    assert found.texts == ("a",)
    assert found.column.note == "Texts are taken from the column “Subject”, not from “text”."
    with pytest.raises(MissingColumnError, match="no column “subject”; it has: Subject"):
        ask("subject", Subject=["a"])


def test_an_empty_text_is_named_by_its_row():
    with pytest.raises(EmptyDataError, match="1 of 3 rows have an empty Headline, the first is row 2"):
        ask(Headline=["a", None, "c"])


@pytest.mark.parametrize("cell", [["a", "b"], 5, {"a": 1}, "a\0b", "\ud83d"])
def test_a_cell_that_is_no_text_is_named_by_its_row_and_never_turned_into_one(cell):
    with pytest.raises(DataError, match="1 of 3 rows are refused: the text .*row 2.. Mend the file"):
        texts_of(pd.DataFrame({"text": pd.Series(["a", cell, "c"], dtype=object)}), "news.json", "Say which.")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'Headline\n"Sales rose, a lot"\nNA\n'),
        ("a.JSONL", '{"Headline": "Sales rose, a lot"}\n{"Headline": "NA"}\n'),
    ],
)
def test_a_file_and_an_upload_give_the_same_table(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    read = read_text_file(tmp_path / name)
    assert read["Headline"].tolist() == ["Sales rose, a lot", "NA"]
    pd.testing.assert_frame_equal(read, read_text_upload(content.encode(), f"../{name}"))


def test_what_cannot_be_read_is_one_sentence(tmp_path):
    with pytest.raises(SourceNotFoundError, match="no file no/such"):
        read_text_file("no/such.csv")
    with pytest.raises(DataError, match="not a kind of file"):
        read_text_upload(b"x", "a.docx")
