"""A better prompt as a rival: what it reads, which examples it is given, and what is said of it; no model runs here."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from finsent.data.schema import TRAINED, names
from finsent.errors import EmptyDataError, RunError, UsageError
from finsent.evaluation.rivals import judge_rival, judged_rivals, prompted_rows, read_rival
from finsent.inference.predictions import save_predictions
from finsent.metrics.wording import headline
from finsent.prompts import NEWS_SYSTEM_PROMPT, build_prompt
from finsent.runs.evaluated_sets import save_judged
from finsent.runs.rows import prepare_again
from finsent.runs.store import create_run
from tests.evaluation.test_judge import StandIn

NEWS, POSTS = "positive|neutral|negative", "bearish|neutral|bullish"


def rows(*texts, answers=NEWS):
    system = NEWS_SYSTEM_PROMPT
    return pd.DataFrame(
        {"text": texts, "answers": answers, "system_prompt": system, "prompt": [build_prompt(system, t) for t in texts]}
    )


def training(each=5, answers=NEWS):
    labels = [label for label in answers.split("|") for _ in range(each)]
    return pd.DataFrame({"text": [f"{label} text {n}" for n, label in enumerate(labels)], "label": labels}).assign(
        answers=answers
    )


@pytest.mark.parametrize("count", [3, 6, 12])
def test_examples_are_as_many_of_each_label_and_only_training_rows(count):
    rival, taught = read_rival(f"few-shot:{count}"), training()
    prompts = prompted_rows(rows("Sales rose", "Sales fell"), rival, taught)["prompt"]
    head, last = prompts[0].rsplit("\n\nFinancial text:\n", 1)
    assert last == "Sales rose\n\nAnswer:"
    assert prompts[1] == f"{head}\n\nFinancial text:\nSales fell\n\nAnswer:"
    system, *shown = head.split("\n\nFinancial text:\n")
    assert system == NEWS_SYSTEM_PROMPT
    pairs = [tuple(turn.split("\n\nAnswer: ")) for turn in shown]
    assert len(set(pairs)) == count
    assert set(pairs) <= set(zip(taught["text"], taught["label"], strict=True))
    assert set(Counter(label for _, label in pairs).values()) == {count // 3}


def test_the_draw_is_the_seeds():
    def prompt(words):
        return prompted_rows(rows("Sales rose"), read_rival(words), training())["prompt"][0]

    assert prompt("few-shot:6") == prompt("few-shot:6") != prompt("few-shot:6:1") != prompt("few-shot:6:2")


def test_each_answer_set_has_its_own_examples_and_rows_keep_their_order():
    mixed = pd.concat([rows("a post", answers=POSTS), rows("news"), rows("b post", answers=POSTS)], ignore_index=True)
    prompted = prompted_rows(mixed, read_rival("few-shot:3"), pd.concat([training(), training(answers=POSTS)]))
    assert prompted["text"].tolist() == ["a post", "news", "b post"]
    assert ["Answer: bearish" in prompt for prompt in prompted["prompt"]] == [True, False, True]
    assert ["Answer: negative" in prompt for prompt in prompted["prompt"]] == [False, True, False]


@pytest.mark.parametrize("words", ["few-shot:0", "few-shot:61", "few-shot", "zero-shot:3", "few-shot:3:x", ""])
def test_what_names_no_rival_is_refused(words):
    with pytest.raises(UsageError, match="few-shot:6"):
        read_rival(words)


def test_examples_that_cannot_be_drawn_are_refused_with_what_to_give():
    with pytest.raises(UsageError, match="few-shot:3"):
        prompted_rows(rows("Sales rose"), read_rival("few-shot:4"), training())
    with pytest.raises(EmptyDataError, match="Give fewer"):
        prompted_rows(rows("Sales rose"), read_rival("few-shot:18"), training())


def test_another_system_prompt_goes_to_the_rows_that_it_fits(tmp_path: Path):
    file = tmp_path / "careful.txt"
    file.write_text("Be careful: most news is neutral. Only reply with positive, neutral, or negative.\n")
    rival = read_rival(f"prompt:{file}")
    assert "careful.txt" in rival.title
    mixed = pd.concat([rows("news"), rows("post", answers=POSTS)], ignore_index=True)
    news, post = prompted_rows(mixed, rival, None)["prompt"]
    assert news == build_prompt(file.read_text().strip(), "news")
    assert post == mixed["prompt"][1]
    with pytest.raises(EmptyDataError, match="no row has that answer set"):
        prompted_rows(mixed[1:], rival, None)


@pytest.mark.parametrize("content", [b"", b"Say what you think.", b"\xff\xfe\x00", b"positive, neutral " * 400])
def test_a_file_that_is_no_prompt_is_refused(tmp_path: Path, content):
    (tmp_path / "prompt.txt").write_bytes(content)
    with pytest.raises(UsageError):
        read_rival(f"prompt:{tmp_path / 'prompt.txt'}")


@pytest.fixture
def run(runs_dir: Path, tiny_recipe, monkeypatch: pytest.MonkeyPatch):
    """A run whose fine-tuned model is always right; the rival always says positive."""
    run = create_run(tiny_recipe, runs_dir)
    own = prepare_again(run)
    for model in ("baseline", "tuned"):
        save_predictions(StandIn().score(own.judged, tuned=model == "tuned"), run.predictions_file(model))
    save_predictions(own.train[names(TRAINED)], run.predictions_file("training_rows"))
    monkeypatch.setattr("finsent.evaluation.rivals.Classifier", lambda *_: StandIn())
    monkeypatch.setattr("finsent.evaluation.rivals.unchanged_base", lambda run: None)
    return run


def test_a_rival_is_judged_on_the_same_rows_and_kept(run):
    assert judged_rivals(run) == []
    judged = judge_rival(run, read_rival("few-shot:3"))
    test = prepare_again(run).test
    assert judged.figures.n == judged.verdict.n == len(test)
    assert judged.figures.accuracy == (test["label"] == "positive").mean()
    assert headline(judged.verdict).startswith("fine-tuned is better than base model with 3 examples in its prompt: ")
    judge_rival(run, read_rival("few-shot:3:7"))
    assert judged_rivals(run)[0] == judged
    assert [one.key for one in judged_rivals(run)] == ["few-shot-3", "few-shot-3-7"]


def test_a_rival_is_judged_on_other_rows_that_the_run_was_judged_on(run, small_csv):
    with pytest.raises(RunError, match="was not judged on"):
        judge_rival(run, read_rival("few-shot:3"), small_csv)
    data = prepare_again(run).data
    save_judged(run, data.title, data.fingerprint, *(StandIn().score(data.rows, tuned=one) for one in (False, True)))
    assert judge_rival(run, read_rival("few-shot:3"), small_csv).verdict.n == len(data.rows)
    assert [one.verdict.n for one in judged_rivals(run, data.fingerprint[:12])] == [len(data.rows)]
