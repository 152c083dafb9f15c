"""An adapter that was trained elsewhere becomes a run, or is refused in a sentence with nothing written."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from finsent.cli.main import main
from finsent.errors import AdapterError, FinsentError, HubUnreachableError, UsageError
from finsent.evaluation.classifier import Classifier
from finsent.runs.adapter_import import Brought, import_adapter
from finsent.runs.store import RunState, load_run

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
PROMPT = "Is this good news?\n{text}\nAnswer:"


@pytest.fixture(scope="module")
def output(tiny_llama, tmp_path_factory):
    """What PEFT and transformers' trainer leave: an output folder with two checkpoints, of a tiny model."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tmp_path_factory.mktemp("elsewhere") / "out"
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(tiny_llama)
    lora = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    tuned = get_peft_model(model, lora)
    for step in (5, 10):
        for name, matrix in tuned.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(matrix, std=0.3)
        checkpoint = folder / f"checkpoint-{step}"
        tuned.save_pretrained(checkpoint)
        AutoTokenizer.from_pretrained(tiny_llama).save_pretrained(checkpoint)
        (checkpoint / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    return folder


@pytest.fixture
def asked(tiny_llama, small_csv):
    """What is said of the adapter where its files do not say it."""
    return Brought(str(tiny_llama), str(small_csv), "sujet")


def test_the_latest_checkpoint_becomes_a_run_that_answers_as_the_adapter_does(output, asked, tiny_llama, runs_dir):
    run = import_adapter(output, runs_dir, asked)
    assert load_run(runs_dir, run.id) == run
    assert (run.state, run.steps, run.imported, run.prompt) == (RunState.DONE, 10, "out/checkpoint-10", "")
    assert (run.recipe.lora_rank, run.recipe.lora_alpha, run.has_adapter) == (4, 8, True)
    assert "which rows it was trained on is not known" in run.warning
    brought = load_file(run.adapter_dir / WEIGHTS)
    ours = load_file(output / "checkpoint-10" / WEIGHTS)
    assert all(torch.equal(brought[name], ours[name]) for name in ours)
    (answer,) = Classifier.of_run(run).classify(["Profit rose by a tenth."])
    assert answer.tuned.probabilities != pytest.approx(answer.baseline.probabilities, abs=1e-3)


def test_an_imported_run_is_judged_like_any_other(output, asked, small_csv, runs_dir, capsys):
    arguments = ["import", str(output), "--checkpoint", "5", "--model", asked.model, "--source", str(small_csv)]
    assert main([*arguments, "--prompt", PROMPT, "--name", "from elsewhere", "--json"]) == 0
    value = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (value["name"], value["steps"]) == ("from elsewhere", 5)
    run = load_run(runs_dir, value["run"])
    assert run.prompt == PROMPT
    assert main(["evaluate", run.id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["n"] == run.splits["test"]
    # The prompt that it was trained with is the one that is asked.
    classifier = Classifier.of_run(run)
    given = classifier.classify(["Profit rose."])[0].tuned.probabilities
    classifier.prompt = ""
    assert classifier.classify(["Profit rose."])[0].tuned.probabilities != pytest.approx(given, abs=1e-4)


def test_the_latest_checkpoint_of_a_repository_on_the_hub_becomes_a_run(output, asked, runs_dir, local_hub):
    commit = local_hub.add("owner/tuned", output)
    run = import_adapter("owner/tuned", runs_dir, asked)
    assert (run.steps, run.imported) == (10, f"owner/tuned@{commit}/checkpoint-10")
    ours = load_file(output / "checkpoint-10" / WEIGHTS)
    assert all(torch.equal(matrix, ours[name]) for name, matrix in load_file(run.adapter_dir / WEIGHTS).items())
    with pytest.raises(HubUnreachableError, match="lacks what is needed: adapter_config.json"):
        import_adapter("hf://owner/name", runs_dir, asked)
    with pytest.raises(HubUnreachableError, match="no folder owner/none on this machine.*There is no owner/none"):
        import_adapter("owner/none", runs_dir, asked)
    with pytest.raises(AdapterError, match="is no name of a model"):
        import_adapter("hf://owner/../name", runs_dir, asked)
    assert len(list(runs_dir.iterdir())) == 1


def config(**changes):
    return lambda folder: (folder / CONFIG).write_text(json.dumps(json.loads((folder / CONFIG).read_text()) | changes))


def pickled(folder):
    (folder / WEIGHTS).rename(folder / "adapter_model.bin")


def widened(folder):
    save_file({name: torch.zeros(8, 8) for name in load_file(folder / WEIGHTS)}, folder / WEIGHTS)


def other_tokens(folder):
    tokens = json.loads((folder / "tokenizer.json").read_text())
    tokens["model"]["vocab"]["never-seen"] = 599
    (folder / "tokenizer.json").write_text(json.dumps(tokens))


BAD = {
    "pickled weights": (pickled, "is pickled"),
    "no weights": (lambda folder: (folder / WEIGHTS).unlink(), "holds no adapter"),
    "another kind of adapter": (config(peft_type="PROMPT_TUNING"), "peft_type"),
    "another task": (config(task_type="SEQ_CLS"), "task_type"),
    "modules to replace": (config(modules_to_save=["lm_head"]), "modules_to_save"),
    "another scale of the update": (config(use_rslora=True), "use_rslora"),
    "layers that the base does not have": (config(target_modules=["query_key_value"]), "belong to no layer"),
    "another base's shapes": (widened, "of shape"),
    "another base's tokens": (other_tokens, "not the same ones"),
    "another base by its hash": (
        lambda folder: (folder / "finsent.json").write_text('{"base_model_hash": "abc"}'),
        "another base model",
    ),
    "a damaged configuration": (lambda folder: (folder / CONFIG).write_text("{"), CONFIG),
}


@pytest.mark.security("a bad adapter that is brought in", "refused in a sentence; no run is made")
@pytest.mark.parametrize("bad", BAD)
def test_a_bad_adapter_is_refused_and_nothing_is_written(bad, output, asked, runs_dir, tmp_path):
    spoil, words = BAD[bad]
    folder = shutil.copytree(output / "checkpoint-10", tmp_path / "bad")
    spoil(folder)
    with pytest.raises(AdapterError, match=words) as caught:
        import_adapter(folder, runs_dir, asked)
    assert "\n" not in str(caught.value)
    assert not list(runs_dir.iterdir())


def test_a_base_of_another_name_that_fits_is_said_in_the_warning(output, tiny_llama, tiny_qwen3, small_csv, runs_dir):
    run = import_adapter(output, runs_dir, Brought(str(tiny_qwen3), str(small_csv), "sujet"))
    assert f"call its base model “{tiny_llama.name}”; it is used on {tiny_qwen3.name}" in run.warning


def test_what_cannot_be_known_is_asked_for(output, asked, runs_dir):
    for brought, error, words in (
        (Brought(), UsageError, "Say which it is"),
        (Brought(asked.model), UsageError, "which prompt it was trained with"),
        (Brought(asked.model, prompt="no place for a text"), UsageError, "must have {text} in it once"),
        (Brought(asked.model, prompt="sujet", checkpoint="7"), AdapterError, "Checkpoints there: 5, 10"),
    ):
        with pytest.raises(error, match=words):
            import_adapter(output, runs_dir, brought)
    with pytest.raises(FinsentError, match="There is no folder"):
        import_adapter(output / "nothing", runs_dir, asked)
    assert not list(runs_dir.iterdir())
