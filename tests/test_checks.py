"""Checks of a data set, against tables small enough to check by eye."""

import pandas as pd
import pytest

from finsent.checks import FEW_TEST_ROWS, LONG_CHARACTERS, find_issues, finding_rows, normalise


def table(*rows):
    """Return a data table of (text, label, split), with row ids 0, 1, ..."""
    frame = pd.DataFrame(rows, columns=["text", "label", "split"])
    return frame.assign(row_id=[str(number) for number in range(len(frame))])


def found(rows, title):
    return next((finding for finding in find_issues(rows) if finding.title == title), None)


def test_nothing_remarkable_is_nothing_found():
    rows = [(f"text {chr(97 + i % 26)}{chr(97 + i // 26)}", "neutral", "train") for i in range(50)]
    assert find_issues(table(*rows)) == []


def test_repeated_texts_are_those_equal_letter_by_letter():
    rows = table(
        ("Sales rose", "positive", "train"), ("Sales rose ", "positive", "train"), ("sales rose", "positive", "train")
    )
    finding = found(rows, "Repeated texts")
    assert (finding.n, finding.row_ids) == (2, ("0", "1"))


def test_labels_conflict_over_three_classes_and_only_where_the_digits_agree():
    rows = table(
        ("Sales rose!", "positive", "train"),
        ("sales ROSE http://a.b/c", "neutral", "train"),
        ("Profit up", "positive", "train"),
        ("profit up.", "bullish", "train"),
        ("Profit was 3, against 4", "negative", "train"),
        ("Profit was 4, against 3", "positive", "train"),
    )
    finding = found(rows, "Conflicting labels")
    assert (finding.n, finding.row_ids) == (2, ("0", "1"))


def test_held_out_twins_of_training_texts_are_found_apart_from_digits():
    rows = table(
        ("Profit was EUR 3.1 mn", "positive", "train"),
        ("profit was EUR 2.8 mn.", "positive", "test"),
        ("Loss was EUR 2.8 mn", "negative", "validation"),
        ("loss was eur 9 mn", "negative", "test"),
    )
    finding = found(rows, "Held-out texts that are also trained on")
    assert (finding.n, finding.row_ids) == (1, ("1",))
    assert finding_rows(rows, finding)["row_id"].tolist() == ["0", "1"]


def test_texts_without_a_word_are_nobodys_twins():
    rows = table(("123", "positive", "train"), ("456", "negative", "test"), ("http://a.b", "neutral", "test"))
    assert found(rows, "Held-out texts that are also trained on") is None
    assert found(rows, "Conflicting labels") is None


def test_very_long_texts_are_found_at_the_limit():
    rows = table(("a" * LONG_CHARACTERS, "neutral", "train"), ("b" * (LONG_CHARACTERS + 1), "neutral", "train"))
    assert found(rows, "Very long texts").row_ids == ("1",)


def test_labels_with_few_test_rows_are_named_by_those_rows():
    letters = [f"word{chr(97 + i)} x{chr(97 + i)}" for i in range(FEW_TEST_ROWS - 1)]
    rows = table(*[(text, "positive", "test") for text in letters])
    assert found(rows, "Labels with few test rows").n == FEW_TEST_ROWS - 1
    enough = table(*[(text, "positive", "test") for text in [*letters, "one more"]])
    assert found(enough, "Labels with few test rows") is None


def test_only_the_first_500_are_named_and_all_are_counted():
    rows = table(*[("the same", "neutral", "train")] * 700)
    finding = found(rows, "Repeated texts")
    assert (finding.n, len(finding.row_ids)) == (700, 500)
    assert finding.as_json()["row_ids"] == [str(number) for number in range(500)]


def test_rows_of_a_finding_stand_beside_their_twins():
    rows = table(
        ("Alpha", "positive", "train"),
        ("Beta", "positive", "train"),
        ("alpha 1", "positive", "test"),
        ("Gamma", "neutral", "train"),
        ("beta 2", "positive", "test"),
    )
    finding = found(rows, "Held-out texts that are also trained on")
    assert finding_rows(rows, finding)["row_id"].tolist() == ["0", "2", "1", "4"]


@pytest.mark.parametrize(
    ("text", "with_digits", "without"),
    [
        ("EUR 3.1 mn!", "eur 3 1 mn", "eur mn"),
        ("See https://t.co/abc?x=1 now", "see now", "see now"),
        ("Équipe  ÜBER_alles", "équipe über alles", "équipe über alles"),
        ("日本 2024", "日本 2024", "日本"),
        ("", "", ""),
    ],
)
def test_normalised_texts(text, with_digits, without):
    assert normalise(pd.Series([text])).item() == with_digits
    assert normalise(pd.Series([text]), digits=False).item() == without
