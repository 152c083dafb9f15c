"""The tutorial to the letter on a hub of this machine: its model's shape, its data's columns, its settings, its end.

The weights are random, so that nothing is said of how well it learns; everything else is as in the tutorial.
"""

import json
import sys

import pandas as pd
import pytest
from safetensors.torch import load_file

from finsent.cli.main import main
from finsent.data.schema import SUJET
from finsent.data.sources import embedded_table
from finsent.hub import HUB_DATASET, QWEN3_REPOSITORY
from finsent.inference.predictions import load_predictions
from finsent.models.base import QWEN3, QWEN3_CONFIG, load_base
from finsent.models.skeleton import add_lora
from finsent.recipe import changed_fields
from finsent.runs.store import load_run

pytestmark = [pytest.mark.long, pytest.mark.model]
#: Two batches of 8 rows in each of two epochs, few rows to judge on; everything else as in the tutorial.
SHORT = {"rows": 16, "epochs": 2.0, "validation_rows": 8, "test_rows": 8}
#: Rows of another task among the data.
OTHERS = 200
TEXT = "Operating profit rose by a tenth."


@pytest.fixture(scope="module")
def qwen3(tmp_path_factory):
    """The folder of a model of Qwen3-0.6B's exact shape with random weights, and a tokenizer of 4,000 tokens."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    folder = tmp_path_factory.mktemp("qwen3")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=4000, special_tokens=["<eos>"], initial_alphabet=alphabet)
    tokenizer.train_from_iterator(embedded_table()["inputs"], trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>", pad_token="<eos>").save_pretrained(folder)
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    try:
        Qwen3ForCausalLM(Qwen3Config(**QWEN3_CONFIG)).save_pretrained(folder)
    finally:
        torch.set_default_dtype(torch.float32)
    return folder


@pytest.fixture
def world(qwen3, local_hub):
    """The hub's world: that model, and the embedded texts in the columns of the hub's data among other tasks."""
    sentiment = embedded_table()[[column.name for column in SUJET]]
    other = sentiment.head(OTHERS).assign(task_type="qa", answer="It depends.", row_id=lambda t: "qa-" + t["row_id"])
    rows = pd.concat([sentiment, other]).sample(frac=1, random_state=0)
    local_hub.add(QWEN3_REPOSITORY, qwen3, cardData={"license": "apache-2.0"})
    local_hub.add(HUB_DATASET, {"train.csv": rows.to_csv(index=False).encode()}, kind="datasets")
    return local_hub


@pytest.fixture
def command(capsys):
    """Carry out a command and return what ``--json`` prints; text for people goes on to the terminal."""

    def run(*words):
        code = main([*map(str, words), "--json"])
        streams = capsys.readouterr()
        assert code == 0, streams.err
        return json.loads(streams.out.splitlines()[-1])

    return run


def told(**figures):
    """Print figures for the document, past pytest's capture."""
    print(json.dumps(figures), file=sys.__stderr__)


def test_the_tutorial_from_the_first_fetch_to_the_last_checkpoint(world, command, runs_dir, real_worker):
    import torch

    model = command("model", QWEN3_REPOSITORY, "--fetch")
    assert (model["licence"], model["architecture"], model["problems"]) == ("apache-2.0", "Qwen3ForCausalLM", [])
    commit = world.revisions["models", QWEN3_REPOSITORY]["main"]
    assert model["commit"] == commit

    rows = len(embedded_table())
    data = command("data", "--source", "hub")
    assert (data["title"], data["rows"], data["total_rows"]) == (HUB_DATASET, rows, rows + OTHERS)
    row = command("rows", "--source", "hub", "--label", "neutral")[0]["row_id"]
    opened = command("rows", "--source", "hub", "--row", row, "--tokenizer", QWEN3)
    assert "\n\nFinancial text:\n" in opened["prompt"] and opened["completion"] == " neutral"

    settings = [f"--set={name}={value}" for name, value in SHORT.items()]
    ended = command("train", "--recipe", "tutorial", *settings)
    assert ended["state"] == "done", ended
    run = load_run(runs_dir, ended["run"])
    assert set(changed_fields(run.recipe)) <= {*SHORT, "model"}
    assert run.model_hash == f"hub:{QWEN3_REPOSITORY}@{commit}"
    assert sorted(one.name for one in run.checkpoints_dir.glob("checkpoint-*")) == ["checkpoint-1", "checkpoint-2"]
    for model_name in ("baseline", "tuned"):
        assert load_predictions(run.predictions_file(model_name))["predicted"].notna().all()

    # The tutorial's last act: the latest checkpoint, fetched from where somebody shared it.
    world.add("reader/checkpoints", run.checkpoints_dir)
    brought = load_run(
        runs_dir,
        command("import", "reader/checkpoints", "--model", QWEN3, "--source", "hub", "--prompt", "sujet")["run"],
    )
    assert (brought.steps, brought.imported.endswith("checkpoint-2")) == (2, True)
    matrices = [load_file(one.adapter_dir / "adapter_model.safetensors") for one in (brought, run)]
    assert matrices[0].keys() == matrices[1].keys()
    assert all(torch.equal(matrix, matrices[1][name]) for name, matrix in matrices[0].items())
    (answer,) = command("classify", TEXT, "--run", brought.id)
    assert sum(answer["tuned"]["probabilities"].values()) == pytest.approx(1)
    told(seconds=run.seconds, measured=run.measured)


def test_a_step_holds_as_much_memory_as_the_account_says(world, command):
    measured = command("memory", "--recipe", "tutorial", "--set=rows=16", "--measure")["measured"]
    told(predicted=measured["predicted"]["total"], peak=measured["peak_bytes"])
    assert measured["predicted"]["total"] == pytest.approx(measured["peak_bytes"], rel=0.2)


def test_both_tables_of_the_loaded_model_are_the_tutorials(world):
    import torchinfo

    model, _ = load_base(QWEN3, "bfloat16")
    for parameter in model.parameters():
        # As transformers loads it: what is in 4 bits cannot be trained, all else is not frozen yet.
        parameter.requires_grad_(parameter.is_floating_point())
    before = torchinfo.summary(model, depth=2, verbose=0)
    add_lora(model, 8, 32, 0.05, ("q_proj", "v_proj"))
    after = torchinfo.summary(model, depth=2, verbose=0)
    assert [(one.total_params, one.trainable_params) for one in (before, after)] == [
        (531_431_424, 311_230_464),
        (532_578_304, 1_146_880),
    ]
