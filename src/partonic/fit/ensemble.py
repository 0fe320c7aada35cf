"""Train an ensemble: the same model from several seeds, or several models, each by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partonic.core.errors import InputError
from partonic.core.rank import rank
from partonic.events.events import Events
from partonic.fit import ranks
from partonic.fit.tagger import Training, train_tagger
from partonic.models.checkpoint import Trained, save
from partonic.models.ensemble import combine


@dataclass(frozen=True)
class EnsembleTraining:
    """A trained ensemble and its members.

    Args:
        trained: the ensemble, whose score is the mean of its members'.
        members: the trainings of the members.
    """

    trained: Trained
    members: tuple[Training, ...]

    @property
    def seconds(self) -> float:
        """Time in training and validation of all members, see :class:`~partonic.fit.tagger.Training`."""
        return sum(member.seconds for member in self.members)


def train_ensemble(
    names: str | Sequence[str],
    train: Events,
    validation: Events,
    directory: Path,
    *,
    n: int = 5,
    seed: int = 0,
    **how: Any,
) -> EnsembleTraining:
    """Train ``n`` members of each model from seeds of their own, or load those that the directory has trained.

    Member ``i`` of a model is trained in ``DIRECTORY/NAME-i`` with the seed ``seed + i``; an interrupted training goes
    on where it stopped. The ensemble is saved beside the directory as ``DIRECTORY.pt``.

    Args:
        names: of the model, or of several.
        train: as of :func:`~partonic.fit.tagger.train_tagger`.
        validation: the same.
        directory: where the members go.
        n: members of each model, 1 or more.
        seed: of the first member.
        how: further arguments of ``train_tagger``, the same for all.

    Raises:
        UnknownNameError: there is no such model.
        InputError: ``n`` is below 1, no model is named or one twice, or what ``train_tagger`` raises.
    """
    chosen = (names,) if isinstance(names, str) else tuple(names)
    if n < 1 or not chosen or len(set(chosen)) < len(chosen):
        raise InputError(f"an ensemble needs 1 member or more of different models, not {n} of {', '.join(chosen)}")
    members = tuple(
        train_tagger(name, train, validation, directory / f"{name}-{i}", seed=seed + i, **how)
        for name in chosen
        for i in range(n)
    )
    facts: Mapping[str, Any] = {"models": list(chosen), "members_each": n, "seed": seed}
    trained = combine([member.trained for member in members], facts)
    if rank() == 0:
        save(directory.with_suffix(".pt"), trained)
    ranks.wait()
    return EnsembleTraining(trained, members)
