"""Models of the hub on the pages, against a hub of this machine: what it says of them, on Train as on Model."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

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
