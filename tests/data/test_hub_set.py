"""Data sets of the hub by their names, against a hub of this machine: parts, sizes, columns, commits, refusals."""

import json

import pytest

from finsent import hub
from finsent.cli.main import main
from finsent.data.choices import Choices
from finsent.data.dataset import load_data, split_rows
from finsent.data.hub_reading import choose_part
from finsent.data.hub_set import find_set, known_set, names_data_set
from finsent.errors import (
    ColumnAskedError,
    DataError,
    HubUnreachableError,
    LabelsAskedError,
    SourceNotFoundError,
    UsageError,
)
from finsent.recipe import change_recipe, get_recipe
from finsent.runs.names import spoken_words
from finsent.runs.reach import settle

NAME = "owner/news"
HEADLINES = [{"split": "train", "path": "headlines/train*.csv"}, {"split": "test", "path": "headlines/test.csv"}]
CARD = {
    "license": "mit",
    "configs": [
        {"config_name": "headlines", "data_files": HEADLINES},
        {"config_name": "posts", "data_files": "posts/*.jsonl"},
    ],
}


def rows(name: str, count: int) -> bytes:
    return (
        "text,label\n" + "".join(f"{name} {n} rose,positive\n{name} {n} fell,negative\n" for n in range(count))
    ).encode()


def posts() -> bytes:
    return "".join(json.dumps({"sentence": f"post {n}", "label": n % 3}) + "\n" for n in range(30)).encode()


FILES = {
    "README.md": b"# News",
    "headlines/train-1.csv": rows("Nordlake", 10),
    "headlines/train-2.csv": rows("Sundvik", 5),
    "headlines/test.csv": rows("Halden", 4),
    "posts/all.jsonl": posts(),
    "weights.bin": b"never fetched",
}


@pytest.fixture
def server(local_hub):
    """The hub with a data set of two configurations."""
    local_hub.add(NAME, FILES, kind="datasets", cardData=CARD)
    return local_hub


def fetched(server) -> list[str]:
    """What was asked for of the files."""
    return [one.rpartition("/")[2] for one in server.requests if one.startswith("GET") and "/resolve/" in one]


def test_parts_and_sizes_are_known_before_anything_is_fetched(server):
    found = find_set(NAME)
    assert {name: list(splits) for name, splits in found.parts.items()} == {
        "headlines": ["train", "test"],
        "posts": ["train"],
    }
    assert "Licence: mit." in found.sentences and "Configuration posts: train 1.07 KB." in found.sentences
    size = len(FILES["headlines/train-1.csv"]) + len(FILES["headlines/train-2.csv"])
    assert choose_part(found, Choices(configuration="headlines", source_split="train")).bytes == size
    assert fetched(server) == []


def test_which_configuration_and_which_split_is_asked_with_what_there_is(server):
    with pytest.raises(
        ColumnAskedError, match="several configurations: headlines, posts.*--configuration NAME"
    ) as asked:
        load_data(NAME)
    assert asked.value.question.columns == ("headlines", "posts")
    assert asked.value.question.first["split"].tolist() == ["train", "test", "train"]
    with pytest.raises(UsageError, match="no configuration “news”. It has: headlines, posts"):
        load_data(NAME, Choices(configuration="news"))
    odd = [{"split": "expert", "path": "a.csv"}, {"split": "crowd", "path": "b.csv"}]
    files = {"a.csv": rows("a", 8), "b.csv": rows("b", 8)}
    server.add("owner/odd", files, kind="datasets", cardData={"configs": [{"config_name": "x", "data_files": odd}]})
    with pytest.raises(ColumnAskedError, match="several splits: expert, crowd.*--source-split NAME"):
        load_data("owner/odd")
    assert fetched(server) == []
    assert len(load_data("owner/odd", Choices(source_split="crowd")).rows) == 16
    assert fetched(server) == ["b.csv"]


def test_a_configuration_keeps_its_splits_and_a_split_alone_is_split_anew(server):
    data = load_data(NAME, Choices(configuration="headlines"))
    assert (data.title, data.source, len(data.rows)) == (NAME, NAME, 38)
    assert split_rows(data.rows)["split"].value_counts()["test"] == 8
    assert any(note.startswith("Its own splits are kept: train 30, test 8") for note in data.notes)
    facts = dict(data.facts)
    commit = server.revisions["datasets", NAME]["main"]
    assert (facts["commit"], facts["configuration"], facts["split"]) == (commit, "headlines", "all")
    assert sorted(fetched(server)) == ["test.csv", "train-1.csv", "train-2.csv"]
    alone = load_data(NAME, Choices(configuration="headlines", source_split="train"))
    assert len(alone.rows) == 30 and not any("splits" in note for note in alone.notes)


def test_columns_and_labels_are_asked_for_as_of_a_file(server):
    with pytest.raises(LabelsAskedError):
        load_data(NAME, Choices(configuration="posts"))
    decided = Choices(configuration="posts", labels="0=negative,1=neutral,2=positive")
    assert load_data(NAME, decided).rows["label"].value_counts().to_dict() == dict.fromkeys(
        ("negative", "neutral", "positive"), 10
    )


def test_what_was_fetched_is_read_without_the_hub_by_its_branch_and_its_commit(server):
    choices = Choices(configuration="headlines")
    before = load_data(NAME, choices).fingerprint
    server.requests.clear()
    commit = known_set(NAME).commit
    for name in (NAME, f"{NAME}@{commit}", f"hf://{NAME}"):
        assert load_data(name, choices).fingerprint == before
    assert server.requests == []


def test_a_run_keeps_the_commit_and_is_called_by_the_repository(server, tiny_llama):
    changes = {"source": f"hf://{NAME}", "configuration": "headlines", "model": str(tiny_llama)}
    recipe = settle(change_recipe(get_recipe("quick"), changes))
    assert recipe.source == f"{NAME}@{server.revisions['datasets', NAME]['main']}"
    assert recipe.configuration == "headlines"
    assert spoken_words(recipe).startswith("quick · news")


def test_the_command_reads_it_with_its_size_on_the_way(server, capsys):
    assert main(["data", "--source", NAME, "--configuration", "headlines", "--source-split", "test", "--json"]) == 2
    assert "There are 8 sentiment rows" in capsys.readouterr().err
    assert main(["data", "--source", NAME, "--configuration", "headlines", "--json"]) == 0
    streams = capsys.readouterr()
    value = json.loads(streams.out.splitlines()[-1])
    assert (value["rows"], value["splits"]["test"], value["read_as"]["configuration"]) == (38, 8, "headlines")
    assert NAME in streams.err
    assert main(["data", "--source", NAME]) == 2
    assert "--configuration NAME" in capsys.readouterr().err


@pytest.mark.security("a data set of the hub that names files elsewhere", "refused in a sentence; nothing is opened")
@pytest.mark.parametrize(
    ("files", "card"),
    [
        ({"a.csv": b""}, "https://example.com/x.csv"),
        ({"a.csv": b""}, "/etc/*.csv"),
        ({"a.csv": b""}, "../*.csv"),
        ({"a.csv": b""}, "zip://*.csv::https://example.com/x.zip"),
        ({"../a.csv": b""}, "a.csv"),
        ({"/etc/a.csv": b""}, "a.csv"),
    ],
)
def test_files_outside_the_data_set_are_refused(local_hub, files, card):
    configs = [{"config_name": "x", "data_files": card}]
    local_hub.add("bad/set", files, kind="datasets", cardData={"configs": configs})
    with pytest.raises(DataError, match="names files outside itself"):
        find_set("bad/set")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"train.pkl": b"x"}, "finds no rows in|no file of a kind"),
        ({"README.md": b"x"}, "finds no rows in"),
        ({"a.png": b"x"}, "no file of a kind that finsent reads"),
    ],
)
def test_what_holds_no_table_is_refused_in_a_sentence(local_hub, files, words):
    local_hub.add("bad/set", files, kind="datasets")
    with pytest.raises(DataError, match=words) as caught:
        load_data("bad/set")
    assert "\n" not in str(caught.value)


def test_a_model_given_as_data_is_said_to_be_one_and_an_unknown_one_is_not_there(local_hub):
    with pytest.raises(HubUnreachableError, match="owner/name is a model, not a data set. Give it as --model"):
        load_data("owner/name")
    with pytest.raises(HubUnreachableError, match="There is no nobody/nothing"):
        load_data("nobody/nothing")
    with pytest.raises(HubUnreachableError, match="has no revision “nowhere”"):
        load_data("owner/data@nowhere")


def test_a_path_is_no_data_set(tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "ask", lambda *_, **__: pytest.fail("the hub was asked"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "news").mkdir(parents=True)
    assert [names_data_set(one) for one in ("owner/news", "data/news.csv", "./a/b", "a", "/a/b")] == [False] * 5
    assert [names_data_set(one) for one in ("hf://owner/news", "other/news", "other/news@main")] == [True] * 3
    with pytest.raises(SourceNotFoundError, match="is no name of a data set"):
        load_data("hf://owner")
