"""Fetching from a hub of this machine whose branches move, that knows no ranges, or beside another fetch."""

import hashlib
import json
import threading

import pytest

from finsent import hub, hub_fetch, hub_part
from finsent.cli.main import main
from finsent.errors import HubUnreachableError
from finsent.hub_ids import HubId

NAME = "owner/name"


def commit(server):
    return server.revisions["models", NAME]["main"]


def newer(server, folder):
    """Move main to a commit with another text and other weights; return it."""
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    weights = files.pop("model.safetensors")
    return server.add(NAME, {"README.txt": b"newer", **files, "model.safetensors": weights + b" "})


def test_a_branch_that_moved_is_fetched_again_where_the_newest_is_wanted(local_hub, tiny_llama, capsys):
    old = hub.model_files(HubId(NAME)).fetch()
    commit_now = newer(local_hub, tiny_llama)
    # What is here is enough for a run.
    assert hub.model_files(HubId(NAME)).fetch() == old
    assert main(["model", NAME, "--fetch", "--json"]) == 0
    value = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (value["commit"], value["folder"]) == (commit_now, str(old.parent / commit_now))
    assert hub.model_files(HubId(NAME)).cached == old.parent / commit_now


def test_until_a_newer_commit_is_whole_the_older_one_is_used(local_hub, tiny_llama):
    files = hub.model_files(HubId(NAME))
    old = files.fetch()
    commit_now = newer(local_hub, tiny_llama)
    local_hub.faults[NAME] = ("file", "corrupt")
    with pytest.raises(HubUnreachableError, match="damaged"):
        files.fetch(newest=True)
    assert (old.parent / commit_now / "README.txt").is_file()
    assert (files.cached, files.commit) == (old, old.name)
    # Nor is one that is whole and of no use.
    local_hub.faults.clear()
    local_hub.add(NAME, {"config.json": b"{}"})
    with pytest.raises(HubUnreachableError, match="lacks what is needed"):
        files.fetch(newest=True)
    assert files.cached == old


def test_a_branch_that_moves_meanwhile_leaves_the_files_of_one_commit(local_hub, tiny_llama):
    began = commit(local_hub)

    def move(request):
        if "config.json" in request and commit(local_hub) == began:
            newer(local_hub, tiny_llama)

    local_hub.before = move
    folder = hub.model_files(HubId(NAME)).fetch()
    assert folder.name == began != commit(local_hub)
    assert {file.name for file in folder.iterdir()} == {file.name for file in tiny_llama.iterdir()}
    assert [file.name for file in folder.parent.iterdir()] == [began]


def test_data_whose_fetch_ended_early_are_not_whole(local_hub):
    name = "owner/many"
    local_hub.add(name, {"one.csv": b"a\n", "two.bin": bytes(1000)}, kind="datasets")
    files = hub.HubFiles(name, "dataset", ("*",), ("*.parquet|*.csv",))

    def fail(request):
        if request.startswith("GET") and "two.bin" in request:
            local_hub.faults[name] = ("file", 503)

    local_hub.before = fail
    with pytest.raises(HubUnreachableError, match="503"):
        files.fetch()
    assert files.cached is None
    local_hub.before, local_hub.faults = (lambda request: None), {}
    assert sorted(file.name for file in files.fetch().iterdir()) == ["one.csv", "two.bin"]


def part_of_weights(server, name, monkeypatch):
    """Add weights and fetch a quarter of them; return all of them and the file of the part."""
    content = bytes(range(256)) * 2**12
    server.add(name, {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": content})
    monkeypatch.setattr(hub_part, "_PAUSE_SECONDS", 0)
    blobs = hub_fetch._folder(name, "model") / "blobs"
    blobs.mkdir(parents=True)
    part = blobs / f"{hashlib.sha256(content).hexdigest()}.part"
    part.write_bytes(content[: len(content) // 4])
    return content, part


def test_a_server_without_ranges_sends_all_and_only_what_is_new_is_counted(local_hub, monkeypatch):
    content, _ = part_of_weights(local_hub, "owner/whole", monkeypatch)
    local_hub.faults["owner/whole"] = ("file", "no ranges")
    counts = []

    class Bar(hub_fetch.tqdm):
        def update(self, n=1):
            counts.append(n)
            return super().update(n)

    folder = hub.model_files(HubId("owner/whole")).fetch(Bar)
    assert (folder / "model.safetensors").read_bytes() == content
    assert (min(counts), sum(counts)) == (0, len(content) * 3 // 4 + 4)


def test_what_the_hub_keeps_in_xet_storage_comes_by_its_plain_address(local_hub, tiny_llama):
    local_hub.faults[NAME] = ("file", "xet")
    folder = hub.model_files(HubId(NAME)).fetch()
    assert (folder / "model.safetensors").read_bytes() == (tiny_llama / "model.safetensors").read_bytes()
    assert not [request for request in local_hub.requests if "xet" in request]


def test_a_server_that_always_sends_too_little_is_given_up_and_what_came_stays(local_hub, monkeypatch):
    content, part = part_of_weights(local_hub, "owner/short", monkeypatch)
    local_hub.faults["owner/short"] = ("file", "short")
    with pytest.raises(HubUnreachableError, match=r"sends no more of model\.safetensors"):
        hub.model_files(HubId("owner/short")).fetch()
    assert part.read_bytes() == content[: len(content) // 2]
    assert len([one for one in local_hub.requests if one.startswith("GET") and "safetensors" in one]) == 4


@pytest.mark.parametrize("beside", [False, True], ids=["one file by two names", "and another fetch meanwhile"])
def test_the_bar_ends_at_all_bytes_whoever_fetched_them(local_hub, beside):
    content = bytes(range(256)) * 2**10
    files = {"a.safetensors": content, "b.safetensors": content, "config.json": b"{}", "tokenizer.json": b"{}"}
    local_hub.add("owner/twice", files)
    seen = []

    class Bar(hub_fetch.tqdm):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            seen.append((self.n, self.total))
            if beside:
                other = threading.Thread(target=hub.model_files(HubId("owner/twice")).fetch)
                other.start()
                other.join()

        def update(self, n=1):
            assert n >= 0
            return super().update(n)

        def close(self):
            seen.append((self.n, self.total))
            super().close()

    hub.model_files(HubId("owner/twice")).fetch(Bar)
    size = 2 * len(content) + 4
    assert seen[0] == (0, size) and seen[-1] == (size, size)
