"""What is in the hub client's cache is used without the network; what is not is one sentence, as before."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from finsent.files import PROJECT
from finsent.hub import HUB_DATASET, QWEN3_REPOSITORY
from tests.recorded_sockets import environment, recorded

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LAUNCH = ("train", "--recipe", "tutorial", "--rows", "16", "--json", "--set=epochs=1", "--set=gradient_accumulation=1")
LAUNCH += ("--set=validation_rows=8", "--set=test_rows=8", "--set=batch_size=4", "--set=compute_dtype=float32")
#: A page's badge and what the Lab page says of this machine.
LAB = f"""
from streamlit.testing.v1 import AppTest
app = AppTest.from_file({str(PROJECT / "pages" / "app.py")!r}, default_timeout=60).run()
assert not app.exception
print([str(element.value).replace(chr(92), "") for element in app.markdown])
"""


def fill(home: Path, repository: str, kind: str, files: dict[str, bytes]) -> Path:
    """Lay files out as the hub's client does after it fetched them; return their snapshot."""
    folder = home / "hub" / f"{kind}s--{repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / COMMIT
    for part in (folder / "refs", folder / "blobs", snapshot):
        part.mkdir(parents=True, exist_ok=True)
    (folder / "refs" / "main").write_text(COMMIT)
    for name, content in files.items():
        blob = folder / "blobs" / hashlib.sha256(content).hexdigest()
        blob.write_bytes(content)
        (snapshot / name).symlink_to(os.path.relpath(blob, snapshot))
    return snapshot


def sujet(rows: int) -> bytes:
    """Return the first of the embedded rows as a CSV file in the columns of the hub's data."""
    from finsent.data.schema import SUJET
    from finsent.data.sources import embedded_table

    return embedded_table().head(rows)[[column.name for column in SUJET]].to_csv(index=False).encode()


def files_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def home(tmp_path):
    """An empty home of the hub's client."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def run(tmp_path, home, runs_dir):
    """Run Python in a process whose attempts to reach the hub are recorded and in vain; offline only if asked to be."""
    watched = tmp_path / "watched"
    watched.mkdir()
    given = environment(watched) | {"HF_HOME": str(home), "HF_ENDPOINT": "http://hub.invalid"}

    def run(*arguments, offline=False, **others):
        switch = {"HF_HUB_OFFLINE": "1"} if offline else {}
        command = [sys.executable, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, env=given | switch | others)
        return done, recorded(watched)

    return run


@pytest.mark.parametrize("offline", [True, False], ids=["said to be offline", "not asked"])
def test_a_cached_model_and_cached_data_train_without_the_network(home, run, tiny_qwen3, offline):
    fill(home, QWEN3_REPOSITORY, "model", files_of(tiny_qwen3))
    fill(home, HUB_DATASET, "dataset", {"train.csv": sujet(200)})
    done, tried = run("-m", "finsent", *LAUNCH, offline=offline)
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout.splitlines()[-1])
    assert value["state"] == "done"
    assert tried == []
    record = json.loads((Path(value["folder"]) / "run.json").read_text())
    assert record["model_hash"] == f"hub:{QWEN3_REPOSITORY}@{COMMIT}"
    assert record["source_title"] == HUB_DATASET
    adapter = json.loads((Path(value["folder"]) / "adapter" / "adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == QWEN3_REPOSITORY


@pytest.mark.parametrize("offline", [True, False], ids=["said to be offline", "not asked"])
def test_data_that_the_library_prepared_before_are_read_as_it_left_them(home, run, tmp_path, offline):
    """The library's own cache alone: the files that it was made from may be gone."""
    from datasets import Dataset

    folder = home / "datasets" / "sujet-ai___sujet-finance-instruct-177k" / "default" / "0.0.0" / COMMIT
    csv = tmp_path / "made.csv"
    csv.write_bytes(sujet(150))
    Dataset.from_csv(str(csv), cache_dir=str(tmp_path / "scratch")).save_to_disk(tmp_path / "saved")
    made = next((tmp_path / "scratch").rglob("dataset_info.json")).parent
    folder.parent.mkdir(parents=True)
    made.rename(folder)
    info = json.loads((folder / "dataset_info.json").read_text())
    info |= {"dataset_name": "sujet-finance-instruct-177k", "config_name": "default"}
    (folder / "dataset_info.json").write_text(json.dumps(info))
    for arrow in folder.glob("*.arrow"):
        arrow.rename(folder / "sujet-finance-instruct-177k-train.arrow")
    done, tried = run("-m", "finsent", "data", "--source", "hub", "--json", offline=offline)
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout.splitlines()[-1])
    assert (value["title"], value["rows"], tried) == (HUB_DATASET, 150, [])


def test_cached_data_that_cannot_be_read_are_one_sentence(home, run):
    folder = home / "datasets" / "sujet-ai___sujet-finance-instruct-177k" / "default" / "0.0.0" / COMMIT
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text("{")
    done, tried = run("-m", "finsent", "data", "--source", "hub")
    assert (done.returncode, tried, len(done.stderr.strip().splitlines())) == (2, [], 1), done.stderr
    assert "cannot be read from the cache" in done.stderr


@pytest.mark.parametrize("left_out", [None, "config.json", "tokenizer.json", "model.safetensors"])
def test_what_is_not_cached_or_not_whole_needs_the_hub_and_is_one_sentence(home, run, tiny_qwen3, left_out):
    files = files_of(tiny_qwen3)
    if left_out:
        files = {name: content for name, content in files.items() if name != left_out and "tokenizer_c" not in name}
        fill(home, QWEN3_REPOSITORY, "model", files)
    for offline in (True, False):
        done, tried = run("-m", "finsent", *LAUNCH, "--source", "embedded", offline=offline)
        assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1), done.stderr
        assert "The base model is on the model hub, which does not answer." in done.stderr
        assert [line.split()[1] for line in tried] == ([] if offline else ["hub.invalid"])


def test_a_model_in_pieces_is_cached_when_all_of_them_are(home, run, tiny_qwen3):
    files = files_of(tiny_qwen3)
    weights = files.pop("model.safetensors")
    index = json.dumps({"weight_map": {"one": "model-1-of-2.safetensors", "two": "model-2-of-2.safetensors"}}).encode()
    files |= {"model.safetensors.index.json": index, "model-1-of-2.safetensors": weights}
    code = "from finsent.models.base import resolve_model; print(resolve_model('qwen3-0.6b').path)"
    snapshot = fill(home, QWEN3_REPOSITORY, "model", files)
    assert run("-c", code)[0].stdout.strip() == "None"
    (snapshot / "model-2-of-2.safetensors").write_bytes(b"")
    assert run("-c", code)[0].stdout.strip() == str(snapshot)


def test_the_tokenizer_alone_is_enough_for_looking_at_tokens(home, run, tiny_qwen3):
    files = {name: content for name, content in files_of(tiny_qwen3).items() if name != "model.safetensors"}
    fill(home, QWEN3_REPOSITORY, "model", files)
    code = "from finsent.inference.token_view import load_tokenizer; print(len(load_tokenizer('qwen3-0.6b')))"
    done, tried = run("-c", code)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 500
    assert tried == []


@pytest.mark.parametrize("offline", [True, False], ids=["said to be offline", "not asked"])
def test_the_pages_say_which_world_it_is(home, run, tiny_qwen3, offline):
    done, tried = run("-c", LAB, offline=offline)
    assert done.returncode == 0, done.stderr
    hub = "no model hub in reach" if offline else "the model hub has not been asked"
    assert f"Embedded world: {hub}" in done.stdout and "Cached world" not in done.stdout
    fill(home, QWEN3_REPOSITORY, "model", files_of(tiny_qwen3))
    done, tried = run("-c", LAB, offline=offline)
    assert "Cached world: Qwen3-0.6B from the model hub" in done.stdout
    assert "Qwen3-0.6B from the model hub can be used without it" in done.stdout
    fill(home, HUB_DATASET, "dataset", {"train.csv": sujet(20)})
    done, tried = run("-c", LAB, offline=offline)
    assert "Cached world: Qwen3-0.6B and Sujet-Finance-Instruct-177k from the model hub" in done.stdout
    assert tried == []
