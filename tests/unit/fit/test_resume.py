"""A training that was stopped anywhere ends as if it had never been, to the bit."""

import json
import random
import signal

import numpy as np
import pytest
import torch
from torch import nn

from partonic.core.errors import FileError, InputError
from partonic.fit.batches import TensorBatches
from partonic.fit.loop import fit
from partonic.fit.options import FitOptions
from partonic.objectives.supervised import cross_entropy
from partonic.represent.batch import Features

EPOCHS, ROWS, SIZE = 5, 90, 16
STEPS = -(-ROWS // SIZE)
OPTIONS = {"epochs": EPOCHS, "learning_rate": 0.05, "averaging": 0.8, "l1": 1e-3, "seed": 5, "threads": 1}


class Network(nn.Module):
    """Everything with a memory: normalisation, dropout, and a layer that sees averaged weights."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.layers = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 1))

    def forward(self, batch):
        return self.layers(batch.values).squeeze(-1)


def sample(shuffle, rows=ROWS):
    rng = np.random.default_rng(4)
    values = rng.standard_normal((rows, 3)).astype(np.float32)
    label = (values[:, 0] + 0.5 * rng.standard_normal(rows) > 0).astype(int)
    return TensorBatches(Features(torch.from_numpy(values)), label, size=SIZE, seed=9, shuffle=shuffle)


class Stopping:
    """Cross entropy that raises, or presses Ctrl-C, at a call."""

    def __init__(self, at=None, press=False):
        self.calls, self.at, self.press = 0, at, press

    def __call__(self, model, batch):
        self.calls += 1
        if self.calls == self.at:
            if not self.press:
                raise RuntimeError("the power went off")
            signal.raise_signal(signal.SIGINT)
        return cross_entropy(model, batch)


def train(folder=None, objective=cross_entropy, **changes):
    model = Network()
    result = fit(model, objective, sample(True), sample(False), FitOptions(**{**OPTIONS, **changes}), folder)
    return model, result


def without_times(history):
    return [{k: v for k, v in record.items() if "seconds" not in k} for record in history]


def assert_identical(one, other):
    (model, result), (twin, expected) = one, other
    for name, value in twin.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name
    assert without_times(result.history) == without_times(expected.history)
    assert (result.best_epoch, result.best_loss, result.stopped) == (
        expected.best_epoch,
        expected.best_loss,
        expected.stopped,
    )


@pytest.fixture(scope="module")
def uninterrupted():
    return train()


CALLS = EPOCHS * 2 * STEPS  # training and validation see as many batches


@pytest.mark.parametrize("save_every", [0.0, 1e6], ids=["every step", "every epoch"])
@pytest.mark.parametrize("at", [1, STEPS, STEPS + 2, *random.Random(3).sample(range(1, CALLS + 1), 6)])
def test_resumed_training_is_identical_to_the_bit(tmp_path, uninterrupted, at, save_every):
    stopping = Stopping(at)
    with pytest.raises(RuntimeError, match="power"):
        train(tmp_path, stopping, save_every=save_every)
    torch.rand(5)  # whatever happens between must not matter
    again = Stopping()
    assert_identical(train(tmp_path, again, save_every=save_every), uninterrupted)
    assert again.calls <= CALLS - at + 1 + (0 if save_every == 0 else 2 * STEPS) + STEPS
    log = [json.loads(line) for line in (tmp_path / "fit.log").read_text().splitlines()]
    assert without_times(log) == without_times(uninterrupted[1].history)


def test_many_interruptions_are_as_harmless_as_one(tmp_path, uninterrupted):
    draw = random.Random(8)
    for _ in range(200):
        try:
            outcome = train(tmp_path, Stopping(draw.randint(1, 20)), save_every=0.0)
        except RuntimeError:
            continue
        break
    assert_identical(outcome, uninterrupted)


@pytest.mark.parametrize("at", [3, STEPS + 2, 3 * STEPS])
def test_ctrl_c_saves_between_two_steps(tmp_path, uninterrupted, at):
    stopping = Stopping(at, press=True)
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, stopping, save_every=1e6)
    assert signal.getsignal(signal.SIGINT) is handler
    assert stopping.calls == at
    again = Stopping()
    assert_identical(train(tmp_path, again, save_every=1e6), uninterrupted)
    lost = at - STEPS if STEPS < at <= 2 * STEPS else at - 2 * STEPS if at > 2 * STEPS else 0
    assert again.calls == CALLS - at + (lost if STEPS < at <= 2 * STEPS else 0)


def test_second_ctrl_c_stops_at_once(tmp_path):
    def impatient(model, batch):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("not reached")

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, impatient)
    assert not (tmp_path / "fit.pt").exists()


def test_ctrl_c_without_a_directory_just_stops():
    stopping = Stopping(4, press=True)
    with pytest.raises(KeyboardInterrupt):
        train(None, stopping)
    assert stopping.calls == 4


def test_finished_fit_returns_at_once(tmp_path, uninterrupted):
    train(tmp_path)
    again = Stopping(1)
    outcome = train(tmp_path, again)
    assert again.calls == 0
    assert_identical(outcome, uninterrupted)
    assert not outcome[0].training


def test_batch_order_does_not_depend_on_earlier_passes(uninterrupted):
    data = sample(True)
    list(data)
    model = Network()
    outcome = model, fit(model, cross_entropy, data, sample(False), FitOptions(**OPTIONS))
    assert_identical(outcome, uninterrupted)


def test_device_threads_and_saving_may_change_between_sessions(tmp_path):
    train(tmp_path, epochs=2)
    _, result = train(tmp_path, epochs=2, threads=2, save_every=3.0)
    assert len(result.history) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 0.01}, "learning_rate was 0.05 and is 0.01"),
        ({"epochs": 9}, "epochs was 2 and is 9"),
        ({"averaging": 0.0}, "averaging was 0.8 and is 0.0"),
    ],
)
def test_state_of_other_options_is_refused(tmp_path, changes, message):
    train(tmp_path, epochs=2)
    with pytest.raises(InputError, match=rf"another training: {message}; give another directory"):
        train(tmp_path, **{"epochs": 2, **changes})


def added(model):
    model.extra = nn.Linear(1, 1)


def widened(model):
    model.layers[0] = nn.Linear(3, 9)


@pytest.mark.parametrize(
    ("change", "rows", "message"),
    [
        (added, ROWS, "'extra.bias' was absent and is"),
        (widened, ROWS, r"was \[8\] and is \[9\]"),
        (lambda _: None, 32, "number of batches was 6 and is 2"),
    ],
)
def test_state_of_another_model_or_other_data_is_refused(tmp_path, change, rows, message):
    train(tmp_path)
    model = Network()
    change(model)
    with pytest.raises(InputError, match=message):
        fit(model, cross_entropy, sample(True, rows), sample(False), FitOptions(**OPTIONS), tmp_path)


class Malicious:
    """Would run code when unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('code ran')",))


@pytest.mark.parametrize("content", ["text", "empty", "cut", "code", "other", "newer"])
def test_files_that_are_not_a_state_are_refused(tmp_path, content):
    path = tmp_path / "fit.pt"
    if content in ("text", "empty"):
        path.write_text("hello" if content == "text" else "")
    elif content == "cut":
        train(tmp_path, epochs=1)
        path.write_bytes(path.read_bytes()[:-500])
    else:
        torch.save({"code": {"format": 1, "model": Malicious()}, "other": [1], "newer": {"format": 99}}[content], path)
    with pytest.raises(FileError, match=r"fit\.pt (is empty|is not the state of a training|was written by a newer)"):
        train(tmp_path, epochs=1)


def test_nothing_is_left_beside_the_state(tmp_path):
    train(tmp_path, epochs=2)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["fit.log", "fit.pt"]
