"""What trainings repeated at several sizes need: the jets of each, the number of epochs, scores kept on disk."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import cast
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import InputError
from partonic.core.files import atomic
from partonic.core.registry import models
from partonic.core.rng import generator
from partonic.events.events import Events
from partonic.fit.begun import mark, weights_mark
from partonic.fit.options import FitOptions
from partonic.fit.tagger import labels_of
from partonic.models.checkpoint import Trained
from partonic.represent import needed, representation

LEAST_VALIDATION = 200  # jets to choose the epoch on
MEASURED = 1 / 3  # time of a jet of the validation over that of one of the training; 0.23 to 0.46 for six networks
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


def check_enough(labels: NDArray[np.int64], size: int) -> None:
    """Refuse a number of training jets of which a class has not its half, unless by chance of a random split.

    Args:
        labels: (jets,) 0 or 1.
        size: number of jets, half of each class.

    Raises:
        InputError: as above.
    """
    least = int(np.bincount(labels, minlength=2).min())
    if least < size / 2 - 5 * math.sqrt(size / 2):
        raise InputError(
            f"the largest size is {size:,} jets, half of each class, and there are {least:,} of one class to train on; "
            f"give sizes of up to {2 * least:,}"
        )


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
    return directory.with_name(f"{directory.name}-scores.npz")


def epochs_for(model: str, jets: int, minutes: float = math.inf, *, steps: int = 0, validation: int = 0) -> float:
    """Passes over the jets in a training: a model's own number, more for few jets, fewer in little time.

    Args:
        model: its name.
        jets: number of jets that it learns from.
        minutes: of processor time on a core like that of the documented benchmarks that it may take, by the rate that
            the model is registered with. The number has a fraction where the time ends within a pass; one batch is the
            least.
        steps: of the gradient, at least, in the time.
        validation: number of jets on which each epoch is measured.

    Raises:
        UnknownNameError: there is no such model.
    """
    facts = models.get(model).facts
    plan = facts.get("training", {})
    size = int(plan.get("size", USUAL_SIZE))
    wanted = max(int(plan.get("epochs", FitOptions.epochs)), math.ceil(steps * size / jets))
    seen: float = 60 * minutes * facts.get("rate", math.inf)  # jets, those of a validation counted as what they cost
    if wanted * (jets + MEASURED * validation) <= seen:
        return wanted
    epochs = math.ceil(seen / (jets + MEASURED * validation))
    return max((seen - epochs * MEASURED * validation) / jets, epochs - 1, size / jets)


def kept_scores(file: Path, trained: Trained, jets: Events, device: str = "cpu") -> NDArray[np.float64]:
    """Scores of the jets, (jets,) or (jets, classes), read from the file or made and kept there.

    Where the file is damaged, or has scores of other jets or of other weights, they are made anew.

    Args:
        file: a name that ends in ``.npz``.
        trained: the model.
        jets: what to score.
        device: where to compute.
    """
    read = needed(representation(trained.input, **trained.input_options), jets)
    marks = np.array([mark(read), weights_mark(trained.module)])
    damaged = OSError, ValueError, EOFError, KeyError, TypeError, BadZipFile
    with contextlib.suppress(*damaged), file.open("rb") as stream, np.load(stream) as kept:
        if np.array_equal(kept["marks"], marks):
            return cast("NDArray[np.float64]", kept["scores"])
    scores = trained.scores(jets, device=device)
    with atomic(file) as aside:
        np.savez(aside, scores=scores, marks=marks)
    return scores
