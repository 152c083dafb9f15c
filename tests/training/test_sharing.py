"""A run that gives a core away now and then has the adapter that it would have had, bit for bit."""

import itertools

import pytest
import torch
from peft import get_peft_model_state_dict

from finsent.data.prepared import prepare
from finsent.models.base import load_base
from finsent.recipe import change_recipe
from finsent.training import sharing, trainer
from finsent.training.sharing import SharedThreads, same_with_fewer_threads
from finsent.training.trainer import make_trainer


@pytest.fixture
def two_threads(two_cores):
    """PyTorch has two threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def thread_counts(monkeypatch):
    """The numbers of threads that a training changes to, one after another."""
    taken = []
    honest = SharedThreads.take

    def take(self, threads):
        if threads != self.now:
            taken.append(threads)
        honest(self, threads)

    monkeypatch.setattr(SharedThreads, "take", take)
    return taken


def trained(recipe, folder, asked):
    rows = prepare(recipe)
    model, tokenizer = load_base(recipe.model, recipe.compute_dtype)
    one = make_trainer(model, tokenizer, recipe, rows.train, rows.validation, folder, lambda step, total: False)
    if asked is not None:
        one.share_threads(asked)
    one.train()
    assert torch.get_num_threads() == 2
    losses = [entry["loss"] for entry in one.state.log_history if "loss" in entry]
    return losses, get_peft_model_state_dict(one.tuned)


def check_same(recipe, tmp_path, thread_counts):
    losses, expected = trained(recipe, tmp_path / "undisturbed", None)
    assert thread_counts == []
    # Asked at every third layer, so that threads change forwards and backwards within each step.
    turns = itertools.cycle([False, False, True])
    shared, got = trained(recipe, tmp_path / "shared", lambda: next(turns))
    assert thread_counts.count(1) > 10 and thread_counts[-1] == 2
    assert shared == losses
    assert all(torch.equal(got[name], matrix) for name, matrix in expected.items())


def test_threads_change_within_a_step_and_the_adapter_does_not(tiny_recipe, tmp_path, two_threads, thread_counts):
    check_same(tiny_recipe, tmp_path, thread_counts)


@pytest.mark.parametrize("change", [{"gradient_checkpointing": True}, {"compute_dtype": "bfloat16"}])
def test_with_other_settings_too(tiny_recipe, tmp_path, two_threads, thread_counts, change):
    check_same(change_recipe(tiny_recipe, change), tmp_path, thread_counts)


@pytest.mark.model
def test_the_embedded_model_too(tmp_path, two_threads, thread_counts):
    from finsent.recipe import get_recipe

    few = {"rows": 16, "validation_rows": 8, "test_rows": 8, "epochs": 1, "compute_dtype": "float32"}
    recipe = change_recipe(get_recipe("quick"), few)
    model, _ = load_base(recipe.model, recipe.compute_dtype)
    if not same_with_fewer_threads(model, torch.float32):
        pytest.skip("on this processor its products depend on the number of threads, so they are never changed")
    check_same(recipe, tmp_path, thread_counts)


def test_a_model_whose_products_depend_on_the_threads_keeps_them(tiny_recipe, tmp_path, two_threads, monkeypatch):
    honest = sharing._computed

    def divided(*args):
        output, *gradients = honest(*args)
        return [output, gradients[0] + 1e-7 * torch.get_num_threads(), *gradients[1:]]

    monkeypatch.setattr(sharing, "_computed", divided)
    monkeypatch.setattr(trainer, "SharedThreads", lambda *args: pytest.fail("it shares its threads"))
    trained(tiny_recipe, tmp_path, lambda: True)


def test_what_stands_outside_the_layers_has_all_threads(tiny_recipe, two_threads):
    model, _ = load_base(tiny_recipe.model)
    seen = {"within": set(), "outside": set()}
    look = lambda where: lambda *args: seen[where].add(torch.get_num_threads())  # noqa: E731
    SharedThreads(model, lambda: True)
    model.get_output_embeddings().register_forward_hook(look("outside"))
    model.get_input_embeddings().register_forward_hook(look("outside"))
    model.model.layers[-1].self_attn.register_forward_hook(look("within"))
    model(input_ids=torch.tensor([[1, 2, 3]]))
    assert seen == {"within": {1}, "outside": {2}}
