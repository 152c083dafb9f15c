"""Models of the hub by their names, against a hub of this machine: facts, fetching, commits, faults."""

import hashlib
import json
import re
import shutil
import time
from types import SimpleNamespace

import pytest
from huggingface_hub import constants, scan_cache_dir

from finsent import hub, hub_fetch, hub_part
from finsent.cli.main import main
from finsent.errors import DiskFullError, FinsentError, HubUnreachableError, ModelNotFoundError, RunChangedError
from finsent.hub_ids import HubId, parse_id
from finsent.models import hub_facts
from finsent.models.base import is_same_model, model_folder, model_hash, pinned_model, resolve_model
from finsent.models.hub_facts import model_facts, runs_here
from finsent.recipe import change_recipe, get_recipe
from finsent.runs.base_model import unchanged_base
from finsent.runs.reach import settle
from finsent.runs.store import create_run
from tests.hub_server import Hub

NAME, TOKEN = "owner/name", "hf_verysecrettoken"


def commit(server, name=NAME):
    return server.revisions["models", name]["main"]


def test_the_facts_stand_before_anything_large_is_fetched(local_hub, tiny_llama, capsys):
    assert main(["model", NAME, "--json"]) == 0
    value = json.loads(capsys.readouterr().out.splitlines()[-1])
    size = (tiny_llama / "model.safetensors").stat().st_size
    assert (value["commit"], value["weight_bytes"], value["licence"]) == (commit(local_hub), size, "mit")
    assert (value["architecture"], value["gated"], value["cached"]) == ("LlamaForCausalLM", False, False)
    for words in ("To fetch: ", "Licence: mit.", "A training step", "fits into", "each label as tokens of its own"):
        assert any(words in sentence for sentence in value["sentences"]), words
    assert not [request for request in local_hub.requests if "safetensors" in request]


def test_a_model_is_fetched_once_and_then_used_without_the_hub(local_hub, tiny_llama, capsys):
    assert main(["model", NAME, "--fetch"]) == 0
    assert "Fetched: " in capsys.readouterr().out
    # The cache knows the commit; the branch is one more question.
    pinned = f"{NAME}@{commit(local_hub)}"
    local_hub.requests.clear()
    source = resolve_model(pinned)
    assert (source.path / "model.safetensors").read_bytes() == (tiny_llama / "model.safetensors").read_bytes()
    assert (model_hash(source), pinned_model(pinned)) == (f"hub:{pinned}", pinned)
    assert local_hub.requests == []


def test_a_launch_pins_the_commit_and_another_one_is_refused_with_both_named(local_hub, small_csv, runs_dir):
    recipe = settle(change_recipe(get_recipe("quick"), {"model": f"hf://{NAME}", "source": str(small_csv)}))
    assert recipe.model == f"{NAME}@{commit(local_hub)}"
    model_folder(resolve_model(recipe.model))
    run = create_run(recipe, runs_dir, model_hash=f"hub:{recipe.model}")
    assert unchanged_base(run)[1] == run.model_hash
    other = "0" * 40
    with pytest.raises(RunChangedError, match=f"it began with commit {other}, and commit {commit(local_hub)} is here"):
        unchanged_base(run.model_copy(update={"model_hash": f"hub:{NAME}@{other}"}))
    # Runs of older versions know no commit.
    assert is_same_model(f"hub:{NAME}", run.model_hash) and not is_same_model("hub:other/name", run.model_hash)


def test_a_connection_that_is_cut_goes_on_where_it_was(local_hub):
    content = bytes(24 * 2**20)
    name = "owner/large"
    local_hub.add(name, {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": content})
    local_hub.faults[name] = ("file", "cut")
    folder = hub.model_files(HubId(name)).fetch()
    assert (folder.name, (folder / "model.safetensors").stat().st_size) == (commit(local_hub, name), len(content))
    asked = [request for request in local_hub.requests if request.startswith("GET") and "safetensors" in request]
    assert len(asked) == 2 and re.search(r"bytes=[1-9]\d+-", asked[1])


def test_a_fetch_that_ended_early_goes_on_where_it_was_and_its_bar_counts_all_bytes(local_hub, monkeypatch):
    content = bytes(range(256)) * 2**14
    name = "owner/part"
    local_hub.add(name, {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": content})
    monkeypatch.setattr(hub_part, "_TRIES", 0)
    local_hub.faults[name] = ("file", "cut")
    files = hub.model_files(HubId(name))
    with pytest.raises(HubUnreachableError, match="broke off"):
        files.fetch()
    local_hub.requests.clear()
    bars = []

    class Bar(hub_fetch.tqdm):
        def close(self):
            bars.append((self.initial, self.n, self.total))
            super().close()

    assert (files.fetch(Bar) / "model.safetensors").read_bytes() == content
    (asked,) = [request for request in local_hub.requests if request.startswith("GET") and "safetensors" in request]
    begin = int(re.search(r"bytes=([1-9]\d+)-", asked)[1])
    assert begin == len(content) // 2
    # The configuration and the tokenizer, of two bytes each, had come before.
    assert bars[:1] == [(begin + 4, len(content) + 4, len(content) + 4)]


def test_memory_and_what_there_is_of_it_are_said_in_one_unit(local_hub, monkeypatch):
    monkeypatch.setattr(hub_facts, "step_bytes", lambda recipe: 16_800_000_000)
    memory = SimpleNamespace(total=16 * 2**30)
    monkeypatch.setattr(hub_facts, "psutil", SimpleNamespace(virtual_memory=lambda: memory))
    assert "holds about 16.8 GB; that fits into this machine's 17.2 GB." in runs_here(NAME)[0]


def test_a_large_file_that_lies_elsewhere_is_fetched_there_without_the_token(local_hub, tiny_llama):
    elsewhere = Hub()
    elsewhere.add(NAME, tiny_llama)
    local_hub.faults[NAME] = ("file", elsewhere.url)
    folder = hub.model_files(HubId(NAME)).fetch()
    elsewhere.close()
    assert (folder / "model.safetensors").read_bytes() == (tiny_llama / "model.safetensors").read_bytes()
    assert (elsewhere.tokens, len(elsewhere.requests)) == ([""], 1)
    assert set(local_hub.tokens) == {f"Bearer {TOKEN}"}
    # What lies beside the files does not keep the hub's own tools from reading the cache.
    (repository,) = scan_cache_dir(constants.HF_HUB_CACHE).repos
    assert (repository.repo_id, repository.nb_files) == (NAME, len(list(tiny_llama.iterdir())))


def test_a_download_that_hangs_is_given_up_with_a_sentence(local_hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.3)
    monkeypatch.setattr(hub_part, "_PAUSE_SECONDS", 0)
    name = "owner/hangs"
    local_hub.add(name, {"model.safetensors": bytes(1000), "config.json": b"{}", "tokenizer.json": b"{}"})
    local_hub.faults[name] = ("file", "hang")
    with pytest.raises(HubUnreachableError, match="does not answer in time"):
        hub.model_files(HubId(name)).fetch()
    assert len([one for one in local_hub.requests if one.startswith("GET") and "safetensors" in one]) == 3


def test_a_full_disk_is_one_sentence_before_anything_large_comes(local_hub, monkeypatch):
    usage = shutil.disk_usage("/")._replace(free=1_000)
    monkeypatch.setattr(hub_fetch.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(DiskFullError, match="no room for owner/name in .* are still to come. Free some"):
        hub.model_files(HubId(NAME)).fetch()
    assert not [request for request in local_hub.requests if "safetensors" in request]


FAULTS = {
    "not logged in": (("all", 401), "does not accept the login"),
    "gated": (("all", 403), "is gated: .* Accept them at "),
    "not there": (("all", 404), r"refuses|There is no"),
    "too many requests": (("all", 429), "too many requests"),
    "its own fault": (("all", 500), r"a fault of its own .* \(500\)"),
    "overloaded": (("all", 503), r"a fault of its own .* \(503\)"),
    "another checksum": (("file", "corrupt"), "another checksum"),
    "hangs": (("all", "hang"), "does not answer in time"),
}


@pytest.mark.security("a fault of the model hub", "one sentence within ten seconds, which holds no token")
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_one_sentence_within_ten_seconds_and_holds_no_token(
    kind, local_hub, tiny_llama, monkeypatch, caplog
):
    fault, words = FAULTS[kind]
    monkeypatch.setattr(hub, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(hub_fetch, "ANSWER_SECONDS", 1.0)
    name = f"tiny/{hashlib.md5(kind.encode(), usedforsecurity=False).hexdigest()[:8]}"
    local_hub.add(name, tiny_llama)
    local_hub.faults[name] = fault
    started = time.monotonic()
    with pytest.raises(HubUnreachableError) as caught:
        model_facts(name)
        hub.model_files(HubId(name)).fetch()
    assert time.monotonic() - started < 10
    assert re.search(words, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value) and TOKEN not in str(caught.value) + caplog.text
    assert f"Bearer {TOKEN}" in local_hub.tokens


def test_what_finsent_cannot_use_is_named_before_it_is_fetched(local_hub, tiny_llama, capsys):
    config = json.loads((tiny_llama / "config.json").read_text())
    encoder = json.dumps(config | {"architectures": ["BertForMaskedLM"]}).encode()
    for name, files, about, words in (
        ("bad/pickled", {"config.json": b"{}", "pytorch_model.bin": b"x"}, {}, "pickled"),
        ("bad/empty", {"config.json": b"{}"}, {}, "no weights"),
        ("bad/code", {"config.json": b"{}", "model.safetensors": b""}, {"tags": ["custom_code"]}, "code of its own"),
        ("bad/encoder", {"config.json": encoder, "model.safetensors": b""}, {}, "does not write text"),
        ("bad/gguf", {"model.safetensors": b""}, {}, "no config.json"),
    ):
        local_hub.add(name, files, **about)
        assert main(["model", name]) == 1
        assert words in capsys.readouterr().out
    local_hub.add("bad/gated", tiny_llama, gated="manual")
    assert model_facts("bad/gated").gated


def test_a_data_set_given_as_a_model_is_said_to_be_one(local_hub):
    with pytest.raises(HubUnreachableError, match="owner/data is a data set, not a model. Give it as --source"):
        model_facts("owner/data")
    with pytest.raises(HubUnreachableError, match="has no revision “nowhere”"):
        model_facts(f"{NAME}@nowhere")
    with pytest.raises(HubUnreachableError, match="There is no nobody/nothing"):
        model_facts("nobody/nothing")


def test_out_of_reach_a_name_of_the_hub_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(FinsentError, match="on the model hub, which does not answer"):
        settle(change_recipe(get_recipe("quick"), {"model": NAME}))


@pytest.mark.security("a bad name of a repository", "refused in a sentence; nobody is asked")
@pytest.mark.parametrize(
    "text",
    [
        "hf://",
        "hf://name",
        "hf://../../etc",
        "hf://a/b/c",
        "hf://a/..",
        "hf://a/b@",
        "hf://a/b@../../main",
        "hf://a/b@-x",
        "hf://a b/c",
        "hf://a/b c",
        "hf://ä/b",
        "hf://a/b\u202e",
        "hf://a/b\n",
        "hf://a/b.git",
        "hf://a/--b",
        "hf://-a/b",
        "hf://a/b--c",
        "hf://https://huggingface.co/a/b",
        "hf://a/" + "b" * 200,
        "hf://a/b?token=x",
        "hf://a/b#main",
    ],
)
def test_a_bad_name_is_refused_and_nobody_is_asked(text, monkeypatch):
    monkeypatch.setattr(hub, "ask", lambda *_: pytest.fail("the hub was asked"))
    with pytest.raises(ModelNotFoundError, match="is no name of a model") as caught:
        parse_id(text, ModelNotFoundError, "model")
    assert "\n" not in str(caught.value)


def test_a_folder_or_file_named_like_an_id_is_that_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "name").mkdir(parents=True)
    with pytest.raises(ModelNotFoundError, match="has no config.json"):
        resolve_model("owner/name")
    (tmp_path / "owner" / "file").touch()
    with pytest.raises(ModelNotFoundError, match="There is no model"):
        resolve_model("owner/file")
    assert resolve_model("hf://owner/name").files == hub.model_files(HubId("owner/name"))


def test_a_hub_that_told_something_has_answered(local_hub):
    assert hub.last_answer() is None
    hub.look_up(HubId(NAME))
    assert hub.last_answer() is True
