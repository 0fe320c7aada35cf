"""The sum over particles of their network: the compiled pass beside torch's own."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from partonic.models.deep_sets import summed
from partonic.models.folding import LinearNorm
from partonic.models.mlp import mlp
from partonic.models.set_pass import BLOCK, _products
from partonic.represent.segments import segment_sum

PARTICLES = BLOCK + 300  # one block and a part of another


def drawn(dtype, norms=False):
    torch.manual_seed(3)
    network = mlp(5, 8, 9, 11, activate_last=True, norms=norms).to(dtype)
    for weight in [*network.parameters(), *(b for b in network.buffers() if b.is_floating_point())]:
        weight.data += 0.1 * torch.rand_like(weight)
    cuts = np.sort(np.random.default_rng(4).integers(0, PARTICLES, 30))
    offsets = torch.tensor([0, 0, *cuts, PARTICLES, PARTICLES])  # the first and the last jet are empty
    values = torch.randn(PARTICLES, 5, dtype=dtype, requires_grad=True)
    return network, values, offsets


def plain(network, values, offsets, share):
    for layer in network:
        values = layer.norm(layer.layer(values)) if isinstance(layer, LinearNorm) else torch.relu(values)
    return segment_sum(values * share[:, None], offsets)


@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 1e-12), (torch.float32, 2e-5)])
@pytest.mark.parametrize("weighted", [False, True])
def test_sums_and_gradients_are_those_of_torch(dtype, close, weighted):
    network, values, offsets = drawn(dtype)
    share = torch.rand(PARTICLES, dtype=dtype) if weighted else None
    seen = network(values)
    expected = segment_sum(seen if share is None else seen * share[:, None], offsets)
    found = summed(network, values, offsets, share)
    given = torch.randn_like(expected)
    wanted = [values, *network.parameters()]
    theirs = torch.autograd.grad((expected * given).sum(), wanted)
    ours = torch.autograd.grad((found * given).sum(), wanted)
    assert torch.allclose(found, expected, rtol=close, atol=close)
    for a, b in zip(ours, theirs, strict=True):
        assert (a - b).abs().max() < close * b.abs().max()
    with torch.no_grad():
        assert torch.allclose(summed(network, values, offsets, share), expected, rtol=close, atol=close)


@pytest.mark.parametrize("training", [False, True])
def test_batch_norms_are_kept(training):
    network, values, offsets = drawn(torch.float64, norms=True)
    share = torch.rand(PARTICLES, dtype=torch.float64)
    expected = plain(network.train(training), values, offsets, share)
    network, values, offsets = drawn(torch.float64, norms=True)
    found = summed(network.train(training), values, offsets, share)
    assert torch.allclose(found, expected, rtol=1e-10)
    ours = torch.autograd.grad(found.square().sum(), list(network.parameters()))
    assert all(bool(gradient.isfinite().all()) for gradient in ours)
    moved = [bool(gradient.abs().max() > 0) for gradient in ours]
    assert sum(moved) >= len(ours) - 3 * training  # a bias before a batch norm changes nothing


@pytest.mark.parametrize("widths", [(1, 1), (1, 3, 1), (3, 1, 2)])
def test_layers_of_one_column_and_turned_arrays(widths):
    torch.manual_seed(5)
    network = mlp(*widths, 4, activate_last=True)
    network[0].weight = nn.Parameter(torch.randn(widths[0], network[0].out_features).t())
    values, offsets = torch.randn(widths[0], 7).t().requires_grad_(), torch.tensor([0, 1, 7])
    found, expected = summed(network, values, offsets), segment_sum(network(values), offsets)
    torch.testing.assert_close(found, expected)
    wanted = [values, *network.parameters()]
    ours, theirs = (torch.autograd.grad(sums.square().sum(), wanted) for sums in (found, expected))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(("columns", "dtype"), [(4, torch.float32), (5, torch.float64)])
def test_values_that_do_not_fit_are_refused(columns, dtype):
    network = mlp(5, 4, 3, activate_last=True)
    with pytest.raises(RuntimeError):
        summed(network, torch.randn(6, columns, dtype=dtype), torch.tensor([0, 6]))


def test_weights_with_a_gradient_and_of_one_number_are_torchs_own():
    network, values, offsets = drawn(torch.float64)
    share = torch.rand(PARTICLES, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(summed(network, values, offsets, share).sum(), [share])
    torch.testing.assert_close(gradient, network(values).sum(1))
    one = torch.tensor([0.5], dtype=torch.float64)
    torch.testing.assert_close(summed(network, values, offsets, one), 0.5 * summed(network, values, offsets))


@pytest.mark.parametrize("cuts", [[0, 10, 30], [0, 10, 60], [5, 10, 50]])
def test_jets_that_are_not_the_rows_are_refused(cuts):
    values, offsets = torch.randn(50, 5), torch.tensor(cuts)
    for network in (mlp(5, 4, 3, activate_last=True), mlp(5, 4, 3, activate_last=True, norms=True)):
        with pytest.raises((RuntimeError, IndexError)):
            summed(network, values, offsets)


FREED = """
import torch
from torch import nn
from partonic.models.deep_sets import summed
from partonic.models.folding import LinearNorm
torch.manual_seed(0)
network = nn.Sequential(nn.Linear(7, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU())
values, offsets = torch.randn(50, 7), torch.tensor([0, 10, 30, 50])
expected = torch.stack([network(part).sum(0) for part in values.split([10, 20, 20])])
torch.testing.assert_close(summed(network, values, offsets), expected)
ours, plain = LinearNorm(7, 16), LinearNorm(7, 16)
plain.load_state_dict(ours.state_dict())
torch.testing.assert_close(ours.activated(values), plain(values).relu(), rtol=1e-4, atol=1e-4)
"""


def test_products_do_not_depend_on_memory_that_is_free():
    scribbled = {"MALLOC_PERTURB_": "165", "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
    done = subprocess.run(
        [sys.executable, "-c", FREED], env={**os.environ, **scribbled}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "ERROR" not in done.stdout + done.stderr


def test_products_are_torchs_own_and_else_those_of_scipy(monkeypatch):
    own = _products()

    def missing(*_):
        raise OSError("no such library")

    monkeypatch.setattr("ctypes.CDLL", missing)
    other = _products()
    assert set(own) == set(other) == {"sgemm", "dgemm"}
    assert all([*own.values(), *other.values()])
    assert own["dgemm"] != other["dgemm"] or sys.platform != "linux"


def test_other_networks_and_no_particles_are_torchs_own():
    _, values, offsets = drawn(torch.float32)
    network = nn.Sequential(nn.Linear(5, 4), nn.Tanh())
    assert torch.allclose(summed(network, values, offsets), segment_sum(network(values), offsets))
    none = summed(mlp(5, 4, 3, activate_last=True), values[:0], torch.tensor([0, 0, 0]))
    assert torch.equal(none, torch.zeros(2, 3))
