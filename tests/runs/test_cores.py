"""What computes beside a run takes the cores that it leaves, says so, and follows when a run begins or ends."""

import json
import logging
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest
import torch

from finsent.evaluation.classifier import Classifier
from finsent.files import PROJECT
from finsent.models.base import model_hash, resolve_model
from finsent.recipe import get_recipe
from finsent.runs import cores
from finsent.runs.cores import FreeCores, computing_beside_runs, free_cores
from finsent.runs.store import RunState, create_run
from tests.at_work import run_at_work

BOTH = "A run is training on both cores; this uses one thread, so it takes longer."


def test_alone_it_takes_all_and_beside_a_run_on_every_core_one_thread(runs_dir, two_cores):
    assert free_cores() == FreeCores(2)
    with run_at_work(runs_dir):
        assert free_cores() == FreeCores(1, BOTH)
    assert free_cores() == FreeCores(2)


def test_cores_that_a_run_leaves_are_taken(runs_dir, two_cores):
    with run_at_work(runs_dir, on=two_cores[:1]):
        words = "A run is training on 1 of 2 cores; this uses the other one, so it takes longer."
        assert free_cores() == FreeCores(1, words)


def test_a_run_before_its_first_step_is_at_work(runs_dir, two_cores):
    with run_at_work(runs_dir, RunState.PREPARING):
        assert free_cores().words.startswith("A run is at work on both cores")


def test_a_waiting_run_takes_nothing(runs_dir, two_cores):
    create_run(get_recipe("quick"), runs_dir)
    assert free_cores() == FreeCores(2)


def test_runs_of_another_folder_count_where_it_is_named(runs_dir, tmp_path, two_cores):
    with run_at_work(tmp_path / "other"):
        assert free_cores() == FreeCores(2)
        assert free_cores([tmp_path / "other"]) == FreeCores(1, BOTH)


def test_a_run_on_a_gpu_leaves_the_cores(runs_dir, two_cores, monkeypatch):
    monkeypatch.setattr(cores, "gpu_name", lambda: "NVIDIA H100")
    with run_at_work(runs_dir):
        assert free_cores() == FreeCores(2)


def test_who_asks_for_fewer_threads_gets_no_more(runs_dir, two_cores, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert free_cores() == FreeCores(1)


@pytest.mark.parametrize(
    ("cores_here", "left", "words"),
    [
        (1, 0, "A run is training on the only core, so this takes longer."),
        (16, 0, "A run is training on all 16 cores; this uses one thread, so it takes longer."),
        (16, 4, "A run is training on 12 of 16 cores; this uses the other 4, so it takes longer."),
    ],
)
def test_the_sentence_for_other_machines(runs_dir, cores_here, left, words):
    with run_at_work(runs_dir) as run:
        run.state = RunState.TRAINING
        assert cores._in_words(run, cores_here, left) == words


@pytest.fixture
def threads_seen(monkeypatch):
    """The number of PyTorch's threads at each forward pass that scores or generates."""
    seen = []
    for name in ("score_labels", "generate_answers"):
        honest = getattr(sys.modules["finsent.evaluation.classifier"], name)

        def watched(model, tokenizer, rows, report, honest=honest, **options):
            seen.append(torch.get_num_threads())
            return honest(model, tokenizer, rows, report, **options)

        monkeypatch.setattr(f"finsent.evaluation.classifier.{name}", watched)
    return seen


def test_a_classifier_in_a_long_lived_process_follows_the_runs(tiny_llama, runs_dir, two_cores, threads_seen):
    before = torch.get_num_threads()
    classifier = Classifier(str(tiny_llama))
    classifier.classify(["Profit rose."])
    with run_at_work(runs_dir):
        classifier.classify(["Profit rose."])
    classifier.classify(["Profit rose."])
    assert threads_seen == [2, 1, 2]
    assert torch.get_num_threads() == before


def test_loading_and_generating_share_the_cores_too(tiny_llama, runs_dir, two_cores, threads_seen, monkeypatch):
    loaded = []
    honest = sys.modules["finsent.evaluation.classifier"].load_base
    watched = lambda *args: loaded.append(torch.get_num_threads()) or honest(*args)  # noqa: E731
    monkeypatch.setattr("finsent.evaluation.classifier.load_base", watched)
    with run_at_work(runs_dir):
        classifier = Classifier(str(tiny_llama))
        rows = sys.modules["finsent.evaluation.classifier"].text_rows(["Profit rose."])
        classifier.generate(rows, tuned=False)
    assert loaded == [1] and threads_seen == [1]


def test_long_work_follows_a_run_that_begins_meanwhile(runs_dir, two_cores, monkeypatch):
    monkeypatch.setattr(cores, "_SECONDS_BETWEEN_LOOKS", 0.0)
    told = []
    with computing_beside_runs() as threads:
        report = threads.follow(lambda done, total: told.append((done, torch.get_num_threads())))
        report(1, 3)
        with run_at_work(runs_dir):
            report(2, 3)
        report(3, 3)
    assert told == [(1, 2), (2, 1), (3, 2)]


def test_it_is_said_once_in_a_computation(runs_dir, two_cores, monkeypatch, caplog):
    monkeypatch.setattr(cores, "_SECONDS_BETWEEN_LOOKS", 0.0)
    with caplog.at_level(logging.WARNING), run_at_work(runs_dir), computing_beside_runs() as threads:
        for done in range(3):
            threads.follow(None)(done, 3)
    assert caplog.messages == [BOTH]


@pytest.mark.model
@pytest.mark.parametrize("command", [["classify", "Profit rose."]])
def test_the_command_line_says_it_on_standard_error(runs_dir, two_cores, command):
    with run_at_work(runs_dir):
        answer = subprocess.run(
            [sys.executable, "-m", "finsent", *command], capture_output=True, text=True, cwd=PROJECT, check=True
        )
    assert BOTH in answer.stderr.splitlines()
    assert BOTH not in answer.stdout


@pytest.mark.security(
    "One visitor classifies many texts", "Another one's texts have their turn after each batch of his"
)
def test_a_long_computation_lets_another_in_after_each_report(runs_dir):
    order = []
    begun, other_waits = threading.Event(), threading.Event()

    def long():
        with computing_beside_runs() as threads:
            report = threads.follow(lambda done, _: order.append(f"long {done}"), again=lambda: order.append("again"))
            begun.set()
            other_waits.wait(10)
            for done in range(1, 4):
                report(done, 3)

    def short():
        begun.wait(10)
        # Counted as soon as it asks, which is before it has to wait.
        threading.Timer(0.3, other_waits.set).start()
        with computing_beside_runs():
            order.append("short")

    working = [threading.Thread(target=one) for one in (long, short)]
    for one in working:
        one.start()
    for one in working:
        one.join(20)
    assert order == ["long 1", "short", "again", "long 2", "long 3"]
    assert cores.computations() == 0


def test_a_computation_that_fails_gives_its_turn_back(runs_dir):
    threads = torch.get_num_threads()
    with pytest.raises(RuntimeError), computing_beside_runs():
        raise RuntimeError
    with computing_beside_runs():
        assert cores.computations() == 1
    assert (cores.computations(), torch.get_num_threads()) == (0, threads)


def test_those_who_take_turns_get_the_answers_of_one_alone(tiny_llama, runs_dir, tmp_path, monkeypatch):
    """Two threads share a model of which one asks with its adapter and one without."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = get_peft_model(
        AutoModelForCausalLM.from_pretrained(tiny_llama), LoraConfig(task_type="CAUSAL_LM", init_lora_weights=False)
    )
    base.save_pretrained(tmp_path / "adapter")
    note = {"base_model_hash": model_hash(resolve_model(str(tiny_llama)))}
    (tmp_path / "adapter" / "finsent.json").write_text(json.dumps(note))
    classifier = Classifier(str(tiny_llama), tmp_path / "adapter", "float32")
    rows = sys.modules["finsent.evaluation.classifier"].text_rows([f"Sales rose by {n} %." for n in range(24)])
    honest = sys.modules["finsent.evaluation.classifier"].score_labels
    small = lambda *given, **others: honest(*given, tokens_per_pass=64, **others)  # noqa: E731
    monkeypatch.setattr("finsent.evaluation.classifier.score_labels", small)
    alone = [classifier.score(rows, tuned) for tuned in (False, True)]
    assert not alone[0].equals(alone[1])
    seen = []

    def ask(tuned):
        report = lambda done, total: seen.append(tuned)  # noqa: E731
        return classifier.score(rows, tuned, report)

    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(ask, (False, True)))
    changes = sum(one != other for one, other in zip(seen, seen[1:], strict=False))
    assert changes > 4, seen
    for one, other in zip(alone, together, strict=True):
        pd.testing.assert_frame_equal(one, other)
