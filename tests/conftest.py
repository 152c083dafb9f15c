"""Fixtures that many tests share: tiny random models, and folders of their own for runs."""

import functools
import gc
import json
import os
import socket
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from finsent.uncompiled import compile_nothing
from pages.import_path import keep_import_path

# As in every process that finsent starts.
compile_nothing()
# As in every server.
keep_import_path()
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
if "PYTEST_XDIST_WORKER" in os.environ:
    # Test processes beside one another, and what they start, would ruin each other's speed with a thread per core each.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
# No test may wait for a network: the hub is out of reach by decision, not by chance.
os.environ["HF_HUB_OFFLINE"] = "1"
# Nor may what somebody has fetched before decide it.
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="finsent-tests-hub-")

pytest_plugins = ["tests.security_table", "tests.forked"]
ROOT = Path(__file__).parents[1]
#: The files that take longest, half a minute or more: taken up last, one would keep a single process at work.
LONGEST = (
    "runs/test_resume.py",
    "browser/test_survival.py",
    "browser/test_lab.py",
    "test_one_bad_file.py",
    "test_distributed.py",
    "test_quiet.py",
    "browser/test_form.py",
    "bench/test_run.py",
    "training/test_sharing.py",
    "browser/test_compare.py",
    "runs/test_queue.py",
    "test_documents.py",
    "browser/test_long_run.py",
    "test_hub_cache.py",
    "browser/test_hub_model.py",
    "browser/test_quiet.py",
    "runs/test_faults.py",
    "browser/test_hub_data.py",
    "browser/test_shown.py",
    "data/test_limits.py",
    "browser/test_own_data.py",
    "pages/test_train.py",
    "browser/test_walk.py",
    "models/test_memory_advice.py",
)
LAB = ROOT / "finsent" / "assets" / "lab_headlines.jsonl"


def shared_data(name: str) -> Path:
    """Return a corpus that is not part of the project, or skip the test with the reason."""
    path = Path(__file__).parents[2] / "shared" / "data" / name
    if not path.exists():
        pytest.skip(f"{name} is not part of the project and not beside this checkout")
    return path


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def under_ci() -> bool:
    """Whether a missing browser or model must fail a test instead of skipping it."""
    return os.environ.get("CI", "").lower() == "true"


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--long``: also what takes minutes, for example the documents' trainings and benchmarks."""
    parser.addoption("--long", action="store_true", help="run the tests marked long, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked long unless it is asked for, and put the files that take longest first."""
    if not config.getoption("--long"):
        left_out = pytest.mark.skip(reason="takes minutes: python -m pytest --long")
        for item in items:
            # The keyword would be a parameter's name, too.
            if item.get_closest_marker("long"):
                item.add_marker(left_out)
    # Of the others, those of many tests.
    sizes = Counter(item.path for item in items)
    ranks = {ROOT / "tests" / name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: (ranks.get(item.path, len(ranks)), -sizes[item.path]))


def pytest_collection_finish() -> None:
    """Keep the garbage collector from visiting thousands of tests again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def streamlits_settings():
    """Let Streamlit read the project's settings before a test goes to another folder, where it would find none."""
    from streamlit import config

    config.get_config_options()


@pytest.fixture(scope="session", autouse=True)
def components_looked_for_once():
    """Let AppTest read what all installed packages say of themselves once, and not whenever it opens a page."""
    from streamlit.components.v2 import manifest_scanner

    with pytest.MonkeyPatch.context() as patch:
        once = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", once)
        yield


@pytest.fixture(autouse=True)
def no_worker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start no real worker unless a test asks for ``real_worker``: a page starts whatever waits in the queue.

    What starts instead does nothing for a while, so that the run is at work as far as a page can tell.
    """
    if "real_worker" not in request.fixturenames:
        from finsent.runs import starting

        waits = (sys.executable, "-c", "import time; time.sleep(30)")
        monkeypatch.setattr(starting, "worker_command", lambda recipe: waits)


@pytest.fixture
def real_worker() -> None:
    """Let runs be started for real."""


@pytest.fixture
def runs_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of runs, which the app and the command line use, too."""
    folder = tmp_path / "runs"
    folder.mkdir()
    monkeypatch.setenv("FINSENT_RUNS", str(folder))
    return folder


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch):
    """This process and all that it starts have two cores."""
    from finsent.runs import cores

    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if len(before) < 2:
        pytest.skip("this machine has one core")
    two = sorted(before)[:2]
    os.sched_setaffinity(0, two)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(cores, "gpu_name", lambda: None)
    yield two
    os.sched_setaffinity(0, before)


@pytest.fixture(scope="session")
def tiny_tokenizer():
    """A byte-level BPE tokenizer of 600 tokens, trained on the embedded texts; some labels have several tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=["<eos>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    texts = (json.loads(line)["text"] for line in LAB.read_text(encoding="utf-8").splitlines()[:300])
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>", pad_token="<eos>")


def _save_tiny(folder: Path, kind: str, tokenizer) -> Path:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    sizes = {
        "vocab_size": 640,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "tie_word_embeddings": True,
        "initializer_range": 0.1,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    if kind == "llama":
        model = LlamaForCausalLM(LlamaConfig(**sizes))
    else:
        model = Qwen3ForCausalLM(Qwen3Config(head_dim=16, **sizes))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer) -> Path:
    """The folder of a two-layer Llama with random weights."""
    return _save_tiny(tmp_path_factory.mktemp("tiny-llama"), "llama", tiny_tokenizer)


@pytest.fixture(scope="session")
def tiny_qwen3(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer) -> Path:
    """The folder of a two-layer Qwen3 with random weights."""
    return _save_tiny(tmp_path_factory.mktemp("tiny-qwen3"), "qwen3", tiny_tokenizer)


@pytest.fixture(params=["tiny_llama", "tiny_qwen3"])
def tiny_model(request: pytest.FixtureRequest) -> Path:
    """Each tiny model in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def small_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 120 of the embedded news texts with the columns text,label."""
    import pandas as pd

    rows = pd.DataFrame([json.loads(line) for line in LAB.read_text(encoding="utf-8").splitlines()])
    path = tmp_path_factory.mktemp("data") / "small.csv"
    rows[rows["family"] == "news"].head(120)[["text", "label"]].to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def both_models(tiny_llama: Path):
    """A classifier of both models that nobody has trained: a tiny one, and an adapter of random values."""
    import torch
    from peft import LoraConfig

    from finsent.evaluation.classifier import Classifier

    classifier = Classifier(str(tiny_llama), compute_dtype="float32")
    torch.manual_seed(1)
    classifier.model.add_adapter(LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False))
    classifier.has_adapter = True
    return classifier


@pytest.fixture(scope="session")
def tiny_recipe(tiny_llama: Path, small_csv: Path):
    """A recipe that trains the tiny Llama on the small file in seconds."""
    from finsent.recipe import change_recipe, get_recipe

    changes = {
        "model": str(tiny_llama),
        "source": str(small_csv),
        "rows": 48,
        "validation_rows": 8,
        "logging_steps": 1,
        "evaluations_per_epoch": 2,
        "warmup_steps": 1,
        "learning_rate": 1e-2,
    }
    return change_recipe(get_recipe("quick"), changes)


@pytest.fixture
def local_hub(tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A model hub on this machine in the real one's place, with an empty cache; somebody is logged in.

    It has the model and the data set ``owner/name`` and ``owner/data``.
    """
    from huggingface_hub import constants

    from finsent import hub
    from tests.hub_server import Hub

    server = Hub()
    server.add("owner/name", tiny_llama, cardData={"license": "mit"})
    server.add("owner/data", {"train.csv": b"text,label\n"}, kind="datasets")
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", "hf_verysecrettoken")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    # For processes that are started meanwhile.
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setenv("FINSENT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hub, "_answers", {})
    yield server
    server.close()
