"""The app in a process of its own, and headless Chromium to visit it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import free_port, under_ci
from tests.forked import ForkedWorker
from tests.hub_server import Hub

ROOT = Path(__file__).parents[2]
#: Of who is logged in at the hub.
TOKEN = "hf_verysecrettoken"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class App:
    """A running app: its address, its folder of runs, and the folder of its log.

    ``options`` are Streamlit's, such as ``--server.allowedHosts=lab.example``. Its process is forked from one that has
    imported, and so are the workers that it starts, which another module may be; unless all of that is to be ``real``.
    """

    def __init__(self, runs_dir: Path, log: Path, *options: str, real: bool = False, worker: str = "") -> None:
        self.port = free_port()
        self.runs_dir = runs_dir
        self.log = log
        self.options = options
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = os.environ | {"HF_HUB_OFFLINE": "1", "FINSENT_TESTS_WORKER": worker}
        self.real = real
        self.process: subprocess.Popen | ForkedWorker | None = None

    def start(self) -> None:
        """Start the server and wait until it answers."""
        environment = self.environment | {"FINSENT_RUNS": str(self.runs_dir)}
        command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", f"--server.port={self.port}"]
        command += self.options
        with self.log.open("ab") as log:
            if self.real:
                self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
            else:
                self.process = ForkedWorker(command, log, ROOT, environment)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise TimeoutError(f"The app did not start:\n{self.log.read_text()}")

    def stop(self) -> None:
        """End the server; runs go on."""
        self.process.terminate()
        self.process.wait(timeout=30)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app on an empty folder of runs."""
    folder = tmp_path_factory.mktemp("app")
    app = App(folder / "runs", folder / "app.log")
    app.start()
    yield app
    app.stop()


@pytest.fixture
def own_app(server: Hub, tmp_path: Path) -> Iterator[App]:
    """The app with a test file's ``server`` in the real hub's place, and nothing of it fetched."""
    app = App(tmp_path / "runs", tmp_path / "app.log")
    app.environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    app.environment |= {"HF_ENDPOINT": server.url, "HF_HUB_CACHE": str(tmp_path / "hub"), "HF_TOKEN": TOKEN}
    app.environment |= {"FINSENT_CACHE": str(tmp_path / "cache")}
    app.start()
    yield app
    app.stop()


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium."""
    from playwright.sync_api import sync_playwright

    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    chromium = next((found for name in names if (found := shutil.which(name))), None)
    if chromium is None:
        if under_ci():
            pytest.fail("Chromium is not installed (Debian: apt-get install chromium)")
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A page of a fresh profile."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(60_000)
    page = context.new_page()
    yield page
    context.close()
