"""What a tagger's performance rests on: the AUC that is lost when an input is scrambled or taken away."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.core.rng import generator
from partonic.metrics.tagging import compare

Floats = NDArray[np.floating[Any]]
Sample = TypeVar("Sample")


@dataclass(frozen=True)
class Importance:
    """How much AUC an input is worth.

    Args:
        name: of the input, or what was taken away.
        loss: AUC with everything minus AUC without; paired bootstrap on the same jets.
    """

    name: str
    loss: Estimate


def permutation_importance(
    score: Callable[[Floats], Floats],
    values: Floats,
    names: tuple[str, ...],
    labels: NDArray[Any],
    weights: Floats | None = None,
    seed: int = 0,
) -> list[Importance]:
    """AUC lost when one feature is shuffled among the jets, most important first (Breiman, Mach. Learn. 45, 5).

    Args:
        score: features (n, f) -> scores (n,).
        values: (n, f).
        names: of the features.
        labels: (n,) 1 for signal, 0 for background.
        weights: (n,) or None.
        seed: of the shuffling.

    Raises:
        InputError: names and features differ in number.
    """
    if values.shape[1] != len(names):
        raise InputError(f"{len(names)} names for {values.shape[1]} features")

    def shuffled(column: int) -> Floats:
        """The features with one column in another order."""
        copy = values.copy()
        copy[:, column] = generator(seed, column).permutation(copy[:, column])
        return copy

    variants = ((name, shuffled(column)) for column, name in enumerate(names))
    return removal_test(score, values, variants, labels, weights, seed)


def removal_test(
    score: Callable[[Sample], Floats],
    sample: Sample,
    variants: Iterable[tuple[str, Sample]],
    labels: NDArray[Any],
    weights: Floats | None = None,
    seed: int = 0,
) -> list[Importance]:
    """AUC lost on altered copies of the same jets, most important first.

    Args:
        score: sample -> scores (n,).
        sample: what the tagger takes.
        variants: (what was altered, the altered sample) one after the other, rows unchanged.
        labels: (n,) 1 for signal, 0 for background.
        weights: (n,) or None.
        seed: of the bootstrap.
    """
    full = score(sample)
    losses = [
        Importance(name, compare(full, score(altered), labels, weights, efficiencies=(), seed=seed).auc_difference)
        for name, altered in variants
    ]
    return sorted(losses, key=lambda row: -row.loss.value)
