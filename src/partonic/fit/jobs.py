"""The trainings of a study: one after the other, or side by side in processes of their own."""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from partonic.core.parallel import ordered
from partonic.core.rank import size
from partonic.core.registry import models
from partonic.events.events import Events
from partonic.fit import ranks
from partonic.fit.options import FitOptions
from partonic.fit.tagger import Training, finished, load_training, train_tagger
from partonic.fit.trials import kept_scores

PartsOf = Callable[[str], Mapping[str, Events]]
WORTH = 60.0  # seconds of training in all below which further processes, of some seconds each, are not started
USUAL_RATE = 2_000.0  # jets trained on in a second, where a model is registered without
DAYS = 30 * 86_400.0  # no training counts as hung before it has taken so many seconds


@dataclass(frozen=True)
class Job:
    """One training.

    Args:
        model: its name.
        directory: where its state goes, see :func:`~partonic.fit.tagger.train_tagger`; no other training has it.
        jets: number of jets that it learns from, at least; few are not worth further processes.
        sample: name of these jets, and of those it is measured on.
        options: further ones of :func:`~partonic.fit.tagger.train_tagger`, as ``{"seed": 2}``.
    """

    model: str
    directory: Path
    jets: int
    sample: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def scores(self) -> Path:
        """Where the scores of the test jets are kept."""
        return self.directory.with_name(f"{self.directory.name}-scores.npy")


def train_jobs(jobs: Sequence[Job], parts_of: PartsOf, workers: int = 1, device: str = "cpu") -> list[Training]:
    """Train all, or load those that are done, and give them in the order of the jobs.

    On the processor as many as there are workers run at the same time, each on one thread, or on as many as there are
    workers for each where jobs are fewer: the results are the same to the bit with any number of workers up to that of
    the jobs. Each scores its test jets, too, see :attr:`Job.scores`. An interrupted training goes on where it stopped.
    On other devices, and in each of several processes that train together, one follows the other, without scores.

    Args:
        jobs: what to train.
        parts_of: from the name of a sample to its parts ``train``, ``validation`` and ``test``; it must pickle where
            there are several workers.
        workers: processes.
        device: where to train.

    Raises:
        WorkerError: processes died three times, and no training was finished between.
    """
    if device != "cpu" or size() > 1:
        train = _Trainer(parts_of, device)
        return [train.training(job) for job in jobs]
    make = functools.partial(_Trainer, parts_of, device, max(1, workers // max(len(jobs), 1)))
    left = [job for job in jobs if not (finished(job.directory) and job.scores.exists())]
    many = len(left) if sum(_seconds(job) for job in left) > WORTH else 1
    with closing(ordered(make, left, min(workers, max(many, 1)), patience=DAYS)) as results:
        for number, name in enumerate(results, 1):
            sys.stderr.write(f"trained {name}, {number} of {len(left)}\n")
    return [load_training(job.directory) for job in jobs]


def _seconds(job: Job) -> float:
    """About what a training takes."""
    facts = models.get(job.model).facts
    plan = {"epochs": FitOptions.epochs, **facts.get("training", {}), **job.options.get("training", {})}
    epochs = min(int(plan["epochs"]), job.options.get("epochs") or math.inf)
    return float(epochs * job.jets / facts.get("rate", USUAL_RATE))


class _Trainer:
    """Does jobs, made once in each process.

    Args:
        parts_of: as of :func:`train_jobs`.
        device: where to train.
        threads: of a training, 0 for torch's default.
    """

    def __init__(self, parts_of: PartsOf, device: str, threads: int = 0) -> None:
        self._parts_of, self._device, self._threads = functools.cache(parts_of), device, threads

    def training(self, job: Job) -> Training:
        """Train, where that is not done yet."""
        if finished(place := ranks.agreed(job.directory)):
            return load_training(place)
        parts, options = self._parts_of(job.sample), dict(job.options)
        given = (job.model, parts["train"], parts["validation"], job.directory)
        training = {"threads": self._threads, **options.pop("training", {})}
        return train_tagger(*given, training=training, device=self._device, **options)

    def __call__(self, job: Job) -> str:
        """Train and score the test jets; gives the name of the training."""
        trained = self.training(job).trained
        if not job.scores.exists():
            kept_scores(job.scores, trained, self._parts_of(job.sample)["test"], self._device)
        return job.directory.name
