"""Models of the hub on the pages, against a hub of this machine: what it says of them, and fetching them."""

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from streamlit.testing.v1 import AppTest

from finsent.fetches.record import Fetch, fetch_lock, read_fetch, write_fetch
from finsent.fetches.start import start_fetch
from finsent.hub import QWEN3_MODEL, QWEN3_REPOSITORY, model_files
from finsent.hub_ids import HubId
from finsent.machine import cache_dir
from finsent.sizes import size_words
from pages.shared import places

APP = Path(__file__).parents[2] / "pages" / "app.py"
NAME = "owner/name"


@pytest.fixture
def train(runs_dir, small_csv, on_the_hub):
    """Open Train on the small file and choose a model of the hub's there."""

    def choose(model: str) -> AppTest:
        on_the_hub(model)
        app = AppTest.from_file(APP, default_timeout=60).run()
        app.query_params["quick-data"] = str(small_csv)
        app.switch_page(places.TRAIN).run()
        return app.selectbox(key="quick-model").set_value(model).run()

    return choose


def words(app: AppTest) -> str:
    shown = [*app.markdown, *app.caption, *app.code, *app.error, *app.info, *app.success, *app.warning]
    return " ".join(str(element.value) for element in shown).replace("\\", "")


def test_train_says_what_the_hub_says_of_a_model_and_fetches_nothing_large(train, local_hub):
    app = train(NAME)
    assert not app.exception and not app.error
    for part in ("Hub world", "On the model hub", "To fetch: ", "Licence: mit.", "LlamaForCausalLM", "A training step"):
        assert part in words(app), part
    assert not app.button(key="launch").disabled
    assert not [request for request in local_hub.requests if "safetensors" in request]


def test_what_cannot_be_used_or_had_cannot_be_launched_and_is_said_once(train, local_hub):
    local_hub.add("bad/pickled", {"config.json": b"{}", "pytorch_model.bin": b"x"})
    app = train("bad/pickled")
    assert not app.exception and app.button(key="launch").disabled
    assert "pickled, which can run code" in words(app)
    app = train("nobody/nothing")
    assert not app.exception and app.button(key="launch").disabled
    (error,) = app.error
    assert "There is no nobody/nothing" in error.value.replace("\\", "")


def test_the_tutorials_model_is_told_of_and_fetched_too(train, local_hub, tiny_qwen3):
    local_hub.add(QWEN3_REPOSITORY, tiny_qwen3, cardData={"license": "apache-2.0"})
    app = train("qwen3-0.6b")
    assert "Licence: apache-2.0." in words(app)
    app.button(key="fetch").click().run()
    while QWEN3_MODEL.cached is None:
        until(app, "Train")
        time.sleep(0.2)
    # What is here is used, and the hub is not asked about it.
    assert "On the model hub" not in words(app.run()) and not app.error
    assert not app.button(key="launch").disabled


def test_what_is_here_is_used_while_the_hub_has_a_fault(train, local_hub):
    model_files(HubId(NAME)).fetch()
    local_hub.faults[NAME] = ("all", 503)
    app = train(NAME)
    assert not app.error and not app.button(key="launch").disabled
    assert "a fault of its own over owner/name (503)" in words(app)
    assert "What is in this machine's cache is used." in words(app)


def until(app: AppTest, part: str, seconds: float = 60) -> AppTest:
    """Look at a page again and again, as its fragment does by itself, until it says something."""
    deadline = time.monotonic() + seconds
    while part not in words(app):
        assert time.monotonic() < deadline, words(app)
        time.sleep(0.2)
        app.run()
    assert not app.exception
    return app


def bars(app: AppTest) -> list[str]:
    """Return what the progress bars say."""
    return [bar.proto.text for bar in app.get("progress")]


def asked_for_weights(server) -> list[str]:
    return [one for one in server.requests if one.startswith("GET") and "safetensors" in one]


def test_a_fetch_is_watched_by_all_cancelled_and_goes_on_where_it_was(train, local_hub, tiny_llama):
    local_hub.faults[NAME], local_hub.pause = ("file", "slow"), 0.8
    app = train(NAME)
    size = size_words(sum(file.stat().st_size for file in tiny_llama.iterdir()))
    assert app.button(key="fetch").label.replace("\\", "") == f"Fetch {NAME} ({size})"
    app.button(key="fetch").click().run()
    while not any("left" in text for text in bars(app)):
        until(app, "It goes on by itself")
        time.sleep(0.2)
        app.run()
    assert f" of {size}, " in bars(app)[0] and "a second" in bars(app)[0]

    # Another visitor, on another page.
    other = AppTest.from_file(APP, default_timeout=60).run()
    other.query_params["model"] = NAME
    until(other.switch_page(places.MODEL).run(), "It goes on by itself")
    commit = local_hub.revisions["models", NAME]["main"]
    assert start_fetch(NAME, 1).pid == read_fetch(NAME).pid

    other.button(key="cancel-fetch").click().run()
    assert "came before it was cancelled" in words(until(other, "Fetched again, it goes on there"))
    until(app, "Fetched again, it goes on there")

    del local_hub.faults[NAME]
    local_hub.requests.clear()
    app.button(key="fetch").click().run()
    until(app, "It is in this machine's cache")
    assert "fetch" not in [button.key for button in app.button]
    (asked,) = asked_for_weights(local_hub)
    assert re.search(r"bytes=[1-9]\d+-", asked)
    # By its branch, without asking the hub.
    folder = model_files(HubId(NAME)).cached
    assert folder.name == commit
    assert (folder / "model.safetensors").read_bytes() == (tiny_llama / "model.safetensors").read_bytes()
    kept = "".join(file.read_text() for file in (cache_dir() / "fetches").iterdir())
    assert local_hub.tokens[-1].endswith("hf_verysecrettoken") and "hf_very" not in kept + words(app) + words(other)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [(403, "Accept them at"), (429, "too many requests"), ("corrupt", "another checksum than it names")],
)
def test_what_ends_a_fetch_is_one_sentence_and_it_can_be_fetched_again(train, local_hub, fault, sentence):
    app = train(NAME)
    local_hub.faults[NAME] = ("file", fault)
    app.button(key="fetch").click().run()
    until(app, sentence)
    assert len(app.error) == 1
    del local_hub.faults[NAME]
    app.button(key="fetch").click().run()
    until(app, "It is in this machine's cache")
    assert not app.error


def test_a_newer_commit_than_the_cached_one_is_fetched(train, local_hub, tiny_llama):
    old = model_files(HubId(NAME)).fetch()
    files = {file.name: file.read_bytes() for file in tiny_llama.iterdir()}
    commit = local_hub.add(NAME, files | {"README.txt": b"newer"})
    app = train(NAME)
    app.button(key="fetch").click().run()
    until(app, "It is in this machine's cache")
    assert "fetch" not in [button.key for button in app.button]
    assert model_files(HubId(NAME)).cached == old.parent / commit


def test_a_fetch_on_another_machine_is_watched_from_here(train, local_hub):
    with fetch_lock(NAME):
        write_fetch(Fetch(model=NAME, done=1, total=2, heard=datetime.now(UTC), pid=1, pid_created=0, host="another"))
    app = train(NAME)
    assert not app.exception and "The machine another, which shares" in words(app)
    assert not {"fetch", "cancel-fetch"} & {button.key for button in app.button}


def test_a_fetch_whose_process_was_killed_says_so(train, local_hub):
    local_hub.faults[NAME], local_hub.pause = ("file", "slow"), 0.8
    app = train(NAME)
    app.button(key="fetch").click().run()
    until(app, "It goes on by itself")
    psutil.Process(read_fetch(NAME).pid).kill()
    until(app, "ended before it was done")
    assert not app.button(key="fetch").disabled
