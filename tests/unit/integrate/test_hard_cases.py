"""What can go wrong on the way: useless channels, signs, values that turn bad late, flows that lose a peak."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from known_integrals import camel, camel_integral, ridge, signed, signed_integral

from partonic.core.cluster import connect
from partonic.core.errors import InputError
from partonic.integrate import run
from partonic.integrate.channels import Cube
from partonic.integrate.integrand import Integrand
from partonic.integrate.maps import Separate
from partonic.integrate.mixture import untrained
from partonic.integrate.pilot import sample
from partonic.integrate.run import IntegrateOptions, integrate
from partonic.integrate.train import FlowOptions, weights_of
from partonic.phasespace.maps import Flat

SMALL = FlowOptions(bins=6, hidden=(16, 16), batch=512, replay=4.0)
FLOW = IntegrateOptions(calls=10_000, final=20_000, method="flow", flow=SMALL, restarts=0)


def deviations(found, exact):
    return abs(found.estimate.value - exact) / found.estimate.error


def test_flows_learn_integrands_of_both_signs():
    found = integrate(signed, 2, FLOW)
    grids = integrate(signed, 2, replace(FLOW, method="grid"))
    assert (found.status, found.method) == ("ok", "flow")
    assert deviations(found, signed_integral()) < 5
    assert found.estimate.error < 0.02 * signed_integral()
    assert found.measurement.negative == pytest.approx(1 / 3, abs=0.01)
    assert found.effective > grids.pilot.effective


UPPER = Separate((Flat(0.5, 1.0), Flat(0.0, 1.0), Flat(0.0, 1.0)))


def band(x):
    """A broad band along the diagonal of the first two variables."""
    return torch.exp(-(((x[:, 0] - x[:, 1]) / 0.25) ** 2))


def low(x):
    """Its part around 0.2, of which 2e-5 is above a half."""
    return band(x) * torch.exp(-(((x[:, 0] - 0.2) / 0.1) ** 2))


def low_ridge(x):
    """A part of a ridge that no grid can follow, around 0.2."""
    return torch.exp(-(((x[:, 0] - x[:, 1]) / 0.045) ** 2) - ((x[:, 0] - 0.2) / 0.1) ** 2)


def by_quadrature(function):
    nodes, weights = np.polynomial.legendre.leggauss(200)
    x, w = torch.from_numpy(0.5 * (nodes + 1)), torch.from_numpy(0.5 * weights)
    return float(function(torch.cartesian_prod(x, x)) @ torch.outer(w, w).flatten())


@pytest.mark.parametrize("method", ["grid", "flow"])
def test_a_channel_without_weight_is_dropped(method):
    options = replace(FLOW, method=method)
    found = integrate(low, [UPPER, Cube(3)], options)
    assert (found.status, found.method) == ("ok", method)
    assert {one.channel for one in found.mixture.components} == {1}
    assert deviations(found, by_quadrature(low)) < 5
    both = integrate(band, [UPPER, Cube(3)], options)
    assert {one.channel for one in both.mixture.components} == {0, 1}
    assert deviations(both, by_quadrature(band)) < 5


@pytest.mark.parametrize("method", ["grid", "flow"])
@pytest.mark.parametrize("start", [0.45, 0.5])
def test_a_channel_without_weight_is_dropped_where_grids_do_badly(method, start):
    useless = Separate((Flat(start, 1.0), Flat(0.0, 1.0), Flat(0.0, 1.0)))
    found = integrate(low_ridge, [useless, Cube(3)], replace(FLOW, method=method))
    assert found.pilot.effective < 0.35
    assert (found.status, found.method) == ("ok", method)
    assert {one.channel for one in found.mixture.components} == {1}
    assert any(one.broad for one in found.mixture.components)
    assert deviations(found, by_quadrature(low_ridge)) < 5


def halves(x):
    """One below a half, and a little above it."""
    return torch.where(x[:, 0] < 0.5, 1.0, 8e-4)


def test_a_channel_stays_where_no_other_leads():
    lower = Separate((Flat(0.0, 0.5), Flat(0.0, 1.0), Flat(0.0, 1.0)))
    found = integrate(halves, [UPPER, lower], replace(FLOW, method="grid"))
    assert found.status == "ok"
    assert {one.channel for one in found.mixture.components} == {0, 1}
    assert deviations(found, 0.5 + 4e-4) < 5


@dataclass
class Late:
    """A ridge whose values turn into others after a number of calls."""

    value: float
    first: int
    asked: int = 0

    def __call__(self, y):
        self.asked += len(y)
        return ridge(y) if self.asked <= self.first else torch.full_like(y[:, 0], self.value)


@pytest.mark.parametrize(
    ("value", "said"),
    [(float("nan"), "integrand is nan"), (float("inf"), "integrand is inf"), (0.0, "integrand is 0 at all of")],
)
def test_values_that_turn_bad_while_flows_learn(value, said):
    function = Late(value, first=4_000)  # of 10,000; the pilot has 2,000
    with pytest.raises(InputError, match=said):
        integrate(function, 3, FLOW)
    assert 4_000 < function.asked < 32_000


def test_a_round_without_any_value_teaches_nothing():
    mixture, random = untrained([Cube(3)]), torch.Generator().manual_seed(0)
    full, empty = (sample(Integrand(one), mixture, 500, random) for one in (ridge, lambda y: 0 * y[:, 0]))
    weights = weights_of([full, empty])
    assert bool(torch.isfinite(weights).all())
    assert weights[:500].sum() > 0
    assert not weights[500:].any()


@pytest.mark.parametrize("seed", [0, 1])
def test_flows_that_lose_a_peak_are_made_up_for_or_said(monkeypatch, seed):
    """Flows see the lower peak alone; what stays with the grids meets the other one."""
    right = run.weights_of

    def one_sided(asked):
        return right(asked) * (torch.cat([one.y for one in asked]).mean(1) < 0.5)

    monkeypatch.setattr(run, "weights_of", one_sided)
    monkeypatch.setattr(run, "effective", lambda _: 1.0)  # nor does the trial of the flows see it
    found = integrate(camel, 4, replace(FLOW, calls=20_000, final=20_000, seed=seed))
    assert found.method == "flow"
    assert found.effective < 0.4  # 0.9 where they see both
    assert found.status == "failed" or deviations(found, camel_integral(4)) < 5


def test_an_integral_over_a_dask_cluster_has_the_bits_of_this_process():
    distributed = pytest.importorskip("distributed")
    options = IntegrateOptions(calls=2_000, final=20_000, method="grid", seed=4)
    alone = integrate(camel, 4, options)
    quiet = {"processes": False, "dashboard_address": None, "protocol": "tcp", "host": "127.0.0.1"}
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, **quiet) as cluster,
        connect(cluster.scheduler_address) as executor,
    ):
        away = integrate(camel, 4, options, executor=executor)
    assert away.measurement == alone.measurement
    assert away.calls == alone.calls


def test_points_are_shared_among_all_workers():
    sizes = []

    def counted(y):
        sizes.append(len(y))
        return ridge(y)

    x = torch.rand(1_000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with ThreadPoolExecutor(3) as pool:
        values = Integrand(counted, workers=3, executor=pool)(x)
    assert sorted(sizes) == [332, 334, 334]
    assert torch.equal(values, ridge(x))
    sizes.clear()
    with ThreadPoolExecutor(3) as pool:
        Integrand(counted, workers=8, executor=pool)(x[:300])
    assert sorted(sizes) == [44, 256]  # not in pieces too small to be worth their way
