"""The HTML report: its figures are those of the JSON, and no text of the data becomes markup."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from finsent.report.render import MOST_TEXTS, evaluation_json, run_report
from tests.predictions import made_pair, made_predictions, made_run

TRAINING = pd.DataFrame({"text": ["profit rose", "sales fell", "shares"], "label": ["positive", "negative", "neutral"]})
ATTACK = '<script>alert(1)</script><img src=x onerror=alert(2)> & "quoted" {{ 7 * 7 }}'


class Tags(HTMLParser):
    """Collects the tags of a page, and the content of its data block."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.data = ""
        self._inside = False

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._inside = tag == "script"

    def handle_data(self, data):
        if self._inside:
            self.data += data

    def handle_endtag(self, tag):
        self._inside = False


def parsed(html: str) -> Tags:
    reader = Tags()
    reader.feed(html)
    return reader


@pytest.mark.parametrize("classes", [3, 5])
def test_the_neutral_texts_listed_are_those_counted(tmp_path: Path, classes: int):
    gold = ["neutral"] * 6 + ["bullish", "positive"]
    tuned = ["bullish", "positive", "bullish", "neutral", "negative", "neutral", "bullish", "positive"]
    pair = (made_predictions(gold, ["neutral"] * 8), made_predictions(gold, tuned))
    evaluation, html = run_report(made_run(tmp_path, *pair, TRAINING), classes)
    assert evaluation["tuned"]["neutral_as_positive_count"] == 3
    assert "3 of 3, surest first." in html[html.index("Neutral texts that the fine-tuned model calls positive") :]


@pytest.fixture(params=[3, 5])
def report(request: pytest.FixtureRequest, tmp_path: Path):
    baseline, tuned = made_pair(260, seed=1, validation=60)
    return run_report(made_run(tmp_path, baseline, tuned, TRAINING, "Made run"), request.param)


def test_the_json_inside_is_the_json_beside_it(report):
    evaluation, html = report
    assert json.loads(parsed(html).data) == json.loads(evaluation_json(evaluation)) == evaluation


@pytest.mark.security("A report is opened", "It loads nothing and runs no script")
def test_the_file_needs_nothing_else(report):
    tags = parsed(report[1]).tags
    assert [attributes for tag, attributes in tags if tag == "script"] == [
        {"type": "application/json", "id": "evaluation"}
    ]
    assert not [tag for tag, attributes in tags if {"src", "href"} & set(attributes)]
    assert "http://" not in report[1] and "https://" not in report[1]


def test_it_shows_every_count_of_both_matrices(report):
    evaluation, html = report
    for model in ("baseline", "tuned"):
        for row in evaluation[model]["confusion"]:
            for count in row:
                assert f">{count:,}<br>" in html
    studied = len(re.findall('class="studied"', html))
    assert studied == 2 * (len(evaluation["labels"]) - 1) // 2
    assert f"{100 * evaluation['tuned']['accuracy']:.1f} %" in html
    assert f"n = {evaluation['n']:,}" in html


@pytest.mark.security("Texts of the data hold HTML and the end of a script block", "The report shows them as text")
def test_texts_of_the_data_stay_texts(tmp_path: Path):
    gold, called = ["neutral"] * 3 + ["positive"], ["positive"] * 4
    baseline = made_predictions(gold, called).assign(text=ATTACK, row_id=[f"<b>{number}" for number in range(4)])
    evaluation, html = run_report(made_run(tmp_path, baseline, baseline, name="<i>mine</i>"))
    tags = [tag for tag, _ in parsed(html).tags]
    assert tags.count("script") == 1
    assert not {"img", "i", "b"} & set(tags)
    assert html.count("&lt;script&gt;alert(1)") == 3
    assert "49" not in re.sub(r"\s+", "", html.split("Neutral texts that")[1].split("Where these")[0])
    assert evaluation["tuned"]["neutral_as_positive"] == 1.0


def test_long_lists_are_cut_and_say_so(tmp_path: Path):
    gold, called = ["neutral"] * 300, ["positive"] * 300
    table = made_predictions(gold, called)
    _, html = run_report(made_run(tmp_path, table, table))
    assert f"{MOST_TEXTS} of 300" in html


def test_a_model_that_calls_no_neutral_text_positive(tmp_path: Path):
    table = made_predictions(["neutral", "positive", "bullish"], ["neutral", "positive", "invalid"])
    evaluation, html = run_report(made_run(tmp_path, table, table))
    assert "None of 1 neutral test rows." in html
    assert evaluation["prior_corrected"] is None
