"""What a tagger learns: the classes that it tells apart, and columns of the jets that it estimates beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from partonic.core.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partonic.events.events import Events


@dataclass(frozen=True)
class Task:
    """Classes and targets.

    Args:
        classes: their names in the order of the labels 0, 1, ...; two take one logit, more as many.
        targets: columns of the jets that the network estimates too, as the mass.
        scales: mean and spread of each target in the training sample, by which it is standardised; filled in by the
            training.

    Raises:
        InputError: there are less than two classes, or a name stands twice.
    """

    classes: tuple[str, ...] = ("background", "signal")
    targets: tuple[str, ...] = ()
    scales: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise InputError(f"a tagger needs two classes or more, not {len(self.classes)}")
        for names in (self.classes, self.targets):
            if len(set(names)) < len(names):
                raise InputError(f"a name stands twice among {', '.join(names)}")

    @property
    def logits(self) -> int:
        """Outputs that are logits of classes."""
        return 1 if len(self.classes) == 2 else len(self.classes)

    @property
    def outputs(self) -> int:
        """Outputs of the network."""
        return self.logits + len(self.targets)

    def labels(self, jets: Events) -> NDArray[np.int64]:
        """Labels of jets, (jets,).

        Raises:
            InputError: there is a label beyond the classes, or one class only.
        """
        given = np.asarray(jets.column("label"))
        found = np.unique(given)
        if not np.isin(found, range(len(self.classes))).all():
            raise InputError(f"labels must be {_listing(self.classes)}, found {', '.join(map(str, found[:6]))}")
        labels = given.astype(np.int64)
        if len(found) < 2:
            raise InputError(
                f"the sample of {len(labels):,} jets holds one class only (label {found[0]}); give jets of all"
            )
        return labels

    def scaled(self, jets: Events) -> Task:
        """The task with the scales of a sample.

        Raises:
            InputError: a target is not finite, or the same for all jets.
        """
        scales = []
        for name in self.targets:
            values = _target(jets, name)
            mean, spread = float(values.mean()), float(values.std())
            if not spread > 0:
                raise InputError(f"the target '{name}' must differ between jets, and is {mean:g} for all")
            scales.append((mean, spread))
        return replace(self, scales=tuple(scales))

    def standardised(self, jets: Events) -> NDArray[np.float32] | None:
        """The targets of jets over their scales, (jets, targets); none where there is no target.

        Raises:
            InputError: a target is not finite.
        """
        if not self.targets:
            return None
        columns = [
            (_target(jets, name) - mean) / spread
            for name, (mean, spread) in zip(self.targets, self.scales, strict=True)
        ]
        return np.stack(columns, axis=1).astype(np.float32)

    def split(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs (jets,) or (jets, outputs) as logits, (jets,) or (jets, classes), and standardised targets."""
        if outputs.ndim == 1:
            return outputs, outputs[:, None][:, :0]
        logits, values = outputs.tensor_split([outputs.shape[1] - len(self.targets)], dim=1)
        return logits.squeeze(1) if logits.shape[1] == 1 else logits, values

    def cooled(self, outputs: Tensor, temperature: float) -> Tensor:
        """Outputs with their logits divided by a temperature (arXiv:1706.04599)."""
        if outputs.ndim == 1:
            return outputs / temperature
        logits, values = outputs.tensor_split([outputs.shape[1] - len(self.targets)], dim=1)
        return torch.cat([logits / temperature, values], dim=1)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Probability of class 1, (jets,), or of each of several classes, (jets, classes)."""
        logits, _ = self.split(outputs)
        return logits.sigmoid() if logits.ndim == 1 else logits.softmax(dim=1)

    def estimates(self, outputs: Tensor) -> Tensor:
        """Targets in their own units, (jets, targets)."""
        _, values = self.split(outputs)
        scales = torch.tensor(self.scales, dtype=outputs.dtype).view(-1, 2)
        return torch.addcmul(scales[:, 0], values, scales[:, 1])


def _target(jets: Events, name: str) -> NDArray[np.float64]:
    values = np.asarray(jets.column(name), dtype=np.float64)
    if bad := int((~np.isfinite(values)).sum()):
        raise InputError(f"the target '{name}' must be finite, and is not for {bad:,} of {len(values):,} jets")
    return values


def _listing(classes: tuple[str, ...]) -> str:
    return ", ".join(f"{label} ({name})" for label, name in enumerate(classes))
