"""The Model page: the numbers it shows, what moves them, and what it says to a wrong model."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from finsent.cost.measured_memory import MeasuredStep
from finsent.models.base import MODELS
from finsent.models.memory import memory_account
from finsent.models.skeleton import read_configuration
from finsent.recipe import get_recipe
from finsent.runs.queue import start_next
from finsent.runs.store import create_run
from finsent.sizes import size_words
from pages.shared import places

APP = Path(__file__).parents[2] / "pages" / "app.py"


@pytest.fixture
def visit(runs_dir):
    def open_page(**address: str) -> AppTest:
        app = AppTest.from_file(APP, default_timeout=120).run()
        for key, value in address.items():
            app.query_params[key] = value
        return app.switch_page(places.MODEL).run()

    return open_page


@pytest.fixture
def tiny(tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny model under the title “Tiny” in the list of models (AppTest knows values from the list alone)."""
    monkeypatch.setitem(MODELS, str(tiny_qwen3), "Tiny")
    return tiny_qwen3


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def words(app: AppTest) -> str:
    return " ".join(str(element.value) for element in [*app.markdown, *app.caption, *app.code])


def test_qwen3_shows_the_tutorials_tables_and_explains_them(visit):
    app = visit(model="qwen3-0.6b")
    assert not app.exception
    assert metrics(app)["Parameters"] == "596,049,920"
    assert metrics(app)["torchinfo's total"] == "531,431,424"
    before, after = (code.value for code in app.code[:2])
    assert "Trainable params: 311,230,464" in before
    assert "Trainable params: 1,146,880" in after
    assert "596,049,920 − 220,200,960 + 155,582,464 = 531,431,424" in words(app)
    assert "The tutorial says 24 attention heads; the configuration says 16 and 8." in words(app)
    table = app.dataframe[0].value.set_index("module")
    assert table.loc["Total"].tolist() == [531_431_424, 532_578_304, 1_146_880]


def test_rank_and_matrices_change_what_lora_trains(visit, tiny):
    app = visit(model="Tiny")
    at_8 = metrics(app)["LoRA adds and trains"]
    app.select_slider(key="rank").set_value(16).run()
    at_16 = metrics(app)["LoRA adds and trains"]
    assert int(at_16.replace(",", "")) == 2 * int(at_8.replace(",", ""))
    app.multiselect(key="targets").select("down_proj").run()
    assert int(metrics(app)["LoRA adds and trains"].replace(",", "")) > int(at_16.replace(",", ""))
    app.multiselect(key="targets").set_value([]).run()
    assert not app.exception
    assert "at least one matrix" in app.info[0].value


def test_the_tutorials_example_is_exact(visit, tiny):
    app = visit(model="Tiny")
    assert "200,000,000" in words(app)
    assert "exactly 120,000" in words(app)
    app.slider(key="example-rank").set_value(8).run()
    assert "240,000" in words(app)
    assert "exactly 120,000" not in words(app)


def test_a_wrong_model_gets_one_sentence_and_no_traceback(visit):
    app = visit(model="/no/such/folder")
    assert not app.exception
    assert len(app.error) == 1
    assert "There is no model" in app.error[0].value


def test_the_memory_account_follows_the_settings(visit, tiny):
    app = visit(model="Tiny")
    peak = "Predicted peak of all tensors"
    before = metrics(app)[peak]
    app.select_slider(key="batch").set_value(128).run()
    assert metrics(app)[peak] != before
    recipe = get_recipe("quick").model_copy(update={"model": str(tiny), "batch_size": 128})
    account = memory_account(read_configuration(str(tiny)), recipe, 75, 38)
    assert metrics(app)[peak] == size_words(account.total)


def test_a_measured_step_stands_beside_its_prediction(visit, tiny, monkeypatch: pytest.MonkeyPatch):
    step = MeasuredStep(3_000_000, 8, 334, 600, 16, "cpu")
    monkeypatch.setattr("pages.model.memory.measure_apart", lambda recipe: step)
    app = visit(model="Tiny")
    app.button(key="measure").click().run()
    assert not app.exception
    assert "334 packed tokens, 16 of them supervised" in words(app)
    assert "measured 3.00 MB" in words(app)


def test_a_measurement_beside_a_run_says_that_it_takes_longer(visit, tiny, runs_dir: Path, monkeypatch):
    monkeypatch.setattr("finsent.runs.cores.gpu_name", lambda: None)
    assert "so it takes longer" not in words(visit(model="Tiny"))
    create_run(get_recipe("quick"), runs_dir)
    start_next(runs_dir)
    app = visit(model="Tiny")
    assert not app.button(key="measure").disabled
    assert "A run is at work on" in words(app)


def test_what_is_not_here_cannot_be_measured(visit):
    app = visit(model="qwen3-0.6b")
    assert app.button(key="measure").disabled
    assert "out of reach" in words(app)


def test_a_model_of_the_hub_is_told_of_before_anything_large_is_fetched(visit, on_the_hub, local_hub):
    app = visit(model=on_the_hub("owner/name"))
    assert not app.exception and not app.error
    facts = words(app).replace("\\", "")
    commit = local_hub.revisions["models", "owner/name"]["main"]
    for part in (
        commit[:12],
        "To fetch: ",
        "Licence: mit.",
        "LlamaForCausalLM",
        "A training step",
        f"owner/name@{commit}",
    ):
        assert part in facts, part
    assert metrics(app)["Parameters"]
    assert "Hub world" in words(app)
    assert not [request for request in local_hub.requests if "safetensors" in request]


def test_a_model_that_cannot_be_used_or_had_is_a_sentence(visit, on_the_hub, local_hub):
    local_hub.add("bad/pickled", {"config.json": b"{}", "pytorch_model.bin": b"x"})
    app = visit(model=on_the_hub("bad/pickled"))
    assert not app.exception and not app.metric
    assert "pickled, which can run code" in words(app).replace("\\", "")
    assert "Choose another" in app.error[0].value
    app = visit(model=on_the_hub("nobody/nothing"))
    assert not app.exception
    assert "There is no nobody/nothing" in app.error[0].value.replace("\\", "")
    assert len(app.error) == 1
    # A refusal is an answer.
    assert "Hub world" in words(app)
    asked = len(local_hub.requests)
    app.run()
    assert "There is no nobody/nothing" in app.error[0].value.replace("\\", "")
    assert len(local_hub.requests) == asked
