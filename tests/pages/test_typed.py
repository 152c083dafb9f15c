"""What a link or a visitor names to be read: a click before a link has its way, and nothing outside the folders."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from finsent.data.dataset import load_data
from finsent.hub import hub_answers
from finsent.models.base import MODELS, QWEN3
from finsent.recipe import change_recipe, get_recipe
from finsent.runs.store import create_run, update_run
from pages.shared import places

APP = Path(__file__).parents[2] / "pages" / "app.py"
QUESTION = "Is that what you want?"


@pytest.fixture
def opened(runs_dir):
    """Open a page by a link, in a new session.

    With ``later`` the address comes about on the pages. ``agreed`` is what the visitor has clicked for before: AppTest
    cannot press a button beside a selectbox with a value that was typed.
    """

    def follow(page, later=False, agreed=(), **address):
        app = AppTest.from_file(APP, default_timeout=60)
        app.session_state["agreed-to-read"] = set(agreed)
        if later:
            app.run()
        app.query_params.update(address)
        return (app if later else app.run()).switch_page(page).run()

    return follow


def said(app):
    return " ".join(element.value for kind in (app.markdown, app.error, app.info) for element in kind).replace("\\", "")


def asks(app):
    return QUESTION in said(app)


def agree(app):
    return next(button for button in app.button if button.label == "Yes, read it").click().run()


def touched(monkeypatch):
    """Return a list that fills with the files that Python opens or looks at."""
    seen = []
    for name in ("open", "stat", "exists", "is_file", "is_dir", "read_bytes"):
        known = getattr(Path, name)
        monkeypatch.setattr(
            Path, name, lambda path, *args, _known=known, **kw: (seen.append(str(path)), _known(path, *args, **kw))[1]
        )
    return seen


@pytest.mark.security(
    "A link opens a page with a path in its address", "Nothing is looked at before a click; the page shows the path"
)
@pytest.mark.parametrize(("page", "name"), [(places.DATASET, "data"), (places.TRAIN, "quick-data")])
def test_a_path_of_data_in_a_link_waits_for_a_click(opened, monkeypatch, small_csv, page, name):
    seen = touched(monkeypatch)
    app = opened(page, **{name: str(small_csv)})
    assert not app.exception and not app.error
    assert asks(app)
    assert str(small_csv) in [element.value for element in app.code]
    assert str(small_csv) not in seen
    app = opened(page, agreed=[str(small_csv)], **{name: str(small_csv)})
    assert not asks(app)
    assert "96" in str([metric.value for metric in app.metric]) or "96 training rows" in said(app)


@pytest.mark.security("A link opens a page with the folder of a model in its address", "It waits for a click")
@pytest.mark.parametrize(("page", "name"), [(places.MODEL, "model"), (places.TRAIN, "quick-model")])
def test_a_model_folder_in_a_link_waits_for_a_click(opened, monkeypatch, tiny_llama, page, name):
    seen = touched(monkeypatch)
    app = opened(page, **{name: str(tiny_llama)})
    assert asks(app) and not app.error
    assert str(tiny_llama) not in seen
    app = opened(page, agreed=[str(tiny_llama)], **{name: str(tiny_llama)})
    assert not asks(app) and not app.error and not app.exception


@pytest.mark.security("A link names what may be a hub's model or a folder here", "Nothing is looked at before a click")
@pytest.mark.parametrize(("page", "name"), [(places.MODEL, "model"), (places.TRAIN, "quick-model")])
def test_a_name_that_may_be_a_folder_is_not_looked_at_before_a_click(opened, monkeypatch, tmp_path, page, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "name").mkdir(parents=True)
    seen = touched(monkeypatch)
    app = opened(page, **{name: "owner/name"})
    assert asks(app) and not app.error
    assert not [path for path in seen if path.endswith("owner/name")]


@pytest.mark.security("A link makes the app ask the model hub", "It waits for a click")
@pytest.mark.parametrize(
    ("page", "address"),
    [
        (places.DATASET, {"data": "hub"}),
        (places.DATASET, {"data": "Hub: sujet-ai/Sujet-Finance-Instruct-177k"}),
        (places.DATASET, {"row": "", "tokenizer": MODELS[QWEN3]}),
        (places.TRAIN, {"quick-data": "hub"}),
        (places.TRAIN, {"quick-model": QWEN3}),
        (places.TRAIN, {"recipe": "tutorial"}),
    ],
)
def test_a_link_to_the_hub_waits_for_a_click(opened, monkeypatch, page, address):
    asked = []
    for module in ("data.sources", "models.base", "runs.reach"):
        monkeypatch.setattr(f"finsent.{module}.hub_answers", lambda: asked.append(1) or hub_answers())
    if "row" in address:
        address = address | {"row": load_data("embedded").rows["row_id"].iloc[0]}
    app = opened(page, **address)
    assert not app.exception
    assert asks(app)
    assert not asked
    agree(app)
    assert asked


@pytest.mark.security("A link duplicates a run whose data are a file", "The file waits for a click")
def test_a_run_to_duplicate_waits_for_a_click(opened, runs_dir, small_csv):
    recipe = change_recipe(get_recipe("quick"), {"source": str(small_csv)})
    update_run(create_run(recipe, runs_dir).folder, state="done")
    assert asks(opened(places.TRAIN, like="latest"))


def test_what_comes_into_the_address_on_the_pages_needs_no_click(opened, small_csv):
    assert not asks(opened(places.DATASET, later=True, data=str(small_csv)))
    assert not asks(opened(places.DATASET, data="embedded"))


def test_what_a_visitor_chooses_after_a_link_needs_no_click(opened):
    app = opened(places.TRAIN, recipe="quick")
    assert not asks(app)
    assert not asks(app.selectbox(key="recipe").set_value("tutorial").run())
    app = opened(places.DATASET, data="/x/y.csv")
    assert asks(app)
    assert not asks(app.selectbox(key="data").set_value("hub").run())


@pytest.fixture
def roots(monkeypatch, tmp_path):
    """The only folder that the pages may read, and one beside it."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    monkeypatch.setenv("FINSENT_ROOTS", str(inside))
    rows = "text,label\n" + "".join(f"Sales were {place} million,neutral\n" for place in range(20))
    (outside / "secret.csv").write_text(rows)
    (outside / "broken.csv").write_text("user,token\nme,tiger")
    (inside / "own.csv").write_text(rows)
    (inside / "link.csv").symlink_to(outside / "secret.csv")
    (inside / "folder").mkdir()
    (inside / "folder" / "a.csv").symlink_to(outside / "broken.csv")
    return inside


@pytest.mark.security(
    "A visitor names a file outside the folders that the pages may read, or a link to one",
    "The same sentence whether or not it is there, and nothing of its content",
)
@pytest.mark.parametrize(
    "path",
    [
        "{outside}/secret.csv",
        "{outside}/broken.csv",
        "{outside}/none.csv",
        "{outside}/secret.csv/deeper.csv",
        "{outside}",
        "{inside}/../outside/secret.csv",
        "{inside}/link.csv",
        "{inside}/folder",
        "{inside}/folder/a.csv",
        "/proc/self/environ",
        "/etc/passwd",
    ],
)
@pytest.mark.parametrize(("page", "name"), [(places.DATASET, "data"), (places.TRAIN, "quick-data")])
def test_data_outside_the_folders_are_refused(opened, roots, page, name, path):
    typed = path.format(inside=roots, outside=roots.parent / "outside")
    app = opened(page, later=True, **{name: typed})
    assert not app.exception and not app.metric
    (error,) = [element.value.replace("\\", "") for element in app.error]
    assert error == (
        f"There is no data that the pages may read at {typed}. They read below {roots}; whoever starts the app chooses "
        "other folders with FINSENT_ROOTS."
    )
    assert "tiger" not in said(app)


@pytest.mark.security("A visitor names a model folder outside the folders that the pages may read", "It is refused")
@pytest.mark.parametrize(("page", "name"), [(places.MODEL, "model"), (places.TRAIN, "quick-model")])
def test_models_outside_the_folders_are_refused(opened, roots, tiny_llama, page, name):
    for folder in (str(tiny_llama), "/no/such/folder"):
        app = opened(page, later=True, **{name: folder})
        (error,) = [element.value.replace("\\", "") for element in app.error]
        assert error.startswith(f"There is no model that the pages may read at {folder}.")


def test_data_inside_the_folders_are_read(opened, roots):
    app = opened(places.DATASET, later=True, data=str(roots / "own.csv"))
    assert [metric.value for metric in app.metric][0] == "20"


@pytest.mark.security("A link names a run by a path", "The path is not followed, and nothing says whether it is there")
@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("page", [places.TRAIN, places.COMPARE, places.NEUTRAL, places.RUNS])
def test_a_run_is_not_looked_for_along_a_path(opened, runs_dir, tmp_path, page, there):
    update_run(create_run(get_recipe("quick"), runs_dir).folder, state="failed")
    elsewhere = tmp_path / "elsewhere" / "20260101-000000-abcdef"
    if there:
        elsewhere.mkdir(parents=True)
        (elsewhere / "run.json").write_text("{}")
    app = opened(page, later=True, run=str(elsewhere))
    assert not app.exception
    assert f"There is no run “{elsewhere}”" in " ".join(one.value.replace("\\", "") for one in app.warning)
