"""Learned responses beside the mean over a latent variable, which is a closed form."""

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.fit.options import FitOptions
from partonic.inference.responses import train_responses

SLOPE = 0.3
OPTIONS = FitOptions(epochs=6, learning_rate=1e-2, weight_decay=0.0, threads=1)


def events(n=6000):
    """Latent z of unit width, seen as x = z + noise; the weights know z."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=n)
    return z + rng.normal(size=n), z


def test_the_latent_variable_is_averaged_over():
    x, z = events()
    up, down = (np.exp(sign * SLOPE * z - SLOPE**2 / 2) for sign in (1, -1))
    learned = train_responses(x[:, None], {"tilt": (up, down), "rate": (np.full(len(x), 1.1), None)}, options=OPTIONS)
    at = np.linspace(-2, 2, 9)
    tilt, rate = learned.variations(at[:, None])
    assert (tilt.name, rate.name) == ("tilt", "rate")
    assert np.abs(tilt.linear - SLOPE * at / 2).max() < 0.04  # z given x is Gaussian about x / 2 with variance 1 / 2
    assert np.abs(tilt.quadratic + SLOPE**2 / 4).max() < 0.04
    np.testing.assert_allclose(rate.linear, np.log(1.1), atol=0.02)
    np.testing.assert_allclose(rate.quadratic, 0, atol=1e-12)
    far = [one.linear for one in learned.variations(np.array([[-1e4], [1e4]]))]
    lowest, highest = (np.quantile(up / down, share) for share in (0.001, 0.999))
    assert np.all((far[0] >= np.log(lowest) / 2 - 0.01) & (far[0] <= np.log(highest) / 2 + 0.01))


def test_weights_count():
    x, z = events()
    up = np.exp(SLOPE * z - SLOPE**2 / 2)
    tilted = train_responses(x[:, None], {"tilt": (up, None)}, np.exp(0.5 * z), options=OPTIONS)
    (found,) = tilted.variations(np.array([[1.0]]))
    # z given x is now Gaussian about (x + 0.5) / 2
    assert found.linear[0] == pytest.approx(0.75 * SLOPE - SLOPE**2 / 4, abs=0.04)


def test_nothing_to_learn_is_refused():
    with pytest.raises(InputError, match="no nuisance parameter"):
        train_responses(np.zeros((200, 1)), {})
    with pytest.raises(InputError, match="score must be finite"):
        train_responses(np.zeros((200, 1)), {"scale": (np.full(200, np.nan), None)})
