"""Nothing leaves the machine unasked: whatever is started tries no address but this machine's own."""

import json
import logging
import subprocess
import sys

import pytest

from finsent.files import PROJECT
from finsent.quiet import keep_to_itself
from tests.recorded_sockets import environment, recorded

PAGES = f"""
from streamlit.testing.v1 import AppTest
from pages.shared import places
for page in (places.LAB, places.DATASET, places.MODEL, places.TRAIN):
    app = AppTest.from_file({str(PROJECT / "pages" / "app.py")!r}, default_timeout=60).run()
    assert not app.switch_page(page).run().exception
"""
LIBRARY_AFTER_THE_HUBS_CLIENT = """
import huggingface_hub.utils
import finsent
huggingface_hub.utils.send_telemetry("trl/test")
import time
time.sleep(1)
"""
#: A package of the name that bitsandbytes looks for, where the real one would go to the hub for what is not here.
KERNELS = """
import os, socket

def get_kernel(repository, version):
    here = [one.partition("=")[0] for one in os.environ.get("LOCAL_KERNELS", "").split(":")]
    if repository not in here:
        socket.create_connection(("hub.invalid", 443))
    raise FileNotFoundError(repository)
"""


@pytest.fixture
def run(tmp_path, runs_dir):
    """Run Python with arguments in a process that is watched, and return what it printed and whom it tried to reach."""
    folder = tmp_path / "watched"
    folder.mkdir()
    watched = environment(folder)

    def run(*arguments, given=""):
        done = subprocess.run(
            [sys.executable, *arguments], input=given, capture_output=True, text=True, cwd=PROJECT, env=watched
        )
        assert done.returncode == 0, done.stderr
        return done.stdout, recorded(folder)

    run.folder = folder
    return run


def test_an_attempt_would_be_seen(run):
    code = "import socket, contextlib\nwith contextlib.suppress(OSError): socket.create_connection(('hub.invalid', 80))"
    _, tried = run("-c", code)
    assert [line.split()[:2] for line in tried] == [["socket.getaddrinfo", "hub.invalid"]]
    code = "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); "
    code += "socket.create_connection(s.getsockname())"
    assert run("-c", code)[1] == tried


@pytest.mark.security(
    "A run is trained and its adapter exported, nothing hides the network", "No address elsewhere is tried"
)
def test_a_training_and_the_export_of_its_adapter(run, tiny_recipe):
    settings = [f"--set={name}={getattr(tiny_recipe, name)}" for name in ("validation_rows", "warmup_steps")]
    names = ["--model", tiny_recipe.model, "--source", tiny_recipe.source, "--rows", "48"]
    printed, tried = run("-m", "finsent", "train", *names, *settings, "--set=checkpoint=averaged", "--json")
    assert json.loads(printed.splitlines()[-1])["state"] == "done"
    assert tried == []


@pytest.mark.security("A command that only looks is given", "No address elsewhere is tried")
@pytest.mark.parametrize("command", ["summary", "data"])
def test_a_command_that_only_looks(run, tiny_llama, command):
    model = ["--model", str(tiny_llama)] if command == "summary" else []
    assert run("-m", "finsent", command, *model)[1] == []


@pytest.mark.security("Speed and memory are measured", "No address elsewhere is tried")
def test_the_measurements_of_cost(run, tiny_recipe, tmp_path):
    recipe = tiny_recipe.model_dump_json()
    settings, result = tmp_path / "recipe.json", tmp_path / "speed.json"
    settings.write_text(recipe)
    assert run("-m", "finsent.cost.speed", str(settings), str(result), "1")[1] == []
    assert result.is_file()
    assert run("-m", "finsent.cost.measured_memory", "1", given=recipe)[1] == []


@pytest.mark.security("A side of the benchmark is run", "No address elsewhere is tried")
@pytest.mark.parametrize("side", ["finsent", "trl_tutorial"])
def test_a_side_of_the_benchmark(run, tiny_llama, small_csv, side):
    assert run("-m", "finsent.bench.sides", "1", side, "4", str(tiny_llama), str(small_csv), "8")[1] == []


@pytest.mark.security("Pages are opened", "No address elsewhere is tried")
def test_the_pages(run):
    assert run("-c", PAGES)[1] == []


@pytest.mark.security(
    "The hub's client was imported before finsent and reports something", "No address elsewhere is tried"
)
def test_the_library_where_the_hubs_client_was_imported_first(run):
    assert run("-c", LIBRARY_AFTER_THE_HUBS_CLIENT)[1] == []


@pytest.mark.security("bitsandbytes looks for kernels that are not here", "None is fetched from the hub")
def test_bitsandbytes_fetches_no_kernels_and_those_that_are_here_stay(run, monkeypatch):
    (run.folder / "kernels.py").write_text(KERNELS)
    for name in ("quantization-bitsandbytes", "bitsandbytes-mps"):
        code = f"import finsent, kernels\ntry: kernels.get_kernel('kernels-community/{name}', 1)\n"
        assert run("-c", code + "except FileNotFoundError: pass")[1] == []
    # Nor is PyTorch's compiler imported, for functions that are never called.
    code = "import finsent.models.base, bitsandbytes, sys; print('torch._inductor.compile_fx' in sys.modules)"
    assert run("-c", code) == ("False\n", [])
    code = "import os; os.environ['LOCAL_KERNELS'] = 'mine=/here'; import finsent; print(os.environ['LOCAL_KERNELS'])"
    assert run("-c", code)[0].startswith("mine=/here:kernels-community/quantization-bitsandbytes=/dev/null:")


def test_nobody_is_told_to_install_what_would_fetch_kernels(caplog):
    # A model that was loaded before lets errors alone through.
    caplog.set_level(logging.WARNING, "bitsandbytes")
    keep_to_itself()
    log = logging.getLogger("bitsandbytes.backends.cpu.ops")
    log.warning("Failed to load CPU gemm_4bit_forward from kernels-community: %s. Please `pip install kernels`", "none")
    log.warning("Something else is wrong")
    assert caplog.messages == ["Something else is wrong"]
