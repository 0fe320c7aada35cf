"""The N-body phase space of a jet in N-subjettiness (Datta and Larkoski, arXiv:1704.08249)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from partonic.core.errors import InputError
from partonic.represent.batch import Features
from partonic.represent.clustering import cluster
from partonic.represent.constituents import constituents
from partonic.represent.substructure import shapes, subjettinesses

if TYPE_CHECKING:
    from partonic.events.events import Events

BETAS = (0.5, 1.0, 2.0)
FLOOR = 1e-8  # of what a logarithm is taken of; a jet of N constituents has no N-subjettiness


@dataclass(frozen=True)
class JetSubjettiness:
    r"""Representation of jets as the 3M - 4 numbers that span M-body phase space, and the jet's mass and momentum.

    They are :math:`\tau_N^{(1/2)}, \tau_N^{(1)}, \tau_N^{(2)}` for N = 1 ... M - 2, then
    :math:`\tau_{M-1}^{(1)}, \tau_{M-1}^{(2)}`, each as its natural logarithm (not below that of 1e-8, which stands for
    the zero of a jet of N constituents or less), then ln(m / GeV) and ln(pt / GeV). The axes are the exclusive kT
    subjets, whose momenta are the sums of their constituents': one choice for all powers.

    Args:
        bodies: M; 8 spans what the networks of the published comparison take (arXiv:1902.09914).
        radius: jet radius R, in which angles are measured.

    Raises:
        InputError: fewer than two bodies, or the radius is not above 0.
    """

    bodies: int = 8
    radius: float = 0.8

    def __post_init__(self) -> None:
        if self.bodies < 2 or not self.radius > 0:
            raise InputError(
                f"a phase space needs 2 bodies or more and a jet radius above 0, not {self.bodies}, {self.radius}"
            )

    @property
    def width(self) -> int:
        """Number of observables of a jet."""
        return 3 * self.bodies - 2

    @property
    def described(self) -> dict[str, str]:
        """Names of the observables and what they are."""
        names = [(n, beta) for n in range(1, self.bodies) for beta in BETAS if n < self.bodies - 1 or beta != BETAS[0]]
        told = {f"log_tau_{n}_{beta:g}": f"ln of {n}-subjettiness with the power {beta:g}" for n, beta in names}
        return {**told, "log_mass": "ln m / GeV of the jet", "log_pt": "ln pt / GeV of the jet"}

    def __call__(self, events: Events) -> Features:
        """Compute the observables of the jets of a sample.

        Raises:
            BadJetError: a jet has no constituent or one that is not usable.
        """
        history = cluster(constituents(events), "kt")
        tau = subjettinesses(history, BETAS, self.bodies - 1, self.radius)  # (jets, betas, N)
        basis = tau.transpose(0, 2, 1).reshape(len(history), -1)  # (jets, 3 (bodies - 1)), the powers of an N together
        basis = np.delete(basis, 3 * (self.bodies - 2), axis=1)
        whole = np.stack([shapes(history)[:, 0], history.cylinder[history.offsets[1:] - 1, 0]], axis=1)
        values = np.log(np.maximum(np.concatenate([basis, whole], axis=1), FLOOR))
        return Features(torch.from_numpy(values.astype(np.float32)))
