"""A run in two processes: every row once an epoch, one writer, and the same lifecycle as any other run."""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import psutil
import pytest
import torch
from safetensors.torch import load_file

from finsent import machine
from finsent.distributed import environment_without_group, in_shares, join, module_command, run_module
from finsent.errors import ProcessesError, RecipeError, RunStopped
from finsent.metrics.classification import evaluate_predictions
from finsent.metrics.statistics import share_interval
from finsent.models.packing import PackingCollator
from finsent.recipe import change_recipe, get_recipe
from finsent.runs import starting
from finsent.runs.queue import end_now, follow, launch, resume, stop
from finsent.runs.store import Run, RunState, list_runs, load_run
from tests.conftest import ROOT, free_port
from tests.forked import ForkedWorker


def end_of(run: Run) -> Run:
    return list(follow(run, interval=0.1))[-1]


def until_step(run: Run, step: int) -> Run:
    return next(run for run in follow(run, 0.05) if run.state == RunState.TRAINING and run.steps >= step)


@pytest.fixture(scope="module")
def alone(tiny_recipe) -> "object":
    """45 rows, which make no whole number of batches of 8, in two epochs."""
    return change_recipe(tiny_recipe, {"rows": 45, "epochs": 2, "evaluations_per_epoch": 2, "compute_dtype": "float32"})


@pytest.fixture(scope="module")
def shared(alone):
    return change_recipe(alone, {"processes": 2})


@pytest.fixture(scope="module")
def one(alone, tmp_path_factory, forked_workers) -> Run:
    """The run in one process."""
    return end_of(launch(alone, tmp_path_factory.mktemp("one")))


@pytest.fixture(scope="module")
def two(shared, tmp_path_factory) -> Run:
    """The same run in two processes, of which the test waits for the end."""
    return end_of(launch(shared, tmp_path_factory.mktemp("two")))


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs be started by forks: a torchrun that has imported, whose processes have its imports."""
    monkeypatch.setattr(starting, "start_detached", ForkedWorker)


def test_a_module_runs_in_no_group_and_has_what_it_is_given(monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("MASTER_PORT", "1234")
    code = "import os; print(input(), 'RANK' in os.environ or 'MASTER_PORT' in os.environ)"
    done = run_module("timeit", "-n1", "-r1", code, given="heard\n")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "heard False"


def test_a_module_that_takes_too_long_is_killed_with_all_that_it_started():
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(98765)'])"
    with pytest.raises(subprocess.TimeoutExpired):
        run_module("timeit", "-n1", "-r1", code, seconds=2)
    living = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not any("time.sleep(98765)" in " ".join(words) for words in living)


LISTENING = """
import psutil
from finsent.distributed import join, leave, total
join(2, 2)
total(1)
for process in (psutil.Process(), psutil.Process().parent()):
    for socket in process.net_connections():
        if socket.status == "LISTEN": print("listens on", socket.laddr.ip)
total(1)
leave()
"""


@pytest.mark.security(
    "Another machine connects to the processes of a run, whose store obeys whoever speaks to it",
    "They listen on loopback alone",
)
def test_the_processes_of_a_run_listen_on_loopback_alone():
    done = run_module("timeit", "-n1", "-r1", LISTENING, processes=2, seconds=120)
    assert done.returncode == 0, done.stderr
    heard = {line.split()[-1] for line in done.stdout.splitlines() if line.startswith("listens on")}
    assert heard == {"127.0.0.1"}


def test_several_hosts_may_use_what_reaches_them(monkeypatch):
    alone = environment_without_group(), module_command("x", 2)
    monkeypatch.setenv("PET_NNODES", "2")
    several = environment_without_group(), module_command("x", 2)
    assert "GLOO_SOCKET_IFNAME" in alone[0] and "127.0.0.1" in alone[1]
    assert "GLOO_SOCKET_IFNAME" not in several[0] and "127.0.0.1" not in several[1]


def test_every_row_is_seen_once_an_epoch(one, two):
    assert one.state == two.state == RunState.DONE, two.error
    assert two.steps == one.steps == 12
    assert two.measured["row_tokens"] == one.measured["row_tokens"] > 0


def test_both_score_the_baseline_alike_and_train_alike(one, two):
    before, again = (pd.read_parquet(run.predictions_file("baseline")) for run in (one, two))
    scores = [column for column in before if column.startswith("logp_")]
    pd.testing.assert_frame_equal(before[scores], again[scores], atol=1e-4)
    assert before["row_id"].tolist() == again["row_id"].tolist()
    tuned = [evaluate_predictions(pd.read_parquet(run.predictions_file("tuned"))) for run in (one, two)]
    low, high = share_interval(round(tuned[0].accuracy * tuned[0].n), tuned[0].n)
    assert low <= tuned[1].accuracy <= high


def test_the_log_speaks_once(two):
    said = two.log_file.read_text()
    assert said.count(f"Run {two.id}, recipe") == 1
    assert said.count("Accuracy on") == 1


def test_stopped_it_can_classify_and_go_on(shared, runs_dir, real_worker, forked):
    run = launch(change_recipe(shared, {"epochs": 60}), runs_dir)
    working = until_step(run, 3)
    stop(working)
    stopped = end_of(run)
    assert stopped.state == RunState.STOPPED, stopped.error
    assert stopped.has_adapter
    assert 3 <= stopped.steps < 360
    again = until_step(resume(stopped), stopped.steps + 1)
    ended = end_now(again)
    assert ended.state == RunState.STOPPED


def test_killed_and_resumed_is_as_never_interrupted(shared, two, runs_dir, real_worker, forked):
    working = until_step(launch(shared, runs_dir), 7)
    children = psutil.Process(working.pid).children(recursive=True)
    assert len(children) >= 2
    os.kill(working.pid, signal.SIGKILL)
    # Nobody ends the processes of torchrun but the system, which was asked to.
    _, left = psutil.wait_procs(children, timeout=30)
    assert not left
    lost = load_run(runs_dir, working.id)
    assert lost.state == RunState.LOST
    run = end_of(resume(lost))
    assert run.state == RunState.DONE, run.error
    first, second = (load_file(one.adapter_dir / "adapter_model.safetensors") for one in (two, run))
    assert all(first[name].equal(second[name]) for name in first)


def second_host(run: Run, folder: Path, step: int, place: dict[str, str]) -> ForkedWorker:
    """The torchrun of a host that has nothing of the first one's but the folder of runs; it dies at a step, if any."""
    environment = os.environ | place | {"PET_NODE_RANK": "1", "PYTHONPATH": str(ROOT)}
    environment |= {"HOME": str(folder), "FINSENT_CACHE": str(folder / "cache"), "HF_HUB_CACHE": str(folder / "hub")}
    command = [*module_command("tests.mortal_host", 2), str(folder.parent / "notes"), str(step), str(run.folder)]
    with (folder / "log").open("ab") as log:
        return ForkedWorker(command, log, folder, environment)


def trained_on(notes: Path, tokenizer) -> dict[tuple[int, int], list[str]]:
    """The texts that each rank trained on at each step."""
    found = {}
    for rank in range(2):
        for line in map(json.loads, (notes / f"rank-{rank}.jsonl").read_text().splitlines()):
            prompts = [tokenizer.decode(row) for row in line["rows"]]
            texts = [prompt.partition("Financial text:\n")[2].partition("\n\nAnswer:")[0] for prompt in prompts]
            # A step that is taken again is taken with the same rows.
            assert found.setdefault((rank, line["step"]), texts) == texts
    return found


def test_two_hosts_share_a_run_of_a_model_and_data_of_the_hub_and_one_of_them_dies(
    shared, two, runs_dir, real_worker, forked, local_hub, small_csv, tiny_tokenizer, tmp_path, monkeypatch
):
    """Two torchruns, each with one process, a folder and a cache of its own, and one folder of runs."""
    local_hub.add("owner/data", {"train.csv": small_csv.read_bytes()}, kind="datasets")
    recipe = change_recipe(shared, {"model": "owner/name", "source": "owner/data", "source_split": "train"})
    place = {"PET_NNODES": "2", "PET_MASTER_ADDR": "127.0.0.1", "PET_MASTER_PORT": str(free_port())}
    for name, value in (place | {"PET_NODE_RANK": "0"}).items():
        monkeypatch.setenv(name, value)
    notes, folder = tmp_path / "notes", tmp_path / "second"
    notes.mkdir(), folder.mkdir()
    first = [*module_command("tests.mortal_host", 2), str(notes), "0"]

    run = launch(recipe, runs_dir, command=first)
    other = second_host(run, folder, 5, place)
    failed = end_of(run)
    assert other.wait(timeout=30) == -signal.SIGKILL
    assert failed.state == RunState.FAILED, failed.error
    assert failed.error.startswith("Another process of this run is gone: it was killed, its host went down")
    again = resume(failed, command=first)
    other = second_host(run, folder, 0, place)
    done = end_of(again)
    assert done.state == RunState.DONE, done.error
    assert other.wait(timeout=60) == 0
    assert [one.id for one in list_runs(runs_dir)] == [run.id]

    by_step = trained_on(notes, tiny_tokenizer)
    rows = Counter(pd.read_parquet(done.predictions_file("training_rows"))["text"])
    for epoch in (range(1, 7), range(7, 13)):
        seen = [Counter(text for step in epoch for text in by_step[rank, step]) for rank in range(2)]
        assert seen[0] + seen[1] == rows and min(map(Counter.total, seen)) >= 21
    first_adapter, second_adapter = (load_file(one.adapter_dir / "adapter_model.safetensors") for one in (two, done))
    assert all(first_adapter[name].equal(second_adapter[name]) for name in first_adapter)


def test_a_process_that_dies_ends_the_run_with_a_word(shared, runs_dir, real_worker):
    working = until_step(launch(change_recipe(shared, {"epochs": 60}), runs_dir), 3)
    assert "torch.distributed.run" in psutil.Process(working.pid).cmdline()
    workers = [one for one in psutil.Process(working.pid).children() if "finsent.runs.worker" in one.cmdline()]
    workers[-1].kill()
    ended = end_of(working)
    assert ended.state in {RunState.LOST, RunState.FAILED}
    assert ended.error
    deadline = time.monotonic() + 30
    while any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in workers):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_another_number_of_processes_than_asked_for_is_an_error(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "1")
    with pytest.raises(ProcessesError, match="asks for 2 processes, and 1"):
        join(2)


def test_one_process_has_as_many_threads_as_it_is_given(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(machine, "usable_cores", lambda: 4)
    try:
        for asked, threads in (("3", 3), ("", 4)):
            monkeypatch.setenv("OMP_NUM_THREADS", asked)
            join(1)
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_processes_must_divide_the_batch():
    with pytest.raises(RecipeError, match="multiple of processes"):
        change_recipe(get_recipe("quick"), {"processes": 3})


def test_one_process_shares_nothing():
    rows = pd.DataFrame({"x": [1.0, 2.0]}, index=[5, 9])
    assert in_shares(rows, lambda share: share * 2)["x"].to_dict() == {5: 2.0, 9: 4.0}
    with pytest.raises(RunStopped):
        in_shares(rows, lambda share: (_ for _ in ()).throw(RunStopped("enough")))
    assert "torch.distributed.run" not in module_command("finsent.runs.worker", 1)


def test_blank_rows_are_left_out():
    import torch

    row = {"input_ids": [1, 2, 3, 4], "prompt_length": 2, "prefix_length": 1, "blank": False}
    blank = row | {"blank": True}
    collator = PackingCollator(dtype=torch.float32)
    with_blank, without = collator([row, blank]), collator([row])
    assert with_blank["input_ids"].tolist() == without["input_ids"].tolist()
    nothing = collator([blank, blank])
    assert nothing["shift_labels"].numel() == nothing["logit_positions"].numel() == 0
    assert nothing["packed_tokens"].item() == 4
