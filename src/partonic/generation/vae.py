"""Variational autoencoders as generators (arXiv:1312.6114)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from partonic.core.errors import InputError
from partonic.fit.checked import fit_checked
from partonic.fit.options import FitOptions
from partonic.generation.batches import RowsOf, held_out
from partonic.generation.coordinates import Coordinates
from partonic.generation.frame import facts_of, given_of, seeded, with_prior
from partonic.generation.learned import Learned
from partonic.generation.rows import check_spread, draw_rows, seen_coordinates, seen_sample
from partonic.generation.table import Table
from partonic.models.vae import AutoEncoder
from partonic.objectives.autoencoder import BetaBound

Floats = NDArray[np.float64]
WARMUP = 0.1  # of the training, in which beta rises


@dataclass(frozen=True)
class VaeOptions:
    """How a variational autoencoder is built and trained.

    Args:
        hidden: widths of the hidden layers of encoder and decoder.
        latent: number of latent values, 0 for as many as there are coordinates.
        beta: weight of the distance of the latent values from normal ones; 1 bounds the likelihood.
        knots: of maps that make each coordinate about Gaussian; 0 leaves them straight, with mean 0 and spread 1.
        size: events of a batch.
        epochs: passes over the sample.
        learning_rate: the highest one.
        averaging: decay of the moving average of the weights, 0 for none.
        validation: share of the events that choose the best epoch.
        bayesian: whether the weights of the decoder get distributions, so that ``sample(draw=k)`` shows how well the
            sample fixes it.
        prior: width of their prior, see :class:`~partonic.models.variational.VariationalLinear`.

    Raises:
        InputError: an option is out of range.
    """

    hidden: Sequence[int] = (128, 128, 128)
    latent: int = 0
    beta: float = 1.0
    knots: int = 24
    size: int = 512
    epochs: int = 20
    learning_rate: float = 2e-3
    averaging: float = 0.99
    validation: float = 0.1
    bayesian: bool = False
    prior: float = 1.0

    def __post_init__(self) -> None:
        if self.latent < 0 or self.size < 1 or not self.beta >= 0:
            raise InputError(
                "an autoencoder needs 0 latent values or more, batches of 1 event or more and a beta of 0 or above, "
                f"not {self.latent}, {self.size} and {self.beta}"
            )
        if 0 < self.knots < 3 or self.knots < 0:
            raise InputError(f"maps need 3 knots or more, or 0 for straight coordinates, not {self.knots}")


@dataclass(frozen=True, kw_only=True)
class VaeGenerator(Learned):
    """A trained autoencoder, of which the decoder generates; :func:`train_vae` makes it.

    Args:
        network: both networks.
    """

    network: AutoEncoder
    stored_as: ClassVar[str] = "vae"

    @staticmethod
    def built(tree: Mapping[str, Any]) -> AutoEncoder:
        """The network, without its weights, from what the file holds."""
        return AutoEncoder(**tree["sizes"])

    @staticmethod
    def bayesian_part(network: AutoEncoder) -> nn.Module:
        """The decoder."""
        return network.decoder

    def drawn(self, rows: Tensor, rng: np.random.Generator) -> Floats:
        """Coordinates (n, d) of new events at a scaled context (n, c)."""
        noise = self.network.latent + len(self.network.log_variance)
        return draw_rows(self.network, noise, rows, rng, self.coordinates.circular)


def train_vae(
    table: Table,
    coordinates: Coordinates,
    options: VaeOptions | None = None,
    *,
    seed: int = 0,
    directory: Path | str | None = None,
    device: str = "cpu",
) -> VaeGenerator:
    """Train an autoencoder by the bound of its likelihood.

    Args:
        table: as in :func:`~partonic.generation.flow.train_flow`.
        coordinates: as there.
        options: those of :class:`VaeOptions` if None.
        seed: as there.
        directory: as there.
        device: as there.

    Raises:
        InputError: as there.
        TrainingError: the training diverged, or the generator has collapsed.
    """
    chosen = options or VaeOptions()
    negative = int((table.weight < 0).sum())
    if negative:
        raise InputError(
            f"{negative:,} of {len(table):,} event weights are negative, and an autoencoder cannot learn from them; "
            "resample them to positive weights first"
        )
    fitted, given = seen_coordinates(table, coordinates, chosen.knots), given_of(table)
    circles = sum(fitted.circular)
    sizes = {
        "lines": len(fitted.circular) - circles,
        "circles": circles,
        "context": table.context.shape[1],
        "latent": chosen.latent or len(fitted.circular),
        "hidden": list(chosen.hidden),
    }
    network = seeded(lambda: AutoEncoder(**sizes), seed)
    kept, held = held_out(seen_sample(table, fitted, given), chosen.validation, seed)
    batches, watched = RowsOf(kept, chosen.size, seed), RowsOf(held, 8 * chosen.size, shuffle=False)
    fitting = FitOptions(
        epochs=chosen.epochs,
        learning_rate=chosen.learning_rate,
        averaging=chosen.averaging,
        weight_decay=0.0,
        seed=seed,
        device=device,
    )
    objective: Any = BetaBound(chosen.beta, math.ceil(WARMUP * chosen.epochs * len(batches)))
    if chosen.bayesian:
        objective = with_prior(VaeGenerator.bayesian_part(network), objective, kept.weight, chosen.prior)
    done = fit_checked(network, objective, batches, watched, fitting, directory, "training the VAE")
    check_spread(network.cpu(), network.latent + len(network.log_variance), kept, fitted.names)
    return VaeGenerator(
        network=network,
        sizes=sizes,
        coordinates=fitted,
        given=given,
        prior=chosen.prior if chosen.bayesian else None,
        facts=facts_of(table, done, seed),
    )
