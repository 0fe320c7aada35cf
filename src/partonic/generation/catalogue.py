"""The generators by name, each with a length of training that costs about the same processor time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from partonic.generation.coordinates import Coordinates
from partonic.generation.flow import FlowOptions, train_flow
from partonic.generation.frame import EventGenerator
from partonic.generation.gan import GanOptions, train_gan
from partonic.generation.matching import MatchingOptions, train_diffusion, train_matching
from partonic.generation.table import Table
from partonic.generation.vae import VaeOptions, train_vae

Trainer = Callable[[Table, Coordinates, int, int, Path, str], EventGenerator]
SIZE = 1024  # events of a batch
EVALUATIONS = 2  # updates of a velocity for the price of one of a flow
TURNS, DECODINGS = 2, 4  # the same for an adversarial network and for an autoencoder
KNOTS = 24  # of the maps that make each coordinate about Gaussian


def epochs_of(table: Table, updates: int) -> int:
    """Passes over a sample that make about so many updates, 1 or more."""
    return max(1, round(updates * SIZE / len(table)))


def _flow(kind: str, bayesian: bool) -> Trainer:
    def train(
        table: Table, coordinates: Coordinates, updates: int, seed: int, directory: Path, device: str
    ) -> EventGenerator:
        """A normalising flow."""
        rounds = 1 if kind == "coupling" else 3
        length = epochs_of(table, updates)
        options = FlowOptions(kind, rounds=rounds, size=SIZE, epochs=length, bayesian=bayesian)
        return train_flow(table, coordinates, options, seed=seed, directory=directory, device=device)

    return train


def _velocity(train_one: Callable[..., EventGenerator], bayesian: bool = False) -> Trainer:
    def train(
        table: Table, coordinates: Coordinates, updates: int, seed: int, directory: Path, device: str
    ) -> EventGenerator:
        """Flow matching, or diffusion."""
        options = MatchingOptions(size=SIZE, epochs=epochs_of(table, EVALUATIONS * updates), bayesian=bayesian)
        return train_one(table, coordinates, options, seed=seed, directory=directory, device=device)

    return train


def _adversarial(
    table: Table, coordinates: Coordinates, updates: int, seed: int, directory: Path, device: str
) -> EventGenerator:
    """A generator with a critic."""
    options = GanOptions(knots=KNOTS, size=SIZE // 2, epochs=epochs_of(table, TURNS * updates // 2))
    return train_gan(table, coordinates, options, seed=seed, directory=directory, device=device)


def _autoencoder(bayesian: bool) -> Trainer:
    def train(
        table: Table, coordinates: Coordinates, updates: int, seed: int, directory: Path, device: str
    ) -> EventGenerator:
        """A variational autoencoder."""
        length = epochs_of(table, DECODINGS * updates // 2)
        options = VaeOptions(knots=KNOTS, size=SIZE // 2, epochs=length, bayesian=bayesian)
        return train_vae(table, coordinates, options, seed=seed, directory=directory, device=device)

    return train


GENERATORS: dict[str, Trainer] = {
    "coupling-flow": _flow("coupling", bayesian=False),
    "autoregressive-flow": _flow("autoregressive", bayesian=False),
    "bayesian-flow": _flow("coupling", bayesian=True),
    "flow-matching": _velocity(train_matching),
    "bayesian-matching": _velocity(train_matching, bayesian=True),
    "diffusion": _velocity(train_diffusion),
    "bayesian-diffusion": _velocity(train_diffusion, bayesian=True),
    "gan": _adversarial,
    "vae": _autoencoder(bayesian=False),
    "bayesian-vae": _autoencoder(bayesian=True),
}
"""Name -> ``(table, coordinates, updates, seed, directory, device) -> generator``; one of a flow is an update."""
