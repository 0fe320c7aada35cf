"""One observable whose density is a square in theta, with a latent sign; its ratio is known."""

import numpy as np

from partonic.inference.morphing import Morphing
from partonic.inference.samples import MorphedSample

MORPHING = Morphing.polynomial(("a", "b"))
SIGMA = np.array([1.0, 0.0, 0.0, 1 / 3, 0.0, 1 / 4])  # means of the components over x in [-1, 1]


def density(x, sign=0.0):
    """Components of ``(1 + a x + z b / 2)^2`` at the sign z, or of its mean over both signs (z = 0), (n, 6)."""
    one = np.ones_like(x)
    return np.stack([one, 2 * x, sign * one, x * x, sign * x, 0.25 * one], axis=-1)


def sample(n, seed=0):
    """Events drawn at theta = 0, with the latent sign in their components."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, n)
    return MorphedSample(x, density(x, rng.choice([-1.0, 1.0], n)), MORPHING)
