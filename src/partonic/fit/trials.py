"""What trainings repeated at several sizes need: the jets of each, the number of epochs, scores kept on disk."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from partonic.core.files import atomic
from partonic.core.registry import models
from partonic.core.rng import generator
from partonic.events.events import Events
from partonic.fit.options import FitOptions
from partonic.fit.tagger import labels_of
from partonic.models.checkpoint import Trained

LEAST_VALIDATION = 200  # jets to choose the epoch on
USUAL_SIZE = 128  # of a batch, where a model is registered without one


def drawn(labels: NDArray[np.int64], size: int, number: int, seed: int) -> NDArray[np.int64]:
    """Rows of ``size`` jets, half of each class, ascending; those of other numbers are other jets while there are any.

    Args:
        labels: (jets,) 0 or 1.
        size: how many; all of a class where it has fewer.
        number: of the training, from 1.
        seed: of the order in which the jets are taken.
    """
    rng, found = generator(seed, 2), []
    for label, half in ((0, size // 2), (1, size - size // 2)):
        rows = rng.permutation(np.flatnonzero(labels == label))
        wanted = min(half, len(rows))
        found.append(rows[np.arange((number - 1) * wanted, number * wanted) % len(rows)])
    return np.sort(np.concatenate(found))


def few_of(parts: Mapping[str, Events], size: int, number: int, seed: int) -> dict[str, Events]:
    """Parts with the training jets of :func:`drawn`, a quarter as many to choose the epoch on, and all test jets."""
    train, held_out = (labels_of(parts[name]) for name in ("train", "validation"))
    return {
        "train": parts["train"][drawn(train, size, number, seed)],
        "validation": parts["validation"][drawn(held_out, max(size // 4, LEAST_VALIDATION), 1, seed)],
        "test": parts["test"],
    }


def scores_file(directory: Path) -> Path:
    """Where the test jets' scores of the training with this directory are kept."""
    return directory.with_name(f"{directory.name}-scores.npy")


def epochs_for(model: str, size: int, steps: int, minutes: float = math.inf) -> int:
    """A model's own number of epochs, or as many as give it ``steps`` gradient steps with ``size`` jets.

    Args:
        model: its name.
        size: number of jets.
        steps: of the gradient, at least.
        minutes: no more epochs than fit into these by the rate that the model is registered with, but one.

    Raises:
        UnknownNameError: there is no such model.
    """
    facts = models.get(model).facts
    plan = facts.get("training", {})
    own = int(plan.get("epochs", FitOptions.epochs))
    wanted = max(own, math.ceil(steps * int(plan.get("size", USUAL_SIZE)) / size))
    fitting = 60 * minutes * facts.get("rate", math.inf) / size
    return wanted if wanted <= fitting else max(1, int(fitting))


def affordable(model: str, jets: int, minutes: float) -> tuple[int, int]:
    """Jets and epochs that fit into some minutes by the rate that a model is registered with.

    Args:
        model: its name.
        jets: that are there.
        minutes: of processor time on a core like that of the documented benchmarks.

    Returns:
        All jets and the model's own number of epochs, or as many as fit; one epoch of fewer jets where not even one
        of all fits.

    Raises:
        UnknownNameError: there is no such model.
    """
    facts = models.get(model).facts
    own = int(facts.get("training", {}).get("epochs", FitOptions.epochs))
    if "rate" not in facts:
        return jets, own
    fitting = int(60 * minutes * facts["rate"])
    return min(jets, max(fitting, USUAL_SIZE)), max(1, min(own, fitting // jets))


def kept_scores(file: Path, trained: Trained, jets: Events, device: str = "cpu") -> NDArray[np.float64]:
    """Scores of the jets, (jets,) or (jets, classes), read from the file or made and kept there.

    Args:
        file: a name that ends in ``.npy``, its own for each model and sample.
        trained: the model.
        jets: what to score.
        device: where to compute.
    """
    if file.exists():
        kept: NDArray[np.float64] = np.load(file)
        return kept
    scores = trained.scores(jets, device=device)
    with atomic(file) as aside:
        np.save(aside, scores)
    return scores
