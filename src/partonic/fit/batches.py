"""Batches with labels and weights, cut anew in each epoch; the sample may stay on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import partial
from typing import Any, Generic

import numpy as np
import torch
from numpy.typing import NDArray

from partonic.core.errors import InputError
from partonic.core.rng import generator
from partonic.events.cache import release
from partonic.events.events import NOMINAL, Events, concatenate
from partonic.events.ragged import gather_rows
from partonic.fit.ranks import Part
from partonic.represent.batch import B, Labelled, Segmented
from partonic.represent.constituents import BadJetError

BLOCK, READ, TOGETHER = 256, 131_072, 16
"""Samples of more than READ rows are read in random blocks of BLOCK rows, TOGETHER blocks in one go: READ rows are in
memory at a time, and shuffled."""

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]


class RowBatches(Generic[B]):
    """Labelled batches from any source whose rows can be taken; :class:`Batches` and :class:`TensorBatches` are two.

    Each pass is an epoch with its own order, a function of the seed and the number of the epoch. The rows are
    shuffled and cut into batches of equal sums of ``lengths``; where a window of more than one batch is asked for,
    the rows of each window are sorted by length before they are cut, and the batches are shuffled (jets of similar
    length share a batch). Samples of more than 131,072 rows are not shuffled as a whole, which on a disk would read
    each row for itself: random blocks of 256 rows are gathered until they are so many, and these rows are shuffled. The
    blocks are from everywhere, so that such a part is like the whole even in a sample sorted by class.

    The weight of a jet carries the factor (jets of its batch) / (mean jets of a batch): the mean over the batches of
    the mean over the jets of weight x loss is the mean over all jets of weight x loss, so that the expected gradient
    is that of uniform batches although batches of long jets hold few of them.

    Args:
        take: inputs of the given rows (ascending in each batch).
        lengths: (jets,) what a batch holds a constant number of; ones for batches of constant jet number.
        batches: number of batches of an epoch.
        target: (jets,) number of the class, from 0.
        weight: (jets,) event weights.
        classes: their number.
        extra: (jets, targets) standardised quantities that are learned beside the class.
        balance: give all classes the same total weight; in any case the weights are scaled to a mean of 1.
        window: number of batches within which rows are sorted by length, as 50 for models that pad or bucket; 1 sorts
            nothing, which trains better: batches of one length hold mostly one class, and their gradients scatter.
        seed: of the order.
        shuffle: off for validation: contiguous batches in the order of the sample.
        share: part of a pass that is an epoch, above 0 and at most 1; the next epoch goes on where it ended.
        gather: makes the function ``take`` for those of the given rows (ascending), about READ of them, which are asked
            for next; ``None`` where rows are best taken one batch at a time.

    Raises:
        InputError: no rows, a target that is no class, a class without jets, a weight that is not finite, a total
            weight (of a class) that is not above 0, or an option out of range.
    """

    def __init__(
        self,
        take: Callable[[Rows], B],
        lengths: NDArray[Any],
        batches: int,
        target: NDArray[Any],
        weight: NDArray[Any],
        *,
        classes: int = 2,
        extra: NDArray[np.float32] | None = None,
        balance: bool = True,
        window: int = 1,
        seed: int = 0,
        shuffle: bool = True,
        share: float = 1.0,
        gather: Callable[[Rows], Callable[[Rows], B]] | None = None,
    ) -> None:
        if not 0 < share <= 1:
            raise InputError(f"an epoch must be a share above 0 and at most 1 of the jets, not {share}")
        if window < 1:
            raise InputError(f"the window must be 1 batch or more, not {window}")
        if seed < 0:
            raise InputError(f"the seed must be 0 or above, not {seed}")
        self._take = take
        self._lengths = np.asarray(lengths, dtype=np.int64)
        self._target = _checked_target(target, classes)
        self._weight = scaled_weight(weight, self._target, balance)
        self._extra = extra
        self._batches = min(max(batches, 1), len(self._target))
        self._epoch = max(1, round(share * self._batches))  # batches of an epoch
        self._window, self._seed, self._shuffle = window, seed, shuffle
        self._gather, self._passes = gather, 0

    @property
    def jets(self) -> int:
        """Number of jets of a pass."""
        return len(self._target)

    def __len__(self) -> int:
        """Number of batches of an epoch."""
        return self._epoch

    def __iter__(self) -> Iterator[Labelled[B]]:
        """The next epoch."""
        self._passes += 1
        return self.epoch(self._passes - 1)

    def epoch(self, number: int, skip: int = 0) -> Iterator[Labelled[B]]:
        """The batches of an epoch (the first is 0) without the first ``skip``; the same whenever it is called."""
        for part in self.parts(number, skip, 0, 1):
            yield part.batch

    def parts(self, number: int, skip: int, rank: int, size: int) -> Iterator[Part[Labelled[B]]]:
        """What process ``rank`` of ``size`` has of the batches of an epoch without the first ``skip``.

        It takes every size-th row. Where a batch has fewer rows than there are processes, each has all of them.
        """
        mean, batches = self.jets / self._batches, self.rows(number)
        mine = [batch[rank::size] if len(batch) >= size else batch for batch in batches]
        run = np.cumsum([0, *map(len, batches[:-1])]) // READ  # batches whose rows are read together
        take = self._take
        for i in range(skip, len(batches)):
            rows, n = mine[i], len(batches[i])
            if self._gather is not None and (i == skip or run[i] > run[i - 1]):
                together = [mine[j] for j in range(i, len(batches)) if run[j] == run[i]]
                take = self._gather(np.sort(np.concatenate(together)))
            target, weight = _tensor(self._target[rows]), _tensor(self._weight[rows] * (n / mean))
            extra = None if self._extra is None else _tensor(self._extra[rows])
            labelled = Labelled(take(rows), target, weight, extra)
            yield Part(labelled, len(rows) / n if n >= size else 1 / size, n)

    def rows(self, number: int) -> list[Rows]:
        """Row numbers of each batch of an epoch, ascending within a batch; every row of a pass is in exactly one."""
        found: list[Rows] = []
        while len(found) < self._epoch:
            one, begin = divmod(number * self._epoch + len(found), self._batches)
            found += self._pass(one)[begin : begin + self._epoch - len(found)]
        return found

    def _pass(self, number: int) -> list[Rows]:
        """Row numbers of each batch of a pass."""
        n = self.jets
        if not self._shuffle:
            return np.split(np.arange(n), cut(self._lengths, self._batches)[1:-1])
        rng = generator(self._seed, number)
        order = _order(n, rng)
        edges = cut(self._lengths[order], self._batches)
        parts: list[Rows] = []
        for first in range(0, self._batches, self._window):
            last = min(first + self._window, self._batches)
            inside = order[edges[first] : edges[last]]
            if last - first > 1:
                inside = inside[np.argsort(self._lengths[inside], kind="stable")]
            parts += np.split(inside, cut(self._lengths[inside], last - first)[1:-1])
        near = np.cumsum([0, *map(len, parts[:-1])]) // max(READ, self._window * n // self._batches)
        groups = np.split(np.arange(len(parts)), np.flatnonzero(np.diff(near)) + 1)  # batches that may change places
        return [np.sort(parts[i]) for group in groups for i in group[rng.permutation(len(group))]]


class Batches(RowBatches[B]):
    """Labelled batches made on the fly from events, which may be memory-mapped: only the rows of a batch are read.

    Args:
        events: the sample; leave out with :meth:`~partonic.events.Events.select` what the representation does not need.
        represent: makes the model's input of a few events.
        target: column with 0 and 1 (and further classes), or an array (jets,).
        weight: name of the event weight.
        classes: their number.
        extra: (jets, targets) standardised quantities that are learned beside the class.
        balance: give all classes the same total weight.
        size: mean number of jets a batch.
        particles: if given, batches hold this number of particles instead (the memory and time of a batch are
            constant).
        collection: the ragged collection that ``particles`` counts.
        window, seed, shuffle, share: see :class:`RowBatches`.

    Raises:
        InputError: see :class:`RowBatches`.
        UnknownNameError: there is no such column, weight or collection.

    Example:
        >>> data = Batches(train, representation("packed"), particles=12_800)
        >>> held_out = Batches(validation, representation("packed"), particles=12_800, shuffle=False)
    """

    def __init__(
        self,
        events: Events,
        represent: Callable[[Events], B],
        *,
        target: str | NDArray[Any] = "label",
        weight: str = NOMINAL,
        classes: int = 2,
        extra: NDArray[np.float32] | None = None,
        balance: bool = True,
        size: int = 256,
        particles: int | None = None,
        collection: str = "constituents",
        window: int = 1,
        seed: int = 0,
        shuffle: bool = True,
        share: float = 1.0,
    ) -> None:
        lengths = np.ones(len(events)) if particles is None else events.collection(collection).counts
        super().__init__(
            lambda rows: _represented(events, represent, rows, rows),
            lengths,
            _count(lengths, size, particles),
            _same_length(events.column(target) if isinstance(target, str) else target, len(events), "targets"),
            events.weight(weight),
            classes=classes,
            extra=extra,
            balance=balance,
            window=window,
            seed=seed,
            shuffle=shuffle,
            share=share,
            gather=partial(_gathered, events, represent) if len(events) > READ else None,
        )


class TensorBatches(RowBatches[B]):
    """Labelled batches from inputs that are represented already (images, features, packed jets in memory).

    Args:
        inputs: the whole sample as one batch: tensors whose first axis is the jet, or packed jets and trees.
        target: (jets,) 0 or 1.
        weight: (jets,) event weights, ones if not given.
        balance, size, particles, window, seed, shuffle: see :class:`Batches`; ``particles`` needs packed jets.

    Raises:
        InputError: see :class:`RowBatches`; or the lengths differ, or ``particles`` was given for inputs that have
            none.
    """

    def __init__(
        self,
        inputs: B,
        target: NDArray[Any],
        weight: NDArray[Any] | None = None,
        *,
        balance: bool = True,
        size: int = 256,
        particles: int | None = None,
        window: int = 1,
        seed: int = 0,
        shuffle: bool = True,
    ) -> None:
        if particles is None:
            lengths = np.ones(len(inputs))
        elif isinstance(inputs, Segmented):
            lengths = np.diff(inputs.offsets.numpy())
        else:
            raise InputError(f"{type(inputs).__name__} hold no particles to count; give the size of a batch in jets")
        super().__init__(
            lambda rows: take(inputs, rows),
            lengths,
            _count(lengths, size, particles),
            _same_length(target, len(inputs), "targets"),
            np.ones(len(inputs)) if weight is None else _same_length(weight, len(inputs), "weights"),
            balance=balance,
            window=window,
            seed=seed,
            shuffle=shuffle,
        )


def _order(n: int, rng: np.random.Generator) -> Rows:
    """A random order of n rows; of many rows one that can be read in blocks, see :class:`RowBatches`."""
    if n <= READ:
        return rng.permutation(n)
    starts = BLOCK * rng.permutation(-(-n // BLOCK))
    parts = []
    for some in np.split(starts, range(READ // BLOCK, len(starts), READ // BLOCK)):
        rows = (some[:, None] + np.arange(BLOCK)).ravel()
        parts.append(rng.permutation(rows[rows < n]))
    return np.concatenate(parts)


def cut(lengths: NDArray[Any], parts: int) -> Rows:
    """Edges (parts + 1,) that cut rows into contiguous parts of nearly equal sums of lengths, none without a row."""
    n = len(lengths)
    total = np.cumsum(lengths, dtype=np.float64)
    aims = total[-1] * np.arange(1, parts) / parts
    inner = np.searchsorted(total - 0.5 * lengths, aims)  # a row belongs to the part that holds its middle
    at_least = np.arange(1, parts)
    inner = np.maximum.accumulate(np.maximum(inner, at_least) - at_least) + at_least
    inner = np.minimum(inner, n - parts + at_least)
    return np.concatenate([[0], inner, [n]]).astype(np.int64)


def take(batch: B, rows: Rows) -> B:
    """The given rows of an input: a dataclass of tensors with the jet, or with its items (packed), as first axis."""
    index = torch.from_numpy(rows)
    source: Any = batch
    if isinstance(batch, Segmented):
        offsets, positions = gather_rows(batch.offsets.numpy(), rows)
        items = torch.from_numpy(positions)
        names = [f.name for f in fields(source) if f.name != "offsets"]
        taken = {name: getattr(source, name)[items] for name in names} | {"offsets": torch.from_numpy(offsets)}
    else:
        taken = {f.name: getattr(source, f.name)[index] for f in fields(source)}
    result: B = replace(source, **taken)
    return result


def _represented(events: Events, represent: Callable[[Events], B], rows: Rows, names: Rows) -> B:
    """The inputs of the given rows; an error about a jet gives its name, which is its row in the whole sample."""
    contiguous = rows[-1] - rows[0] == len(rows) - 1
    try:
        return represent(events[rows[0] : rows[-1] + 1] if contiguous else events[rows])
    except BadJetError as error:
        raise BadJetError(int(names[error.row]), error.reason) from None


def _gathered(events: Events, represent: Callable[[Events], B], rows: Rows) -> Callable[[Rows], B]:
    """The given rows in memory, as a function that makes the inputs of some of them.

    A memory-mapped file can only be read in whole pages, which the system may make as large as 2 MB: batches with rows
    from everywhere would keep all of it in memory. So rows are copied, those of a few blocks at a time.
    """
    parts = []
    for start in range(0, len(rows), TOGETHER * BLOCK):
        parts.append(events[rows[start : start + TOGETHER * BLOCK]])
        release(events)
    inside = concatenate(parts)
    return lambda wanted: _represented(inside, represent, np.searchsorted(rows, wanted), wanted)


def _tensor(values: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))


def _same_length(values: NDArray[Any], n: int, what: str) -> NDArray[Any]:
    array = np.asarray(values)
    if array.shape != (n,):
        raise InputError(f"{what} of shape {array.shape} do not fit {n} jets; expected ({n},)")
    return array


def _count(lengths: NDArray[Any], size: int, particles: int | None) -> int:
    """Number of batches of an epoch."""
    wanted = size if particles is None else particles
    if wanted < 1:
        raise InputError(f"a batch must hold 1 or more {'jets' if particles is None else 'particles'}, not {wanted}")
    return int(np.ceil(np.sum(lengths, dtype=np.float64) / wanted))


def _checked_target(target: NDArray[Any], classes: int) -> NDArray[np.float32]:
    values = np.asarray(target)
    expected = "0 and 1" if classes == 2 else f"0 to {classes - 1}"
    if values.size == 0:
        raise InputError("there are no jets to train on: the sample is empty")
    if values.dtype.kind not in "biuf":
        raise InputError(f"labels must be the numbers {expected}, not of type {values.dtype}")
    found = np.unique(values)
    if np.isnan(found).any():
        raise InputError(f"{int(np.isnan(values).sum())} of {len(values)} labels are NaN; expected {expected}")
    if not np.isin(found, range(classes)).all():
        listing = ", ".join(f"{value:g}" for value in found[:6])
        meaning = "0 (background) and 1 (signal)" if classes == 2 else expected
        raise InputError(f"labels must be {meaning}, found {listing}; map them to these first")
    if len(found) == 1:
        raise InputError(
            f"the sample holds one class only: all {len(values)} labels are {found[0]:g}; give jets of all classes"
        )
    if len(found) < classes:
        lacking = sorted(set(range(classes)) - set(found.astype(int).tolist()))
        raise InputError(f"the sample holds no jet of class {', '.join(map(str, lacking))}; give jets of all classes")
    return values.astype(np.float32)


def scaled_weight(weight: NDArray[Any], target: NDArray[Any], balance: bool) -> Floats:
    """Weights of mean 1, the classes of equal total where they are balanced.

    Raises:
        InputError: a weight is not finite, or those of a class do not add up to more than 0.
    """
    values = np.array(weight, dtype=np.float64)
    if not np.isfinite(values).all():
        raise InputError(f"{int((~np.isfinite(values)).sum())} of {len(values)} event weights are NaN or infinite")
    if not values.any():
        raise InputError(f"all {len(values)} event weights are zero: there is nothing to train on")
    classes = np.unique(target)
    names = {0: "class 0 (background)", 1: "class 1 (signal)"} if classes.max() < 2 else {}
    masks = {names.get(int(number), f"class {number:g}"): target == number for number in classes}
    totals = {name: values[mask].sum() for name, mask in masks.items()}
    for name, total in totals.items():
        if not total > 0:
            raise InputError(f"the event weights of {name} add up to {total:g}; a training needs a total above zero")
    for name, mask in masks.items():
        values[mask] *= len(values) / (len(classes) * totals[name] if balance else sum(totals.values()))
    return values
