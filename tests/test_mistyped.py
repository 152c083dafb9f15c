"""A mistyped path is told from a name on the model hub, and each message says how the other one is meant."""

import pytest
from streamlit.testing.v1 import AppTest

from finsent.cli.main import main
from finsent.data.dataset import load_data
from finsent.data.hub_set import names_data_set
from finsent.errors import HubUnreachableError, ModelNotFoundError, SourceNotFoundError
from finsent.hub import look_up
from finsent.hub_ids import HubId, names_repository
from finsent.models.base import resolve_model
from pages.shared import places
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A working folder with a folder ``data`` of one file, and a folder ``models``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FINSENT_ROOTS", str(tmp_path))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "news.csv").write_text("text,label\nProfit rose.,positive\n")
    (tmp_path / "models" / "tuned").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize("name", ["data/news", "data/new.csv", "elsewhere/news.csv"])
def test_a_mistyped_path_of_data_is_a_path(name):
    assert not names_data_set(name)
    with pytest.raises(SourceNotFoundError, match="There is no data at") as caught:
        load_data(name)
    assert ("Near it: news.csv." in str(caught.value)) == name.startswith("data/")
    assert (f"If you mean the model hub, give hf://{name}." in str(caught.value)) == (name == "data/news")


@pytest.mark.parametrize("name", ["models/tuned1", "elsewhere/model.safetensors"])
def test_a_mistyped_path_of_a_model_is_a_path(name):
    assert not names_repository(name)
    with pytest.raises(ModelNotFoundError, match="There is no model") as caught:
        resolve_model(name)
    assert ("Near it: tuned." in str(caught.value)) == name.startswith("models/")
    assert f"give hf://{name}." in str(caught.value)


@pytest.mark.parametrize("name", ["owner/news", "hf://data/news", "data/news@main", "Qwen/Qwen3-1.7B"])
def test_other_names_are_the_hubs(name):
    assert names_data_set(name) and names_repository(name)


def test_what_the_hub_does_not_know_may_have_been_a_path(monkeypatch):
    monkeypatch.setattr("finsent.hub.ask", lambda *asked, **more: (_ for _ in ()).throw(ConnectionError("refused")))
    with pytest.raises(HubUnreachableError) as caught:
        load_data("owner/news")
    assert str(caught.value).endswith("If you meant a file or folder here, give ./owner/news.")
    with pytest.raises(HubUnreachableError, match=r"give \./owner/model\."):
        look_up(HubId("owner/model"))


@pytest.mark.parametrize("command", [["data", "--source", "data/news"], ["summary", "--model", "models/tuned1"]])
def test_the_command_line_says_so(command, capsys):
    assert main(command) == 2
    assert "Near it: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("page", "name", "address"), [(places.DATASET, "data/news", "data"), (places.MODEL, "models/tuned1", "model")]
)
def test_the_pages_say_so(runs_dir, monkeypatch, page, name, address):
    # Streamlit's settings stand in the folder of the project.
    monkeypatch.setattr("pages.shared.access.open_to_others", lambda: "")
    app = AppTest.from_file(ROOT / "pages" / "app.py", default_timeout=60)
    app.session_state["agreed-to-read"] = {name}
    app.run()
    app.query_params[address] = name
    app.switch_page(page).run()
    assert not app.exception
    said = " ".join(error.value for error in app.error).replace("\\", "").replace("\u2060", "")
    assert "There is no" in said and f"hf://{name}" in said
