"""What trained generators have: a way to a file and, those of events, a network in coordinates to draw from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from partonic.core.errors import FileError, InputError
from partonic.generation import stored
from partonic.generation.coordinates import Coordinates
from partonic.generation.frame import Given, count_weights, weights_of_draw
from partonic.models import plain

Floats = NDArray[np.float64]


class OnDisk(ABC):
    """What has a way to a file of plain data and back."""

    stored_as: ClassVar[str]

    @abstractmethod
    def tree(self) -> dict[str, Any]:
        """Plain data and tensors.

        Raises:
            InputError: there is something that a file cannot hold.
        """

    @classmethod
    @abstractmethod
    def of(cls, tree: Mapping[str, Any]) -> Self:
        """What :meth:`tree` gave; errors of any kind where the tree is damaged."""

    def save(self, path: Path | str) -> None:
        """Write the generator to a file.

        Raises:
            InputError: there is something that a file cannot hold.
            FileError: the file cannot be written.
        """
        plain.write(path, f"{self.stored_as} generator", self.tree())

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            FileError: the file is missing, damaged or of another kind.
        """
        tree = plain.read(path, f"{cls.stored_as} generator")
        try:
            return cls.of(tree)
        except plain.DAMAGE as error:
            raise FileError(f"{path} is damaged ({error}); train or copy it again") from error


@dataclass(frozen=True, kw_only=True)
class Learned(OnDisk):
    """A trained generator of events.

    Args:
        network: what was trained.
        sizes: what it was built with.
        coordinates: fitted to the sample.
        given: scales of the context.
        prior: width of the prior of Bayesian weights, None for others.
        facts: plain data about the training.
    """

    network: nn.Module
    sizes: Mapping[str, Any]
    coordinates: Coordinates
    given: Given
    prior: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    @abstractmethod
    def built(tree: Mapping[str, Any]) -> nn.Module:
        """The network, without its weights, from what the file holds."""

    @staticmethod
    def bayesian_part(network: Any) -> nn.Module:
        """What of the network makes events: its linear layers get distributions of weights in a Bayesian generator."""
        found: nn.Module = network
        return found

    @abstractmethod
    def drawn(self, rows: Tensor, rng: np.random.Generator) -> Floats:
        """Coordinates (n, d) of new events at a scaled context (n, c)."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the physical values."""
        return self.coordinates.names

    @property
    def parameters(self) -> int:
        """Number of trained weights."""
        return count_weights(self.network)

    def sample(
        self, n: int, rng: np.random.Generator, context: ArrayLike | None = None, draw: int | None = None
    ) -> Floats:
        """Draw events, physical values (n, k).

        Args:
            n: number of events, 0 or more.
            rng: source of randomness.
            context: given values (n, c), where the training had them.
            draw: number of a draw of Bayesian weights; None for their means.

        Raises:
            InputError: the context does not fit, or ``draw`` asks for what the generator has not.
        """
        if n < 0:
            raise InputError(f"the number of events must be 0 or more, not {n}")
        rows = self.given.scaled(context, n)
        with weights_of_draw(self.network, draw), torch.inference_mode():
            u = self.drawn(rows, rng) if n else np.zeros((0, len(self.coordinates.circular)))
        return self.coordinates.inverse(u)

    def tree(self) -> dict[str, Any]:
        """Plain data and tensors.

        Raises:
            InputError: the coordinates are not of this package.
        """
        names = (one.name for one in fields(self) if one.name not in ("network", "coordinates", "given"))
        tree = {name: getattr(self, name) for name in names}
        tree |= {"sizes": dict(self.sizes), "facts": dict(self.facts), "state": self.network.state_dict()}
        tree |= {"given": [self.given.centre.tolist(), self.given.unit.tolist()]}
        return tree | {"coordinates": stored.coordinates_tree(self.coordinates)}

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> Self:
        """What :meth:`tree` gave; errors of any kind where the tree is damaged."""
        network = cls.built(tree)
        network = stored.restore(network, tree, cls.bayesian_part(network))
        kept = {one.name: tree[one.name] for one in fields(cls) if one.name != "network"}
        kept["given"] = Given(*(np.array(part, dtype=np.float64) for part in tree["given"]))
        kept["coordinates"] = stored.coordinates_of(tree["coordinates"])
        return cls(network=network, **kept)
