"""The parts of an integration: asking, mixtures, pilots, cooled populations, flows, measurements, verdicts."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from known_integrals import camel, camel_integral, product, ridge, signed, signed_integral

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.integrate import integrand as asking
from partonic.integrate.anneal import anneal
from partonic.integrate.channels import Cube
from partonic.integrate.cost import Price
from partonic.integrate.integrand import Integrand
from partonic.integrate.measure import MeasuredIntegral, measure
from partonic.integrate.mixture import Component, Mixture, untrained
from partonic.integrate.pilot import Pilot, adapted, effective, mean, modes, run_pilot, sample
from partonic.integrate.search import Witness
from partonic.integrate.train import FlowInputs, FlowOptions, Replay, begin, learn, seen_by, weights_of, with_flows
from partonic.integrate.verdict import judge
from partonic.phasespace.vegas import Grid


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def numbers(n, dim, seed=0):
    return torch.rand(n, dim, generator=random(seed), dtype=torch.float64)


def bent_grid(dim, power):
    """A grid of density that rises or falls."""
    return Grid((torch.linspace(0, 1, 33, dtype=torch.float64) ** power).repeat(dim, 1))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda y: torch.where(y[:, 0] > 0.5, torch.nan, 1.0), "integrand is nan at"),
        (lambda y: 1 / (0 * y[:, 0]), "integrand is inf at"),
        (lambda y: y, "one number a point"),
        (lambda y: torch.complex(y[:, 0], y[:, 0]), "complex"),
    ],
)
def test_bad_values_are_refused(function, said):
    with pytest.raises(InputError, match=said):
        Integrand(function)(numbers(10, 2))


def test_calls_are_counted_and_chunks_change_nothing():
    x = numbers(1000, 3)
    one, many = Integrand(product), Integrand(lambda y: product(y).numpy(), chunk=64)
    assert torch.equal(one(x), many(x))
    assert (one.calls, many.calls) == (1000, 1000)
    with ThreadPoolExecutor(2) as pool:
        assert torch.equal(Integrand(product, executor=pool, chunk=100)(x), one(x))
    with pytest.raises(InputError, match="1 or more"):
        Integrand(product, workers=0)


def test_processes_are_started_for_dear_calls_only(monkeypatch):
    started = []
    monkeypatch.setattr(asking, "local_processes", lambda n: started.append(n) or ThreadPoolExecutor(n))
    x = numbers(1000, 3)
    with Integrand(product, workers=2) as cheap:
        assert torch.equal(cheap(x), product(x))
    assert started == []
    monkeypatch.setattr(asking, "WORTH", 1e-9)
    with Integrand(product, workers=2) as dear:
        assert torch.equal(dear(x), product(x))
        assert dear.calls == 1000
    assert started == [2]


def two_components():
    cube = Cube(2)
    return Mixture((cube,), (Component(0, bent_grid(2, 2.0), 0.25), Component(0, bent_grid(2, 0.5), 0.75)))


def test_the_density_of_a_mixture():
    mixture = two_components()
    x = numbers(100_000, 2, 1)
    assert float(mixture.density(x).mean()) == pytest.approx(1, abs=0.02)
    y, q = mixture.draw(1, x[:1000])
    assert torch.allclose(q, mixture.density(y), rtol=1e-9)
    slow = sum(one.share * one.grid.located(y)[1] for one in mixture.components)
    assert torch.allclose(q, slow)
    with pytest.raises(InputError, match="sum to 1"):
        Mixture((Cube(2),), (Component(0, Grid.uniform(2), 0.5),))


def test_rounds_are_unbiased_and_grids_learn():
    integrand, mixture = Integrand(product), two_components()
    first = sample(integrand, mixture, 20_000, random())
    value, error = mean(first)
    assert abs(value - 1) < 4 * error
    for _ in range(5):
        mixture = adapted(mixture, sample(integrand, mixture, 5_000, random(1)))
    last = sample(integrand, mixture, 20_000, random(2))
    assert effective(last) > max(0.9, effective(first))
    assert adapted(mixture, sample(Integrand(lambda y: 0 * y[:, 0]), mixture, 100, random())) is mixture


def test_modes_are_told_apart_and_ridges_are_not():
    gauss = torch.randn(400, 3, generator=random(), dtype=torch.float64)
    apart = torch.cat([0.25 + 0.03 * gauss[:200], 0.75 + 0.03 * gauss[200:]])
    labels = modes(apart)
    assert len(labels.unique()) == 2
    assert len(labels[:200].unique()) == 1
    along = numbers(400, 1)
    assert len(modes(torch.cat([along, along + 0.02 * gauss[:, :1]], 1)).unique()) == 1


def test_a_cooled_population_finds_integral_and_both_modes():
    integrand = Integrand(camel)
    found = anneal(integrand, untrained([Cube(6)]), 60_000, 0.001, random(3))
    value, error = found.integral
    assert abs(value - camel_integral(6)) < 6 * error
    assert error < 0.3 * value
    upper = float((found.points.mean(1) > 0.5).double().mean())
    assert 0.1 < upper < 0.9
    assert integrand.calls <= 60_000
    assert anneal(Integrand(camel), untrained([Cube(6)]), 100, 0.001, random()) is None


def test_the_pilot_gives_each_mode_a_grid():
    pilot = run_pilot(Integrand(camel), untrained([Cube(8)]), 50_000, random(1))
    narrow = [one for one in pilot.mixture.components if not one.broad]
    assert len(narrow) >= 2
    fresh = sample(Integrand(camel), pilot.mixture, 20_000, random(2))
    assert effective(fresh) > 0.4
    value, error = mean(fresh)
    assert abs(value - camel_integral(8)) < 4 * error
    assert pilot.integral == pytest.approx(camel_integral(8), abs=5 * pilot.error)


def test_flows_begin_as_the_pilot_and_learn_a_ridge():
    pilot = untrained([Cube(3)], 16)
    how = FlowOptions(bins=6, hidden=(16, 16), batch=512, defence=0.1)
    model, trained = begin(pilot, how, 0)
    y = numbers(4_000, 3)
    assert torch.allclose(with_flows(pilot, model, trained).density(y), pilot.density(y), atol=1e-6)
    asked = sample(Integrand(ridge), pilot, 8_000, random(1))
    points = seen_by(pilot, trained, asked.y, how.defence)
    learn(model, points, weights_of([asked]), how, 60, 1e-2, 0)
    mixture = with_flows(pilot, model, trained)
    fresh = sample(Integrand(ridge), mixture, 5_000, random(2))
    assert effective(fresh) > 2 * effective(asked)
    assert torch.allclose(model.log_density(points).double().exp(), mixture.density(asked.y), rtol=1e-3)
    assert float((1 / fresh.q).mean()) == pytest.approx(1, abs=0.15)  # the density is normalised
    assert [round(one.share, 6) for one in mixture.components] == [0.1, 0.9]


def test_epochs_are_functions_of_their_number():
    points = FlowInputs(numbers(100, 6).reshape(100, 2, 3), numbers(100, 2), numbers(100, 1)[:, 0])
    data = Replay(points, torch.arange(100.0), 400, 50, seed=3)
    first, again = ([part.fixed for part in data.epoch(1)] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert len(first) == len(data) == 8
    skipped = [part.fixed for part in data.epoch(1, skip=3)]
    assert torch.equal(skipped[0], first[3])
    seen = torch.cat(first)
    assert not bool((seen == points.fixed[0]).any())  # a point of weight 0 never comes
    assert int((seen == points.fixed[99]).sum()) == pytest.approx(400 * 99 / 4950, abs=1)


def test_a_measurement_repeats_and_is_right():
    one, two = (measure(Integrand(signed), untrained([Cube(2)]), 8_192, 5) for _ in range(2))
    assert one == two
    assert measure(Integrand(signed), untrained([Cube(2)]), 8_192, 6) != one
    assert abs(one.estimate.value - signed_integral()) < 5 * one.estimate.error
    assert one.estimate.error < 1e-3 * signed_integral()
    assert one.negative == pytest.approx(1 / 3, abs=0.05)
    assert one.calls == 8_192
    with pytest.raises(InputError, match="1,024 calls or more"):
        measure(Integrand(signed), untrained([Cube(2)]), 100, 5)
    with pytest.raises(InputError, match="0 at all of"):
        measure(Integrand(lambda y: 0 * y[:, 0]), untrained([Cube(2)]), 2_048, 5)


NOTHING = Witness(1_000, 0.0, None)


def measured(value=1.0, error=0.01, **changes):
    good = MeasuredIntegral(Estimate.symmetric(value, error, "test"), value, 0.5, 0.2, 1e-4, 0.0, 10_000)
    return replace(good, **changes)


@pytest.mark.parametrize(
    ("found", "before", "said"),
    [
        (measured(), [], None),
        (measured(), [measured(1.01)], None),
        (measured(0.5), [], "standard deviations apart"),
        (measured(effective=0.02), [], "points count"),
        (measured(largest=0.1), [], "a single point carries 10 %"),
        (measured(), [measured(2.0)], "attempt 1 from another seed"),
        (measured(), [measured(2.0, effective=0.001)], None),
    ],
)
def test_the_verdict(found, before, said):
    pilot = Pilot(untrained([Cube(1)]), (), 1.0, 0.02, 0.5, math.nan, math.nan, True)
    reasons = judge(pilot, found, NOTHING, before)
    assert (reasons == []) if said is None else (len(reasons) == 1 and said in reasons[0])


def test_the_verdict_on_what_only_the_pilot_saw():
    pilot = Pilot(untrained([Cube(1)]), (), 1.0, 0.02, 0.5, 2.0, 0.2, True)
    assert "misses a part" in judge(pilot, measured(), NOTHING)[0]
    assert judge(replace(pilot, cooled_error=0.5), measured(), NOTHING) == []
    assert "too few calls" in judge(replace(pilot, cooled=math.nan, searched=False), measured(), NOTHING)[0]
    pilot = replace(pilot, cooled=math.nan)
    assert "too rough to confirm" in judge(replace(pilot, error=0.6), measured(), NOTHING)[0]
    assert judge(pilot, measured(), replace(NOTHING, lost=0.01)) == []
    assert "1,000 evenly spread points met 30 % more" in judge(pilot, measured(), replace(NOTHING, lost=0.3))[0]


def test_the_price_of_flows():
    price = Price(50.0, 1e-6, 2e-5, 2.0, 0.5, 1e-3, measured=True)
    grid, flow = 4e6, 2.5e5
    c = price.break_even
    assert 50 + flow * (c + 2e-5) == pytest.approx(grid * (c + 1e-6))
    assert replace(price, spread_flow=3.0).break_even == math.inf
    assert replace(price, precision=1e-6).break_even == pytest.approx(
        (flow * 2e-5 - grid * 1e-6) / (grid - flow), rel=0.01
    )
    assert "better than flows" in str(replace(price, spread_flow=3.0))
    assert "flows pay always" in str(replace(price, training=0.0, draw_flow=0.0))
