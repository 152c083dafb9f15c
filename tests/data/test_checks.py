"""Checks of a data set, against tables small enough to check by eye."""

import pandas as pd
import pytest

from finsent.data.checks import FEW_TEST_ROWS, LONG_CHARACTERS, find_issues, finding_rows
from finsent.data.dataset import load_data, load_upload, split_rows
from finsent.data.gives_away import gives_away
from finsent.prompts import NEWS_SYSTEM_PROMPT, build_prompt


def table(*rows):
    """Return a data table of (text, label, split), with row ids 0, 1, ..."""
    frame = pd.DataFrame(rows, columns=["text", "label", "split"])
    prompts = [build_prompt(NEWS_SYSTEM_PROMPT, text) for text in frame["text"]]
    ids = [str(number) for number in range(len(frame))]
    return frame.assign(row_id=ids, prompt=prompts, answers="positive|neutral|negative")


def found(rows, title):
    return next((finding for finding in find_issues(rows) if finding.title == title), None)


def test_nothing_remarkable_is_nothing_found():
    labels = ("negative", "neutral", "positive")
    rows = [(f"text {chr(97 + i % 26)}{chr(97 + i // 26)}", labels[i % 3], "train") for i in range(50)]
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
    assert (finding.n, finding.row_ids, finding.twins) == (1, ("1",), ("0",))
    assert finding.sentence.startswith("1 of 2 test texts and 0 of 1 validation texts have a twin among the training")
    assert ": 0 the same, 1 other digits, 0 nearly the same (" in finding.sentence
    assert finding_rows(rows, finding)["row_id"].tolist() == ["0", "1"]


def test_one_text_is_nearly_another():
    rows = table(("Profit was EUR 3.1 mn", "positive", "train"), ("profit was EUR 2.8 mn.", "positive", "train"))
    assert found(rows, "Nearly repeated texts").sentence.startswith("1 text is nearly another: apart from case")


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


def posts(neutral_family):
    """Market posts as a file, the neutral ones of another family than the rest."""
    rows = [
        (f"post {n} of the day", label, neutral_family if label == "neutral" else "post")
        for n in range(30)
        for label in ("bearish", "neutral", "bullish")
    ]
    frame = pd.DataFrame(rows, columns=["text", "label", "family"])
    return split_rows(load_upload(frame.to_csv(index=False).encode(), "posts.csv").rows)


def test_a_prompt_that_gives_the_label_away_is_found_with_its_figure():
    rows = posts("news")
    finding = found(rows, "The prompt gives the label away")
    assert finding.n == 30 and set(rows.loc[rows["row_id"].isin(finding.row_ids), "label"]) == {"neutral"}
    assert "tells the label of 66.7% of 90 rows" in finding.sentence and "right on 33.3%" in finding.sentence
    for honest in (posts("post"), posts("bonds")):
        assert found(honest, "The prompt gives the label away") is None


def test_labels_written_into_prompts_of_which_each_is_another_are_found():
    rows = table(*((f"text number {n}", ("neutral", "positive")[n % 2], "train") for n in range(60)))
    assert found(rows, "The prompt gives the label away") is None
    hints = [
        f"Mood {label}, row {n}.\n{text}"
        for n, (label, text) in enumerate(zip(rows["label"], rows["text"], strict=True))
    ]
    away = gives_away(rows.assign(prompt=hints))
    assert away.found and away.told > 0.95 and away.frames == 60


def test_the_prompts_of_the_embedded_rows_do_not_give_labels_away():
    away = gives_away(load_data("embedded").rows)
    assert not away.found
    assert (away.n, away.frames) == (1319, 2)


@pytest.mark.parametrize(
    ("labels", "title", "said"),
    [
        (["neutral"] * 12, "One label only", "All 12 rows are labelled neutral"),
        (["neutral"] * 6 + ["positive"] * 6, "Labels without rows, or with one", "negative 0"),
        (["neutral"] * 6 + ["positive"] * 5 + ["negative"], "Labels without rows, or with one", "negative 1"),
    ],
)
def test_a_label_without_rows_or_with_one_is_said(labels, title, said):
    finding = found(table(*((f"text {n}", label, "train") for n, label in enumerate(labels))), title)
    assert said in finding.sentence and finding.n == 12
