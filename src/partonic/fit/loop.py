"""The training loop: minimise an objective over batches, keep the best state, resume to the bit."""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from partonic.core.errors import FileError, InputError, TrainingError
from partonic.core.files import append, check_writable, write_text
from partonic.core.progress import progress
from partonic.core.rank import rank, size
from partonic.fit import ranks
from partonic.fit.interrupt import Interrupts, Paused
from partonic.fit.options import FitOptions
from partonic.fit.ranks import Part
from partonic.fit.state import State, Totals, copy, restore, save
from partonic.fit.stepping import Stepper, clipped, descend
from partonic.models.precision import check_device, check_precision, compiled_by_torch, computing

M = TypeVar("M", bound=nn.Module)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
MakeOptimiser = Callable[[nn.Module, FitOptions], torch.optim.Optimizer]
DEFAULTS = FitOptions()
STATE, LOG = "fit.pt", "fit.log"
SHOW_EVERY = 0.1  # seconds between two reports of progress


@runtime_checkable
class Epochs(Protocol[T_co]):
    """Data whose epochs are functions of their number, as :class:`partonic.fit.batches.Batches`."""

    def epoch(self, number: int, skip: int = 0) -> Iterator[T_co]:
        """The batches of an epoch (from 0) without the first ``skip``."""
        ...


@runtime_checkable
class Shared(Protocol[T_co]):
    """Data of which each of several processes can take its share, as :class:`partonic.fit.batches.Batches`."""

    def parts(self, number: int, skip: int, rank: int, size: int) -> Iterator[Part[T_co]]:
        """The parts that process ``rank`` of ``size`` has of the batches of an epoch without the first ``skip``."""
        ...


@dataclass(frozen=True)
class FitResult:
    """What a fit did.

    Args:
        history: one record an epoch: ``epoch`` (from 1), ``loss`` (mean over the steps, with the L1 penalty),
            ``validation`` (without it; where there is any), ``learning_rate`` (of the last step), ``gradient_norm``
            (mean, before clipping), ``items``, ``seconds``, ``validation_seconds``.
        best_epoch: the epoch whose state the model has now.
        best_loss: its validation loss, or training loss where there is no validation.
        stopped: ``"epochs"`` (all done) or ``"patience"``.
        seconds: processor time of this process in training and validation, over all sessions of a resumed fit; time
            gone by where the training is on another device.
        items: rows (jets) trained on, over all epochs.
    """

    history: list[dict[str, float]]
    best_epoch: int
    best_loss: float
    stopped: str
    seconds: float
    items: int


def fit(
    model: M,
    objective: Callable[[M, T], Tensor],
    data: Iterable[T],
    validation: Iterable[T] | None = None,
    options: FitOptions = DEFAULTS,
    directory: Path | str | None = None,
    description: str = "training",
    optimiser: MakeOptimiser | None = None,
) -> FitResult:
    """Train a model in place; it ends in its best state, in evaluation mode, on the device of the options.

    The loss of an epoch is the mean over its batches. With a directory, the state is saved there (``fit.pt``: after
    each epoch, every ``save_every`` seconds, on Ctrl-C) with a log (``fit.log``: one JSON line an epoch). A fit
    called again with the same arguments goes on from there and ends as if it had never stopped, to the bit on the
    same machine and number of threads; one that had ended returns at once. That holds for data whose pass n is a
    function of n: ``Batches``, lists.

    Started by ``torchrun`` in several processes, each takes its share of every batch of data that can be shared
    (:class:`Shared`; of other data each computes all), batch normalisations see the whole batch, and the losses are
    those of one process to rounding; only what is random inside the model (dropout) differs. The first process saves.

    Args:
        model: any module.
        objective: ``(model, batch) -> scalar loss``.
        data: batches, passed once an epoch; anything that can be iterated again and again.
        validation: batches on which the best epoch is chosen, without gradients and with the same random numbers each
            time.
        options: see :class:`FitOptions`.
        directory: where to save, made if it is missing; ``None`` saves nothing.
        description: for the progress display.
        optimiser: makes the optimiser of the model, that of the options if None.

    Raises:
        InputError: nothing to train, data that can be passed only once, no such device, a precision that it lacks, or
            the directory holds another fit.
        MissingPackageError: the model is to be compiled, and there is no C++ compiler.
        FileError: the directory cannot be written, or its state cannot be read.
        TrainingError: a loss or gradient is not finite, or there are no batches. The model has its best state.
        WorkerError: another of several processes has ended.
        KeyboardInterrupt: Ctrl-C, after the step it came in and after saving; a second one stops at once.
    """
    return carry_out(Run, model, objective, data, validation, options, directory, description, optimiser)


def carry_out(
    kind: Callable[[State, Any, FitOptions, int, Path | None, Interrupts], Run],
    model: nn.Module,
    objective: Any,
    data: Iterable[Any],
    validation: Iterable[Any] | None,
    options: FitOptions,
    directory: Path | str | None,
    description: str,
    optimiser: MakeOptimiser | None = None,
) -> FitResult:
    """A training whose steps are those of ``kind``; the rest as :func:`fit`, which see.

    Args:
        kind: :class:`Run`, or what it is overridden by.
        model: any module.
        objective: what the steps of ``kind`` take.
        data: as of :func:`fit`.
        validation: as of :func:`fit`.
        options: as of :func:`fit`.
        directory: as of :func:`fit`.
        description: as of :func:`fit`.
        optimiser: as of :func:`fit`.
    """
    _check(model, data, validation, options)
    model.to(options.device)
    steps = len(data) if isinstance(data, Sized) else 0
    path = _state_file(directory) if rank() == 0 else None
    ranks.join(options.device)
    with (
        _surroundings(options),
        compiled_by_torch(model, options.compile),
        Interrupts() as interrupts,
        ranks.synchronised(model),
    ):
        ranks.equalise(model)
        average = copy(model.state_dict()) if options.averaging else None
        state = State(model, (optimiser or usual_optimiser)(model, options), average)
        saved = ranks.agreed(path if path is not None and path.exists() else None)
        if saved is not None:
            restore(state, options, steps, saved)
        if path is not None and saved is not None:
            write_text(path.with_name(LOG), "".join(_line(record) for record in state.history))
        ranks.wait()
        try:
            if not state.stopped:
                kind(state, objective, options, steps, path, interrupts).go(data, validation, description)
        finally:
            if state.best is not None:
                model.load_state_dict(state.best)
            model.eval()
    seconds = sum(record["seconds"] + record.get("validation_seconds", 0.0) for record in state.history)
    items = sum(int(record["items"]) for record in state.history)
    return FitResult(state.history, state.best_epoch, state.best_loss, state.stopped, seconds, items)


@dataclass
class Run:
    """A fit under way: its state and what does not change."""

    state: State
    objective: Any
    options: FitOptions
    steps: int
    path: Path | None
    interrupts: Interrupts
    stop: bool = False

    def __post_init__(self) -> None:
        self._stepper = Stepper(self.state.optimiser)
        self._since = time.monotonic(), 0  # of the running epoch, or what of it this process does, and items before
        self._clock = time.process_time if torch.device(self.options.device).type == "cpu" else time.monotonic

    def go(self, data: Iterable[Any], validation: Iterable[Any] | None, description: str) -> None:
        """All epochs that are left."""
        state = self.state
        first = state.epoch
        with progress(description, self.options.epochs - first, "epochs") as bar:
            try:
                while not state.stopped:
                    self._epoch(data, lambda done: bar.advance(done - first - bar.done, self._note()))
                    self._close(validation)
            except Paused:
                self._save()
                raise KeyboardInterrupt from None

    def _epoch(self, data: Iterable[Any], show: Callable[[float], None]) -> None:
        """The steps of the running epoch that are left; ``show`` takes the number of epochs done."""
        state, totals = self.state, self.state.totals
        state.model.train()
        start = self._clock()
        saved = shown = time.monotonic()
        self._since = saved, totals.items
        for part in _enter(data, state.epoch, state.step):
            self._pause()
            self._step(part)
            state.step += 1
            totals.seconds += self._clock() - start
            now = time.monotonic()
            if now - saved >= self.options.save_every:
                self._save()
                saved = time.monotonic()
            if now - shown >= SHOW_EVERY and self.steps:
                show(state.epoch + state.step / self.steps)
                shown = now
            start = self._clock()
        if state.step == 0:
            raise TrainingError("the training data gave no batch")
        show(state.epoch + 1)

    def _pause(self) -> None:
        """Stop here if Ctrl-C was pressed; several processes stop at the step on which they have agreed."""
        if size() == 1:
            self.interrupts.check()
        elif self.stop:
            raise Paused

    def _step(self, part: Part[Any]) -> None:
        """One update of the weights."""
        state, options = self.state, self.options
        ranks.own_random(options.seed, state.updates)
        loss = self._loss(self.objective, part.batch)
        if options.l1:
            matrices = [p for p in state.model.parameters() if p.requires_grad and p.ndim > 1]
            loss = loss + options.l1 * sum(p.abs().sum() for p in matrices)
        self._count(*self._update(loss, part.share), part.items)

    def _update(self, loss: Tensor, share: float) -> tuple[float, float]:
        """Move the weights down the gradient of a loss; the loss of the whole batch and the norm of its gradient."""
        state, options = self.state, self.options
        trained = [p for group in state.optimiser.param_groups for p in group["params"]]
        for weight in trained:
            weight.grad = None
        loss = loss * share if share != 1 else loss
        flat = descend(loss)
        value, self.stop = ranks.combine(trained, loss, self.interrupts.waiting)
        self._finite("loss", value)
        gradients = [p.grad for p in trained if p.grad is not None] if flat is None else [flat]
        norm = clipped(gradients, options.clip)
        self._finite("gradient", norm)
        for group in state.optimiser.param_groups:
            group["lr"] = options.rate(self._progress()) * group.get("factor", 1.0)
        self._stepper.step()
        return value, norm

    def _count(self, loss: float, norm: float, items: int) -> None:
        """Note a step that is done."""
        state, options = self.state, self.options
        state.blend(options.decay(state.updates))
        state.updates += 1
        state.totals.loss += loss
        state.totals.gradient_norm += norm
        state.totals.items += items

    def _close(self, validation: Iterable[Any] | None) -> None:
        """Validate, record and save the epoch that has all its steps."""
        state, totals, n = self.state, self.state.totals, self.state.step
        record = {
            "epoch": state.epoch + 1,
            "loss": totals.loss / n,
            "learning_rate": state.optimiser.param_groups[0]["lr"],
            "gradient_norm": totals.gradient_norm / n,
            "items": totals.items,
            "seconds": totals.seconds,
            **{name: value / n for name, value in totals.others.items()},
        }
        if validation is not None:
            start = self._clock()
            record["validation"] = self._validate(validation)
            record["validation_seconds"] = self._clock() - start
        state.keep_best(record.get("validation", record["loss"]))
        state.history.append(record)
        state.epoch, state.step, state.totals = state.epoch + 1, 0, Totals()
        if self.options.patience and state.epoch - state.best_epoch >= self.options.patience:
            state.stopped = "patience"
        elif state.epoch == self.options.epochs:
            state.stopped = "epochs"
        self._save()
        if self.path is not None:
            append(self.path.with_name(LOG), _line(record))

    def _validate(self, validation: Iterable[Any]) -> float:
        """Mean loss over the batches, of the averaged weights where there are any."""
        self.state.model.eval()
        losses: list[float] = []
        with self.state.averaged(), _random(self.options), torch.no_grad():
            for part in _enter(validation, 0, 0):
                self._pause()
                losses.append(self._loss(self.measure, part.batch).item() * part.share)
        if not losses:
            raise TrainingError("the validation data gave no batch")
        losses = ranks.total(torch.tensor(losses, dtype=torch.float64, device=self.options.device)).tolist()
        loss = math.fsum(losses) / len(losses)
        self._finite("validation loss", loss)
        return loss

    @property
    def measure(self) -> Callable[[Any, Any], Tensor]:
        """What is asked of a batch of the validation: the objective itself."""
        checked: Callable[[Any, Any], Tensor] = self.objective
        return checked

    def _loss(self, objective: Callable[[Any, Any], Tensor], batch: Any) -> Tensor:
        batch = batch.to(self.options.device) if hasattr(batch, "to") else batch
        with computing(self.options.precision, self.options.device):
            loss = objective(self.state.model, batch)
        if loss.ndim != 0:
            raise InputError(f"the objective must return a scalar, not a tensor of shape {tuple(loss.shape)}")
        return loss

    def _progress(self) -> float:
        """Share of the training at the middle of this step (of this epoch, where its number of steps is unknown)."""
        within = (self.state.step + 0.5) / self.steps if self.steps else 0.5
        return (self.state.epoch + within) / self.options.epochs

    def _finite(self, what: str, value: float) -> None:
        if math.isfinite(value):
            return
        state = self.state
        kept = f"the model has its best state (epoch {state.best_epoch})" if state.best else "no epoch had ended"
        raise TrainingError(
            f"the {what} became {value} in epoch {state.epoch + 1}, step {state.step + 1}; {kept}; lower "
            f"the learning rate (now {self.options.learning_rate:g}), clip gradients (clip is {self.options.clip:g}), "
            "or look for NaN in the inputs"
        )

    def _save(self) -> None:
        if self.path is not None:
            save(self.state, self.options, self.steps, self.path)

    def _note(self) -> str:
        totals = self.state.totals
        parts = [f"epoch {self.state.epoch + 1}", f"loss {totals.loss / max(self.state.step, 1):.4f}"]
        if self.state.history and "validation" in self.state.history[-1]:
            parts.append(f"validation {self.state.history[-1]['validation']:.4f}")
        began, before = self._since
        rate = (totals.items - before) / max(time.monotonic() - began, 1e-9)
        return ", ".join([*parts, f"{rate:,.0f} items/s"])


def _enter(data: Iterable[Any], epoch: int, skip: int) -> Iterator[Part[Any]]:
    """What this process has of the batches of an epoch without the first ``skip``."""
    if size() > 1 and isinstance(data, Shared):
        yield from data.parts(epoch, skip, rank(), size())
        return
    for batch in data.epoch(epoch, skip) if isinstance(data, Epochs) else itertools.islice(data, skip, None):
        yield Part(batch, 1 / size(), len(batch) if isinstance(batch, Sized) else 1)


def _line(record: dict[str, float]) -> str:
    return json.dumps(record) + "\n"


def usual_optimiser(model: nn.Module, options: FitOptions) -> torch.optim.Optimizer:
    """The optimiser of the options; vectors (biases, scales of normalisations) do not decay."""
    trainable = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": options.weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if options.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=options.learning_rate, momentum=0.9, nesterov=True)
    fused = torch.device(options.device).type in ("cpu", "cuda") and all(p.is_floating_point() for p in trainable)
    return torch.optim.AdamW(groups, lr=options.learning_rate, fused=fused)


def paced_optimiser(
    model: nn.Module, options: FitOptions, weights: Iterable[Tensor], pace: float
) -> torch.optim.Optimizer:
    """The usual optimiser, but some weights learn at a rate of their own.

    Args:
        model: what is trained.
        options: say the rate of the others.
        weights: those of the model with another rate.
        pace: their learning rate over that of the others.
    """
    optimiser = usual_optimiser(model, options)
    chosen = {id(weight) for weight in weights}
    for group in list(optimiser.param_groups):
        mine = [weight for weight in group["params"] if id(weight) in chosen]
        group["params"] = [weight for weight in group["params"] if id(weight) not in chosen]
        optimiser.add_param_group({**group, "params": mine, "factor": pace})
    return optimiser


def _check(model: nn.Module, data: object, validation: object, options: FitOptions) -> None:
    if not any(p.requires_grad for p in model.parameters()):
        raise InputError(f"the model {type(model).__name__} has no parameter to train")
    for name, batches in (("data", data), ("validation data", validation)):
        if isinstance(batches, Iterator):
            raise InputError(f"the {name} can be passed once only; give a list, Batches, or an object with __iter__")
    check_device(options.device)
    check_precision(options.precision, options.device)


def _state_file(directory: Path | str | None) -> Path | None:
    if directory is None:
        return None
    folder = Path(directory)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make the folder {folder}: {error.strerror}") from error
    return check_writable(folder / STATE, overwrite=True)


@contextmanager
def _random(options: FitOptions) -> Iterator[None]:
    """Torch's random numbers start at the seed and afterwards are as they were."""
    device = torch.device(options.device)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(options.seed)
        yield


@contextmanager
def _surroundings(options: FitOptions) -> Iterator[None]:
    """The random numbers and threads of a fit; afterwards they are as they were."""
    threads = torch.get_num_threads()
    torch.set_num_threads(options.threads or threads)
    try:
        with _random(options):
            yield
    finally:
        torch.set_num_threads(threads)
