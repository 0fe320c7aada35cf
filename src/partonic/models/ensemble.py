"""An ensemble of trained models: the mean of their probabilities, and how far they differ (arXiv:1902.09914).

The members may be of different architectures that look at different representations, as in the meta-taggers of the
comparison; each has the temperature with which it was calibrated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from partonic.core.config import from_tree, to_tree
from partonic.core.errors import InputError
from partonic.core.registry import models, register_model
from partonic.models.checkpoint import Trained
from partonic.represent.task import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partonic.events.events import Events
    from partonic.represent.several import Batches

NAME, INPUT = "ensemble", "several"
KEYS = ("model", "options", "temperature", "task")
MEMBERS: tuple[dict[str, Any], ...] = tuple(
    {"model": name, "options": {}, "temperature": 1.0, "task": {}} for name in ("pfn", "dnn")
)


@register_model(
    "ensemble",
    paper="arXiv:1902.09914",
    input=INPUT,
    composite=True,
    training={"epochs": 16, "learning_rate": 2e-3, "weight_decay": 1e-3, "size": 128},
)
class Ensemble(nn.Module):
    """Logits of a jet from the mean over the members of their probabilities; targets are the mean of their estimates.

    :func:`combine` makes it of trained models. Trained as one network, its members learn together.

    Args:
        members: plain data of each: ``model`` and ``options`` of its class, ``temperature`` and ``task``; a particle
            flow network beside a dense one on observables by default.

    Raises:
        UnknownNameError: there is no such model.
        InputError: there is no member, or one lacks something.
    """

    def __init__(self, members: Sequence[Mapping[str, Any]] = MEMBERS) -> None:
        super().__init__()
        if not members:
            raise InputError("an ensemble needs one member or more")
        for each in members:
            if set(each) != set(KEYS):
                raise InputError(f"a member of an ensemble has {', '.join(KEYS)}, not {', '.join(map(str, each))}")
        self.members = nn.ModuleList(models.get(each["model"]).cls(**each["options"]) for each in members)
        self._temperatures = [float(each["temperature"]) for each in members]
        self._tasks = [_task(each) for each in members]

    @property
    def outputs(self) -> int:
        """Outputs of the network."""
        return self._tasks[0].outputs

    def forward(self, jets: Batches) -> Tensor:
        """Logits, and targets over the first member's scales: (jets,) or (jets, outputs), float64."""
        logs, estimates = [], []
        for member, part, temperature, task in zip(
            self.members, jets.parts, self._temperatures, self._tasks, strict=True
        ):
            outputs = task.cooled(member(part).double(), temperature)
            logits, _ = task.split(outputs)
            two = torch.stack([-logits, logits], dim=1) if logits.ndim == 1 else logits
            logs.append(torch.nn.functional.logsigmoid(two) if logits.ndim == 1 else two.log_softmax(dim=1))
            estimates.append(task.estimates(outputs))
        mean = torch.stack(logs).logsumexp(dim=0) - math.log(len(logs))  # (jets, classes)
        first = self._tasks[0]
        together = mean[:, 1:] - mean[:, :1] if first.logits == 1 else mean
        if not first.targets:
            return together.squeeze(1) if first.logits == 1 else together
        centre, spread = together.new_tensor(first.scales).T
        return torch.cat([together, (torch.stack(estimates).mean(dim=0) - centre) / spread], dim=1)


def _task(member: Mapping[str, Any]) -> Task:
    return from_tree(Task, member["task"], "the task of a member of an ensemble")


def combine(members: Sequence[Trained], facts: Mapping[str, Any] | None = None) -> Trained:
    """The ensemble of trained models, whose scores are the mean of theirs; its weights are copies.

    It is saved and loaded as any trained model, in one file.

    Args:
        members: one or more, of the same classes and targets.
        facts: plain data about it.

    Raises:
        InputError: there is none, or they tell different classes apart or estimate different targets.
    """
    if not members:
        raise InputError("an ensemble needs one member or more")
    for other in members[1:]:
        for what in ("classes", "targets"):
            ours, theirs = getattr(members[0].task, what), getattr(other.task, what)
            if ours != theirs:
                raise InputError(
                    f"the members of an ensemble must have the same {what}: '{members[0].name}' has "
                    f"{', '.join(ours) or 'none'}, '{other.name}' has {', '.join(theirs) or 'none'}"
                )
    plain = [
        {
            "model": each.name,
            "options": dict(each.options),
            "temperature": each.temperature,
            "task": to_tree(each.task),
        }
        for each in members
    ]
    module = Ensemble(plain)
    for own, given in zip(module.members, members, strict=True):
        own.load_state_dict(given.module.state_dict())
    parts = [(each.input, dict(each.input_options)) for each in members]
    return Trained(
        NAME, {"members": plain}, module.eval(), INPUT, {"parts": parts}, facts=dict(facts or {}), task=members[0].task
    )


def members_of(ensemble: Trained) -> tuple[Trained, ...]:
    """The members of an ensemble, each ready to score jets alone.

    Raises:
        InputError: it is no ensemble.
    """
    if not isinstance(ensemble.module, Ensemble):
        raise InputError(f"the model '{ensemble.name}' is no ensemble; it has no members")
    options, parts = ensemble.options["members"], ensemble.input_options["parts"]
    return tuple(
        Trained(each["model"], each["options"], module, name, chosen, each["temperature"], task=_task(each))
        for each, module, (name, chosen) in zip(options, ensemble.module.members, parts, strict=True)
    )


def member_scores(ensemble: Trained, events: Events, batch_size: int = 128) -> NDArray[np.float64]:
    """Scores of each member, (members, jets) or (members, jets, classes): their spread says how sure the mean is.

    Args:
        ensemble: a trained ensemble.
        events: jets with what the members read.
        batch_size: jets at a time.

    Raises:
        InputError: it is no ensemble.
        BadJetError: a jet that a member cannot take.
    """
    return np.stack([member.scores(events, batch_size) for member in members_of(ensemble)])
