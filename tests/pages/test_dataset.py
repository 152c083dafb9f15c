"""The Dataset page: what is there, found by search and filters, opened row by row; bad data in one sentence."""

import json
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from finsent.bench.large_data import make_large
from finsent.data.browse import filter_rows
from finsent.data.dataset import load_data, split_rows
from finsent.data.stored import stored_sources
from finsent.errors import HubUnreachableError
from finsent.evaluation import states_work
from finsent.evaluation.text_states import compute_states, model_reading, states_file
from finsent.inference import token_view as tokens
from finsent.inference.lengths import token_lengths
from finsent.models.base import MODELS
from finsent.runs.store import update_run
from pages.shared import places
from tests.predictions import answered, made_run, twelve

APP = Path(__file__).parents[2] / "pages" / "app.py"


@pytest.fixture
def app(runs_dir, tiny_tokenizer, monkeypatch):
    """The page, not run yet, with the tests' tokenizer."""
    monkeypatch.setattr(tokens, "load_tokenizer", lambda model: tiny_tokenizer)
    st.cache_resource.clear()
    yield visit()
    st.cache_resource.clear()


def visit():
    return AppTest.from_file(str(APP), default_timeout=60).run().switch_page(places.DATASET)


@pytest.fixture(scope="module")
def rows():
    return split_rows(load_data("embedded").rows)


def metrics(app):
    return {metric.label: metric.value for metric in app.metric}


def words(app):
    return " ".join(str(element.value) for kind in ("markdown", "caption", "text") for element in app.get(kind))


def map_names(app):
    """What the legend of the map says."""
    chart = next(chart for chart in app.get("plotly_chart") if "scattergl" in chart.proto.spec)
    return [trace["name"] for trace in json.loads(chart.proto.spec)["data"]]


def map_rows(app, name):
    """The ids of the rows that the map draws under a name of its legend."""
    chart = next(chart for chart in app.get("plotly_chart") if "scattergl" in chart.proto.spec)
    trace = next(trace for trace in json.loads(chart.proto.spec)["data"] if trace["name"] == name)
    return set(trace["customdata"])


def listed(app):
    """The table of rows that match."""
    return next(frame.value for frame in app.dataframe if list(frame.value.columns)[:2] == ["row_id", "label"])


def test_counts_are_those_of_the_data_and_synthetic_is_said(app):
    app.run()
    assert not app.exception
    assert metrics(app) == {
        "Sentiment rows": "1,319",
        "Rows of the file": "1,319",
        "Train rows": "1,055",
        "Validation rows": "132",
        "Test rows": "132",
    }
    assert "Synthetic data" in words(app)
    assert load_data("embedded").fingerprint in words(app)
    assert "n = 1,319" in words(app)


def test_the_split_table_agrees_with_the_split(app, rows):
    app.run()
    table = next(frame.value for frame in app.dataframe if "share" in frame.value and "split" in frame.value)
    assert dict(zip(table["split"], table["rows"], strict=True)) == rows["split"].value_counts().to_dict()
    assert table["share"].sum() == pytest.approx(1)
    assert "*train* half is the **test** split" in words(app)


def test_search_and_filters_find_what_the_library_finds(app, rows):
    app.run()
    app.text_input(key="search").set_value("PROFIT").run()
    assert listed(app)["row_id"].tolist() == filter_rows(rows, "profit")["row_id"].tolist()
    app.multiselect(key="label").set_value(["neutral", "negative"])
    app.multiselect(key="split").set_value(["train"]).run()
    expected = filter_rows(rows, "profit", label=["neutral", "negative"], split=["train"])
    assert listed(app)["row_id"].tolist() == expected["row_id"].tolist()
    assert f"**{len(expected)}** of 1,319 rows" in words(app)


def test_a_link_brings_search_filters_and_the_open_row_back(app, rows):
    row = rows[(rows["label"] == "neutral") & rows["text"].str.contains("launch")].iloc[0]
    app.query_params.update({"search": "launch", "label": "neutral", "row": row["row_id"]})
    app.run()
    assert app.text_input(key="search").value == "launch"
    assert app.multiselect(key="label").value == ["neutral"]
    prompt, answer, link = (code.value for code in app.code)
    assert (prompt, answer) == (row["prompt"], " neutral")
    assert link.endswith(f"?search=launch&label=neutral&row={row['row_id']}")


def test_length_and_order_are_in_the_address_and_come_back(app, rows):
    app.run()
    app.slider(key="length").set_value((30, 60))
    app.selectbox(key="order").set_value("longest first").run()
    shown = listed(app)
    lengths = shown["text"].str.len()
    assert lengths.tolist() == sorted(rows["text"].str.len()[rows["text"].str.len().between(30, 60)], reverse=True)
    again = visit()
    again.query_params.update({"length": ["30", "60"], "order": "longest first"})
    again.run()
    assert listed(again)["row_id"].tolist() == shown["row_id"].tolist()


def test_hits_are_marked_and_texts_stay_texts(app, tmp_path):
    texts = [f"**b** <b>profit</b> $x$ :red[{chr(97 + place) * 3}]" for place in range(12)]
    pd.DataFrame({"text": texts, "label": "neutral"}).to_csv(tmp_path / "own.csv", index=False)
    app.query_params.update({"data": str(tmp_path / "own.csv"), "search": "PROFIT"})
    app.session_state["hits"] = True
    app.run()
    shown = [one.value for one in app.markdown if ":orange-background[profit]" in one.value]
    assert len(shown) == 12
    assert not any("<b>" in one or ":red[" in one or "**b**" in one for one in shown)


def test_rows_of_other_tasks_can_be_looked_at(app, tmp_path):
    make_large(60, 40).to_parquet(tmp_path / "own.parquet", index=False)
    other = next(one for one in make_large(60, 40).itertuples() if one.task_type != "sentiment_analysis")
    app.query_params.update({"data": str(tmp_path / "own.parquet"), "row": other.row_id})
    app.run()
    assert "**60** of 60 rows" in words(app)
    sentiment = visit()
    sentiment.query_params.update({"data": str(tmp_path / "own.parquet"), "task": "sentiment_analysis"})
    assert "**40** of 60 rows" in words(sentiment.run())
    assert not app.exception
    assert [code.value for code in app.code][:2] == [other.user_prompt, other.answer]


def test_characters_of_a_pattern_are_searched_as_they_are(app):
    app.run()
    app.text_input(key="search").set_value(".*(").run()
    assert not app.exception
    assert "No row matches" in app.info[0].value


def test_an_open_row_shows_its_prompt_and_which_tokens_are_supervised(app, rows, tiny_tokenizer):
    row = rows.iloc[7]
    app.query_params["row"] = row["row_id"]
    app.run()
    assert app.code[0].value == row["prompt"]
    assert row["answers"].replace("|", ", ") in words(app)
    shown = next(frame.value for frame in app.dataframe if "answer_loss" in frame.value)
    pd.testing.assert_frame_equal(shown, tokens.token_table(tiny_tokenizer, rows, row["row_id"])[::-1])


def test_a_tokenizer_out_of_reach_leaves_the_rest_of_the_page(app, rows, monkeypatch):
    def out_of_reach(model):
        raise HubUnreachableError("The hub does not answer.")

    monkeypatch.setattr(tokens, "load_tokenizer", out_of_reach)
    app.query_params["row"] = rows["row_id"].iloc[0]
    app.run()
    assert "does not answer" in app.warning[0].value
    assert app.code[0].value == rows["prompt"].iloc[0]
    assert not app.exception


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "There is no data at"),
        ("text,label\n", "no rows"),
        ("text,label\na,positive\n", "a split needs 10"),
    ],
)
def test_bad_data_are_one_sentence_and_no_figures(app, tmp_path, content, sentence):
    path = tmp_path / "own.csv"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    app.query_params["data"] = str(path)
    app.run()
    assert not app.exception
    assert len(app.error) == 1
    assert sentence in app.error[0].value.replace("\\", "")
    assert not app.metric
    assert sorted(tmp_path.iterdir()) == sorted(path for path in [tmp_path / "runs", path] if path.exists())


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("text,remark\na b c,up\n", "no column label"),
        ("text,label\na b c,good\n", "good"),
        ("a,b\nc,d\n", "no column text"),
    ],
)
def test_what_is_not_clear_is_asked_and_no_figures_are_shown(app, tmp_path, content, sentence):
    (tmp_path / "own.csv").write_text(content)
    app.query_params["data"] = str(tmp_path / "own.csv")
    app.run()
    assert not app.exception and not app.error and not app.metric
    assert sentence in words(app).replace("\\", "")
    assert [button.label for button in app.button if button.label == "Use these"]


def test_the_hub_out_of_reach_is_one_sentence_that_offers_the_embedded_data(app):
    app.run()
    app.selectbox(key="data").set_value("hub").run()
    assert len(app.error) == 1
    assert "does not answer" in app.error[0].value
    assert "embedded" in app.error[0].value


def test_a_file_of_ones_own_is_not_called_synthetic_and_its_text_stays_text(app, tmp_path):
    nasty = "**bold** <script>alert(1)</script> $x$ [link](http://a.b)"
    texts = [f"{nasty} {chr(97 + place)}" for place in range(12)]
    pd.DataFrame({"text": texts, "label": "neutral", "topic": "<b>t</b>"}).to_csv(tmp_path / "own.csv", index=False)
    app.query_params.update({"data": str(tmp_path / "own.csv"), "row": "3"})
    app.run()
    assert not app.exception
    assert metrics(app)["Sentiment rows"] == "12"
    assert "Synthetic" not in words(app)
    assert texts[3] in app.code[0].value
    assert not any("alert(1)" in element.value for element in [*app.markdown, *app.caption])


def test_a_changed_file_is_read_again(app, tmp_path):
    path = tmp_path / "own.csv"
    for count in (12, 15):
        rows = pd.DataFrame({"text": [f"text {place}" for place in range(count)], "label": "neutral"})
        rows.to_csv(path, index=False)
        # A new visit each time: what was read is kept between visitors, too.
        visitor = visit()
        visitor.query_params["data"] = str(path)
        assert metrics(visitor.run())["Sentiment rows"] == str(count)


def test_findings_are_shown_with_their_rows_when_asked_for(app, tmp_path):
    texts = ["Sales rose", "Sales rose"] + [f"Text {chr(97 + place) * 3}" for place in range(10)]
    pd.DataFrame({"text": texts, "label": ["positive", "negative"] + ["neutral"] * 10}).to_csv(
        tmp_path / "own.csv", index=False
    )
    app.query_params.update({"data": str(tmp_path / "own.csv"), "view": "Findings"})
    app.run()
    titles = [expander.label for expander in app.expander]
    assert "Repeated texts: 2 of 12 rows" in titles
    assert "Conflicting labels: 2 of 12 rows" in titles


def test_a_split_that_keeps_twins_together_is_offered_where_held_out_texts_leak(app, tmp_path):
    texts = ["The operating profit of the company rose to a record this year"] * 12
    pd.DataFrame({"text": texts, "label": "positive"}).to_csv(tmp_path / "own.csv", index=False)
    app.query_params.update({"data": str(tmp_path / "own.csv"), "view": "Findings"})
    app.run()
    (link,) = [one.proto for one in app.get("page_link") if "keeps twins together" in one.proto.label]
    assert "quick-split=grouped" in link.query_string


def bring(app, name, content):
    app.run()
    app.file_uploader[0].upload(name, content.encode(), "text/csv").run()
    assert not app.exception
    return app


def test_an_upload_is_kept_shown_and_offered_for_training(app, runs_dir):
    bring(app, "mine.csv", "text,label\n" + "".join(f"post {place},bullish\n" for place in range(20)))
    assert metrics(app)["Sentiment rows"] == "20"
    (kept,) = stored_sources()
    assert app.selectbox(key="data").value == str(kept.path)
    assert [link.proto.label for link in app.get("page_link") if "Train " in link.proto.label] == ["Train on this"]
    assert "task_type" not in words(app)


@pytest.mark.security("An upload holds a web page, a program or nothing", "Its sentence, and nothing is kept")
@pytest.mark.parametrize("content", ["<html></html>", "%PDF-1.7", "text,label\n"])
def test_an_upload_that_cannot_be_read_is_not_kept(app, content):
    bring(app, "mine.csv", content)
    assert len(app.error) == 1
    assert stored_sources() == []


def test_what_labels_mean_is_asked_with_texts_and_kept(app):
    bring(app, "mine.csv", "text,label\n" + "".join(f"item {place} was sold,{place % 3}\n" for place in range(30)))
    assert not app.metric
    assert "What do the values of “label” mean?" in words(app)
    assert "item 2 was sold" in words(app)
    asked = [app.selectbox(key=f"meaning-{place}") for place in range(3)]
    assert [one.value for one in asked] == [None] * 3
    use = next(button for button in app.button if button.label == "Use these")
    use.click().run()
    assert "nothing is assumed" in app.warning[0].value
    for one, label in zip(asked, ("negative", "neutral", "positive"), strict=True):
        app.selectbox(key=one.key).set_value(label)
    next(button for button in app.button if button.label == "Use these").click().run()
    assert metrics(app)["Sentiment rows"] == "30"
    assert stored_sources()[0].choices.labels == "0=negative,1=neutral,2=positive"
    again = visit().run()
    again.selectbox(key="data").set_value(str(stored_sources()[0].path)).run()
    assert metrics(again)["Sentiment rows"] == "30"


def test_refused_rows_are_listed_and_left_out_only_when_that_is_said(app):
    lines = "".join(f"item {place} was sold,neutral\n" for place in range(30))
    bring(app, "mine.csv", f'text,label\n{lines}x,positiv\n"never closed,neutral\n')
    assert "2 of 32 rows are refused" in words(app)
    refused = next(frame.value for frame in app.dataframe if "reason" in frame.value)
    assert refused["place"].tolist() == [33, 32]
    assert not [link for link in app.get("page_link") if link.proto.label == "Train on this"]
    app.button(key="leave-out").click().run()
    assert "left out, as you decided" in words(app)
    assert [link for link in app.get("page_link") if link.proto.label == "Train on this"]
    assert stored_sources()[0].choices.leave_out


def test_a_stored_file_is_renamed_and_deleted(app):
    bring(app, "mine.csv", "text,label\n" + "".join(f"post {place},bullish\n" for place in range(20)))
    (kept,) = stored_sources()
    app.text_input(key=f"title-{kept.key}").set_value("Posts of May")
    app.button(key="rename-source").click().run()
    assert stored_sources()[0].title == "Posts of May"
    app.button(key="delete-source").click().run()
    assert stored_sources() == []
    assert metrics(app)["Sentiment rows"] == "1,319"


def test_what_was_decided_while_a_folder_was_read_is_said(app, tmp_path):
    (tmp_path / "set").mkdir()
    lines = "".join(f"Sales were {n} million,neutral\n" for n in range(20))
    (tmp_path / "set" / "a [1].csv").write_text("Headline,label\n" + lines)
    (tmp_path / "set" / "b.docx").write_text("")
    app.query_params["data"] = str(tmp_path / "set")
    app.run()
    assert not app.exception
    assert metrics(app)["Sentiment rows"] == "20"
    said = words(app).replace("\\", "")
    assert "Texts are taken from the column “Headline”." in said
    assert "b.docx (of a kind that is not read)" in said


def test_the_map_and_what_stands_beside_it(app, small_csv):
    app.query_params.update({"view": "Map", "data": str(small_csv)})
    app.run()
    assert not app.exception and not app.error
    assert "n = 120" in words(app) and "Draw a line around texts" in words(app)


def test_the_map_is_coloured_by_what_the_address_says(app, small_csv):
    app.query_params.update({"view": "Map", "data": str(small_csv), "map-by": "split"})
    app.run()
    assert not app.exception and not app.error
    assert map_names(app) == ["train  96", "validation  12", "test  12"]


def test_the_map_shows_a_runs_answers_on_these_very_data(app, small_csv, runs_dir):
    data = load_data(str(small_csv))
    table = split_rows(data.rows)
    judged = table[table["split"] == "test"]
    run = made_run(runs_dir, answered(judged, "positive"), answered(judged, "neutral"), name="mine")
    update_run(run.folder, source_hash=data.fingerprint)
    made_run(runs_dir, *twelve(), name="on other rows")
    app.query_params.update({"view": "Map", "data": str(small_csv), "map-by": "prediction after"})
    app.run()
    assert not app.exception and not app.error
    assert map_names(app) == ["no prediction  108", "neutral  12"]
    assert app.selectbox(key="choose-Run").options == [run.label]
    assert "mine has predictions of 12 of 120 rows: 12 of the test split" in words(app)
    again = visit()
    again.query_params.update({"view": "Map", "data": str(small_csv), "map-by": "error"})
    again.run()
    counts = judged["label"].map({"neutral": "fixed", "negative": "still wrong", "positive": "broken"}).value_counts()
    assert map_names(again)[1:] == [f"{name}  {counts[name]}" for name in ("fixed", "still wrong", "broken")]


def test_runs_with_as_many_of_each_answer_have_maps_of_their_own(small_csv, runs_dir):
    data = load_data(str(small_csv))
    judged = split_rows(data.rows).query("split == 'test'")
    labels, seen = ["neutral", "positive"] * (len(judged) // 2), []
    for name, said in (("one", labels), ("other", labels[::-1])):
        run = made_run(runs_dir, answered(judged, "positive"), answered(judged, said), name=name)
        update_run(run.folder, source_hash=data.fingerprint)
        app = visit()
        app.query_params.update({"view": "Map", "data": str(small_csv), "map-by": "prediction after", "run": run.id})
        app.run()
        assert not app.exception and not app.error
        assert map_names(app) == ["no prediction  108", "neutral  6", "positive  6"]
        seen.append(map_rows(app, "neutral  6"))
    assert seen[0].isdisjoint(seen[1]) and seen[0] | seen[1] == set(judged["row_id"])


def test_damaged_predictions_are_told_of_and_the_map_stays(app, small_csv, runs_dir):
    data = load_data(str(small_csv))
    table = split_rows(data.rows)
    run = made_run(runs_dir, answered(table, "positive"), answered(table, "neutral"))
    update_run(run.folder, source_hash=data.fingerprint)
    run.predictions_file("tuned").write_bytes(b"damaged")
    app.query_params.update({"view": "Map", "data": str(small_csv), "map-by": "error"})
    app.run()
    assert not app.exception
    assert "is damaged" in app.error[0].value
    assert map_names(app) == ["no prediction  120"]


def test_the_map_says_where_no_run_has_answers(app, small_csv, runs_dir):
    made_run(runs_dir, *twelve())
    app.query_params.update({"view": "Map", "data": str(small_csv), "map-by": "error"})
    app.run()
    assert not app.exception and not app.error
    assert "No run was judged on rows of these very data" in words(app)
    assert map_names(app) == ["no prediction  120"]


@pytest.fixture
def by_states(app, tiny_llama, monkeypatch):
    """The map by the hidden states of the tiny model, not run yet."""
    monkeypatch.setitem(MODELS, str(tiny_llama), "tiny")
    app.query_params.update({"view": "Map", "map-place": "a model's hidden states", "map-model": "tiny"})
    return app


def test_the_map_by_a_models_states_is_drawn_from_what_is_kept(by_states, small_csv, tiny_llama, runs_dir):
    _, reading = model_reading(load_data(str(small_csv)).rows, str(tiny_llama))
    compute_states(reading, runs_dir)
    by_states.query_params["data"] = str(small_csv)
    by_states.run()
    assert not by_states.exception and not by_states.error and not by_states.warning
    assert sum(int(name.rpartition("  ")[2]) for name in map_names(by_states)) == 120
    assert "tiny reads alike" in words(by_states) and "n = 120." in words(by_states)


def test_a_damaged_file_of_states_is_told_of_and_offered_to_be_made_anew(by_states, tiny_llama, runs_dir):
    _, reading = model_reading(split_rows(load_data("embedded").rows), str(tiny_llama))
    file = states_file(reading, runs_dir)
    file.parent.mkdir()
    file.write_bytes(b"damaged")
    by_states.run()
    assert not by_states.exception
    assert "What was kept of these texts is not used: it cannot be read" in by_states.warning[0].value.replace("\\", "")
    assert by_states.button(key="map-start")


def test_the_process_that_reads_the_texts_is_started_watched_and_cancelled(by_states, runs_dir, monkeypatch):
    waits = (sys.executable, "-c", "import time; time.sleep(60)")
    monkeypatch.setattr(states_work, "module_command", lambda module, processes: waits)
    by_states.run()
    assert not by_states.exception
    assert "The model has to read 1,319 texts once" in words(by_states)
    by_states.button(key="map-start").click().run()
    assert not by_states.exception
    work = states_work.states_work(runs_dir)
    assert work.alive and work.n == 1_319
    assert "Loading the model to read 1,319 texts" in by_states.get("progress")[0].proto.text
    by_states.button(key="map-cancel").click().run()
    assert not by_states.exception and not work.alive
    assert by_states.button(key="map-start")


def test_why_the_process_ended_early_is_said(by_states, runs_dir, monkeypatch):
    fails = (sys.executable, "-c", "raise SystemExit('no room for it')")
    monkeypatch.setattr(states_work, "module_command", lambda module, processes: fails)
    by_states.run()
    by_states.button(key="map-start").click().run()
    while states_work.states_work(runs_dir).alive:
        time.sleep(0.05)
    by_states.run()
    assert "no room for it" in by_states.error[0].value
    assert by_states.button(key="map-start")


def test_lengths_and_words_say_what_a_limit_would_cut(app, rows, tiny_tokenizer):
    app.query_params.update({"view": "Lengths and words", "limit": "100"})
    app.run()
    assert not app.exception and not app.warning
    over = (token_lengths(tiny_tokenizer, rows) > 100).sum()
    assert f"A limit of 100 would cut {over:,} rows" in words(app)
    marked = [frame.value for frame in app.dataframe if "log_odds" in frame.value]
    assert len(marked) == 5 and all(len(frame) for frame in marked)


def test_lengths_chosen_for_other_data_are_fitted_to_these(app):
    for name, end in (("short", ""), ("long", " after a long and uneventful summer"), ("shortest", "")):
        lines = (f"{name} item {place} was sold{end},neutral\n" for place in range(20))
        bring(app, f"{name}.csv", "text,label\n" + "".join(lines))
    for source in [*stored_sources(), stored_sources()[0]]:
        app.selectbox(key="data").set_value(str(source.path)).run()
        assert not app.exception
        assert "**20** of 20 rows" in words(app)
        assert app.slider(key="length").value == (0, app.slider(key="length").max)
