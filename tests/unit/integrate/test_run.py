"""Integrations from end to end: known integrals, the choice of a method, failures, resuming, bad input."""

from dataclasses import dataclass, replace

import pytest
import torch
from known_integrals import camel, camel_integral, product, ridge, ridge_integral

from partonic.core.errors import FileError, InputError, TrainingError, UnknownNameError
from partonic.integrate import integrand, run
from partonic.integrate.integral import IntegrationError
from partonic.integrate.run import IntegrateOptions, integrate
from partonic.integrate.train import FlowOptions

SMALL = FlowOptions(bins=6, hidden=(16, 16), batch=512, replay=4.0)


def test_what_a_grid_can_do_is_left_to_grids():
    found = integrate(product, 4, IntegrateOptions(calls=10_000, seconds_per_call=1.0))
    assert (found.method, found.status, found.exit_code) == ("grid", "ok", 0)
    assert abs(found.estimate.value - 1) < 5 * found.estimate.error
    assert found.measurement.spread < 0.08
    assert found.effective > 0.9
    assert "better than flows" in str(found)


def test_a_ridge_gets_a_flow_where_calls_are_dear():
    options = IntegrateOptions(calls=30_000, final=20_000, seconds_per_call=1.0, flow=SMALL)
    found = integrate(ridge, 3, options)
    assert (found.method, found.status) == ("flow", "ok")
    assert abs(found.estimate.value - ridge_integral()) < 5 * found.estimate.error
    assert found.effective > 1.5 * found.pilot.effective
    assert found.learning[-1] > found.learning[0]
    assert found.price.measured
    assert found.require() == found.estimate
    plain = integrate(ridge, 3, IntegrateOptions(calls=30_000, final=20_000, method="grid"))
    assert plain.effective < 0.7 * found.effective


def test_two_modes_in_many_dimensions():
    found = integrate(camel, 8, IntegrateOptions(calls=60_000, final=20_000, method="grid"))
    assert found.status == "ok"
    assert abs(found.estimate.value - camel_integral(8)) < 5 * found.estimate.error
    assert found.effective > 0.4


def test_a_mode_that_was_lost_is_said(monkeypatch):
    """The density that is measured follows one of two peaks alone, as a flow that has collapsed would."""
    right = run._Attempt.refine

    def collapse(self, pilot):
        right(self, pilot)
        narrow = max((one for one in self.work.best.components if not one.broad), key=lambda one: one.share)
        self.work.best = replace(self.work.best, components=(replace(narrow, share=1.0),))

    monkeypatch.setattr(run._Attempt, "refine", collapse)
    found = integrate(camel, 8, IntegrateOptions(calls=60_000, final=20_000, method="grid", restarts=0))
    assert found.estimate.value < 0.8 * camel_integral(8)
    assert (found.status, found.exit_code) == ("failed", 1)
    assert "standard deviations apart" in found.estimate.note
    assert found.effective > 0.5  # which by itself looks well
    with pytest.raises(IntegrationError, match="cannot be believed"):
        found.require()


@pytest.mark.parametrize(("method", "calls"), [("grid", 7_000), ("flow", 7_000), ("flow", 20_000)])
def test_a_density_is_adapted_with_the_calls_that_are_given(method, calls):
    asked = 0

    def counted(y):
        nonlocal asked
        asked += len(y)
        return ridge(y)

    found = integrate(counted, 3, IntegrateOptions(calls, final=2_000, method=method, flow=SMALL, restarts=0))
    assert asked == found.calls
    assert 0.99 * calls < asked - found.measurement.calls - found.witness.calls <= calls


def test_a_failure_is_tried_again_and_said():
    found = integrate(camel, 8, IntegrateOptions(calls=2_000, final=2_000, method="grid", restarts=2))
    assert (found.status, found.attempts) == ("failed", 3)
    assert "too few calls" in found.estimate.note


def failing_first(monkeypatch, then=lambda: None):
    """The first attempt is judged to have failed, and then something happens; gives what was measured."""
    judge, measured = run.judge, []

    def judged(pilot, found, seen, before):
        measured.append(found)
        if len(measured) > 1:
            return judge(pilot, found, seen, before)
        then()
        return ["a peak was lost"]

    monkeypatch.setattr(run, "judge", judged)
    return measured


def test_where_one_seed_fails_the_next_gives_the_result(monkeypatch):
    measured = failing_first(monkeypatch)
    found = integrate(product, 3, IntegrateOptions(calls=3_000, final=4_000, method="grid", restarts=3))
    assert (found.status, found.attempts, len(measured)) == ("ok", 2, 2)
    assert found.measurement == measured[1] != measured[0]
    assert abs(found.estimate.value - 1) < 5 * found.estimate.error


def test_attempts_that_disagree_have_failed(monkeypatch):
    scale = [1.0]
    failing_first(monkeypatch, lambda: scale.append(2.0))
    options = IntegrateOptions(calls=3_000, final=4_000, method="grid", restarts=1)
    found = integrate(lambda y: scale[-1] * product(y), 3, options)
    assert (found.status, found.attempts) == ("failed", 2)
    assert len(found.reasons) == 1
    assert "attempt 1 from another seed" in found.estimate.note


def test_where_flows_cannot_be_trained_grids_go_on(monkeypatch, capsys):
    def diverge(*_):
        raise TrainingError("the loss is nan")

    monkeypatch.setattr(run, "learn", diverge)
    found = integrate(ridge, 3, IntegrateOptions(calls=8_000, final=4_000, method="flow", flow=SMALL, seed=3))
    grids = integrate(ridge, 3, IntegrateOptions(calls=8_000, final=4_000, method="grid", seed=3))
    assert found.method == "grid"
    assert "could not be trained (the loss is nan)" in capsys.readouterr().err
    assert abs(found.estimate.value - grids.estimate.value) < 5 * (found.estimate.error + grids.estimate.error)


def test_the_same_seed_gives_the_same_bits_and_a_killed_run_resumes(tmp_path, monkeypatch):
    options = IntegrateOptions(calls=8_000, final=4_000, method="flow", flow=SMALL, seed=3)
    whole = integrate(ridge, 3, options)
    trained = 0
    learn = run.learn

    def stop(*arguments):
        nonlocal trained
        trained += 1
        if trained == 3:
            raise KeyboardInterrupt
        learn(*arguments)

    monkeypatch.setattr(run, "learn", stop)
    with pytest.raises(KeyboardInterrupt):
        integrate(ridge, 3, options, directory=tmp_path)
    monkeypatch.setattr(run, "learn", learn)
    resumed = integrate(ridge, 3, options, directory=tmp_path)
    assert resumed.measurement == whole.measurement
    assert resumed.learning == whole.learning
    asked = 0

    def counted(y):
        nonlocal asked
        asked += len(y)
        return ridge(y)

    assert integrate(counted, 3, options, directory=tmp_path).measurement == whole.measurement
    assert asked == 2 * run.PROBES
    with pytest.raises(FileError, match=r"another integration.*integrand"):
        integrate(lambda y: 2 * ridge(y), 3, options, directory=tmp_path)
    with pytest.raises(FileError, match=r"another integration.*seed"):
        integrate(ridge, 3, IntegrateOptions(calls=8_000, final=4_000, method="flow", flow=SMALL), directory=tmp_path)
    next(tmp_path.glob("*.pt")).write_bytes(b"nothing")
    with pytest.raises(FileError, match="damaged"):
        integrate(ridge, 3, options, directory=tmp_path)


def test_processes_give_the_bits_of_one(monkeypatch):
    monkeypatch.setattr(integrand, "WORTH", 0.0)
    options = IntegrateOptions(calls=4_000, final=20_000, method="grid", seed=4)
    alone, spread = (integrate(camel, 4, options, workers=workers) for workers in (1, 2))
    assert spread.measurement == alone.measurement
    assert spread.pilot.integral == alone.pilot.integral
    assert spread.calls == alone.calls
    assert abs(alone.estimate.value - camel_integral(4)) < 5 * alone.estimate.error


@dataclass(frozen=True)
class Stretched:
    """A map of the cube whose density is not its Jacobian."""

    dim: int = 2

    def forward(self, x):
        return x, torch.full_like(x[:, 0], 1.5)

    def inverse(self, y):
        return y, torch.full_like(y[:, 0], 1.5)


def test_a_map_with_a_wrong_jacobian_is_refused_before_any_call():
    def never(y):
        raise AssertionError

    with pytest.raises(InputError, match="not the Jacobian"):
        integrate(never, [Stretched()], IntegrateOptions(calls=2_000))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda y: 0 * y[:, 0], "0 at all of"),
        (lambda y: torch.where(y[:, 0] > 0.5, torch.nan, 1.0), "integrand is nan"),
        (lambda y: y[:, 0].log() / (y[:, 0] > 0.01), "finite at every point"),
        (lambda y: y[:, :1], "one number a point"),
        (lambda y: None, "one number a point, .*gives NoneType"),
    ],
)
def test_bad_integrands(function, said):
    with pytest.raises(InputError, match=said):
        integrate(function, 2, IntegrateOptions(calls=2_000))


def cube(width, low=0.4):
    """The indicator of a small cube in three dimensions."""
    return lambda y: ((y > low) & (y < low + width)).all(1).double()


@pytest.mark.parametrize("seed", [1, 4])
def test_a_round_that_meets_nothing_is_no_end(seed):
    found = integrate(cube(0.2), 3, IntegrateOptions(calls=20_000, method="grid", seed=seed))
    assert found.status == "failed" or abs(found.estimate.value - 0.008) < 5 * found.estimate.error


def test_a_directory_knows_an_integrand_that_is_cut_away_at_most_points(tmp_path):
    options = IntegrateOptions(calls=20_000, method="grid")
    integrate(cube(0.3), 3, options, directory=tmp_path)
    with pytest.raises(FileError, match="differs in the integrand"):
        integrate(lambda y: 3 * cube(0.3)(y), 3, options, directory=tmp_path)


def test_an_integrand_may_work_in_place():
    def in_place(y):
        y -= 0.4
        y *= y
        return torch.exp(-y.sum(1) / 0.02)

    options = IntegrateOptions(calls=5_000, method="grid")
    pure = integrate(lambda y: torch.exp(-((y - 0.4) ** 2).sum(1) / 0.02), 2, options)
    assert integrate(in_place, 2, options).measurement.effective == pytest.approx(pure.measurement.effective)


@pytest.mark.parametrize("unit", [1e-200, 1e150])
def test_the_unit_of_an_integrand_does_not_matter(unit):
    options = IntegrateOptions(calls=5_000, method="grid")
    found = integrate(lambda y: unit * (1 + y[:, 0]), 2, options)
    assert found.status == "ok"
    assert 0 < abs(found.estimate.value / unit - 1.5) < 5 * found.estimate.error / unit < 0.05


@pytest.mark.parametrize(
    "options", [{"calls": 10}, {"precision": 0.0}, {"restarts": -1}, {"cells": 2}, {"seconds_per_call": -1.0}]
)
def test_options_out_of_range(options):
    with pytest.raises(InputError):
        IntegrateOptions(**options)


def test_an_unknown_method():
    with pytest.raises(UnknownNameError, match="did you mean 'grid'"):
        IntegrateOptions(method="grdi")
