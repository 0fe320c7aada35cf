"""Ratios learned from labels and gold of a Gaussian with a latent, beside the closed form and its coverage."""

import numpy as np
import pytest

from partonic.core.rng import generator
from partonic.fit.options import FitOptions
from partonic.inference.batches import Cutting
from partonic.inference.ratio import train_ratio
from partonic.inference.samples import LabelledSample
from partonic.simulators.latent_gaussian import LatentGaussian

TOY = LatentGaussian()
BOX = (-3.0, 3.0)
OPTIONS = FitOptions(epochs=4, learning_rate=5e-3, weight_decay=0.0, threads=1)


def events(n, seed):
    """Half from theta, half from the reference and compared with theta of the same distribution."""
    rng = generator(seed)
    above = TOY.simulate(rng.uniform(*BOX, n), n, rng)
    below = TOY.at(TOY.simulate(TOY.reference, n, rng), rng.uniform(*BOX, n))
    return LabelledSample.of(above, below, ("x",), [TOY.reference])


def test_gold_at_another_point_is_what_the_simulator_gives_there():
    rng = generator(0)
    drawn = TOY.simulate(1.5, 100, rng)
    moved = TOY.at(TOY.at(drawn, -0.7), 1.5)
    for name in ("joint_ratio", "joint_score"):
        np.testing.assert_allclose(moved.gold[name], drawn.gold[name])
    assert (TOY.at(drawn, -0.7).column("theta") == -0.7).all()
    many = TOY.simulate(0.0, 200_000, rng)
    ratio = TOY.at(many, 0.5).gold["joint_ratio"]
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / np.sqrt(len(ratio))


@pytest.mark.parametrize(("method", "worst"), [("alices", 0.02), ("carl", 0.06)])
def test_learned_ratios_and_their_coverage(method, worst):
    options = {"options": OPTIONS, "widths": (32, 32), "cutting": Cutting(size=200)}
    learned = train_ratio(events(8_000, 1), method=method, box=BOX, **options)
    rng = generator(2)
    theta = np.linspace(-2, 2, 9)[:, None]
    test = TOY.simulate(0.0, 2_000, rng)
    truth = np.stack([TOY.log_prob(test, point) - TOY.log_prob(test, 0.0) for point in theta[:, 0]])
    assert np.mean((learned.log_ratio(test.column("x"), theta) - truth) ** 2) < worst
    toys = TOY.simulate(0.8, 300 * 20, rng)
    grid = np.append(np.linspace(-2, 3, 101), 0.8)[:, None]
    q = -2 * learned.log_ratio(toys.column("x"), grid).reshape(len(grid), 300, 20).sum(axis=2)
    covered = np.mean(q[-1] - q.min(axis=0) < 1)
    assert abs(covered - 0.683) < 4 * np.sqrt(0.683 * 0.317 / 300)
