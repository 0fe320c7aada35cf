"""Variational autoencoders as generators (arXiv:1312.6114)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from partonic.core.errors import FileError, InputError
from partonic.fit.loop import fit
from partonic.fit.options import FitOptions
from partonic.generation import stored
from partonic.generation.batches import RowsOf, held_out
from partonic.generation.coordinates import Coordinates
from partonic.generation.frame import Given, count_weights, facts_of, given_of
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

    def __post_init__(self) -> None:
        if self.latent < 0 or self.size < 1 or not self.beta >= 0:
            raise InputError(
                "an autoencoder needs 0 latent values or more, batches of 1 event or more and a beta of 0 or above, "
                f"not {self.latent}, {self.size} and {self.beta}"
            )
        if 0 < self.knots < 3 or self.knots < 0:
            raise InputError(f"maps need 3 knots or more, or 0 for straight coordinates, not {self.knots}")


@dataclass(frozen=True)
class VaeGenerator:
    """A trained autoencoder, of which the decoder generates; :func:`train_vae` makes it.

    Args:
        network: both networks.
        sizes: what they were built with.
        coordinates: fitted to the sample.
        given: scales of the context.
        facts: plain data about the training.
    """

    network: AutoEncoder
    sizes: Mapping[str, Any]
    coordinates: Coordinates
    given: Given
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the physical values."""
        return self.coordinates.names

    @property
    def parameters(self) -> int:
        """Number of trained weights, those of the encoder too."""
        return count_weights(self.network)

    def sample(self, n: int, rng: np.random.Generator, context: ArrayLike | None = None) -> Floats:
        """Draw events, physical values (n, k).

        Args:
            n: number of events, 0 or more.
            rng: source of randomness.
            context: given values (n, c), where the training had them.

        Raises:
            InputError: the context does not fit.
        """
        if n < 0:
            raise InputError(f"the number of events must be 0 or more, not {n}")
        noise = self.network.latent + len(self.network.log_variance)
        return self.coordinates.inverse(
            draw_rows(self.network, noise, self.given.scaled(context, n), rng, self.coordinates.circular)
        )

    def save(self, path: Path | str) -> None:
        """Write the generator to a file.

        Raises:
            InputError: its coordinates are not of this package.
            FileError: the file cannot be written.
        """
        tree = {
            "sizes": dict(self.sizes),
            "coordinates": stored.coordinates_tree(self.coordinates),
            "given": [self.given.centre.tolist(), self.given.unit.tolist()],
            "prior": None,
            "facts": dict(self.facts),
            "state": self.network.state_dict(),
        }
        stored.write(path, "vae", tree)

    @classmethod
    def load(cls, path: Path | str) -> VaeGenerator:
        """Read what :meth:`save` wrote.

        Raises:
            FileError: the file is missing, damaged or of another kind.
        """
        tree = stored.read(path, "vae")
        try:
            network = AutoEncoder(**tree["sizes"])
            stored.restore(network, tree)
            given = Given(*(np.array(part, dtype=np.float64) for part in tree["given"]))
            return cls(network.eval(), tree["sizes"], stored.coordinates_of(tree["coordinates"]), given, tree["facts"])
        except stored.DAMAGE as error:
            raise FileError(f"{path} is damaged ({error}); train or copy it again") from error


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
        table: the sample, weights not negative.
        coordinates: in which it is learned.
        options: those of :class:`VaeOptions` if None.
        seed: of the initial weights and the order of the events.
        directory: where the training saves its state, to go on after an interruption.
        device: where to train.

    Raises:
        InputError: the sample is not that of the coordinates or outside of them, has negative weights, or an option is
            out of range.
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
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = AutoEncoder(**sizes)
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
    objective = BetaBound(chosen.beta, math.ceil(WARMUP * chosen.epochs * len(batches)))
    done = fit(network, objective, batches, watched, fitting, directory, "training the VAE")
    check_spread(network.cpu(), network.latent + len(network.log_variance), kept, fitted.names)
    return VaeGenerator(network, sizes, fitted, given, facts_of(table, done, seed))
