"""A jet as the density of its emissions in the primary Lund plane, for dense networks (arXiv:1807.04758)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from partonic.core.errors import InputError
from partonic.represent.batch import Features
from partonic.represent.clustering import cluster
from partonic.represent.constituents import constituents
from partonic.represent.lund import ANGLES, MOMENTA, lund_density

if TYPE_CHECKING:
    from partonic.events.events import Events


@dataclass(frozen=True)
class JetLundDensity:
    """Representation of jets as the number of primary emissions in each cell of the Lund plane.

    The cells are those of :func:`~partonic.represent.lund.lund_density`. A jet of one constituent has none: zeros.

    Args:
        angles: number of cells in ln(R / delta), from 0 to 6.
        momenta: number of cells in ln(kt / GeV), from -2 to 6.
        radius: jet radius R.

    Raises:
        InputError: a number of cells is below 1, or the radius not above 0.
    """

    angles: int = 6
    momenta: int = 8
    radius: float = 0.8

    def __post_init__(self) -> None:
        if min(self.angles, self.momenta) < 1 or not self.radius > 0:
            raise InputError(
                "a Lund plane needs 1 cell or more in angle and momentum and a radius above 0, "
                f"not {self.angles}, {self.momenta}, {self.radius}"
            )

    @property
    def width(self) -> int:
        """Number of cells."""
        return self.angles * self.momenta

    @property
    def described(self) -> dict[str, str]:
        """Names of the cells and what they hold."""
        angle, momentum = np.linspace(*ANGLES, self.angles + 1), np.linspace(*MOMENTA, self.momenta + 1)
        return {
            f"cell_{i}_{j}": f"emissions with ln(R / delta) from {angle[i]:.3g} to {angle[i + 1]:.3g} and ln(kt / GeV) "
            f"from {momentum[j]:.3g} to {momentum[j + 1]:.3g}"
            for i in range(self.angles)
            for j in range(self.momenta)
        }

    def __call__(self, events: Events) -> Features:
        """Count the emissions of the jets of a sample.

        Raises:
            BadJetError: a jet has no constituent or one that is not usable.
        """
        history = cluster(constituents(events), "cambridge-aachen")
        density = lund_density(history, self.angles, self.momenta, self.radius)
        return Features(torch.from_numpy(density.astype(np.float32)))
