"""The CPU dropout drops as many as it should, keeps the mean, and follows PyTorch's seed."""

import pytest
import torch

from finsent.models.dropout import CutDropout


@pytest.mark.parametrize("p", [0.05, 0.5])
def test_rate_and_mean(p):
    torch.manual_seed(0)
    n = 400_000
    out = CutDropout(p)(torch.ones(n))
    dropped = (out == 0).double().mean().item()
    # Six standard deviations of a binomial share.
    assert abs(dropped - p) < 6 * (p * (1 - p) / n) ** 0.5
    kept = out[out != 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / (1 - p)), rtol=1e-4, atol=0)


def test_neighbours_are_independent():
    torch.manual_seed(1)
    dropped = (CutDropout(0.5)(torch.ones(400_000)) == 0).double().view(-1, 4)
    correlation = torch.corrcoef(dropped.T) - torch.eye(4)
    assert correlation.abs().max() < 6 / 100_000**0.5


def test_the_seed_decides_and_gradients_follow_the_mask():
    dropout = CutDropout(0.3)
    inputs = torch.ones(7, 9, requires_grad=True)
    torch.manual_seed(2)
    first = dropout(inputs)
    torch.manual_seed(2)
    assert first.equal(dropout(inputs))
    first.sum().backward()
    assert inputs.grad.equal(first.detach())


def test_evaluation_changes_nothing():
    inputs = torch.randn(5)
    assert CutDropout(0.5).eval()(inputs) is inputs
    assert CutDropout(0.0)(inputs) is inputs
