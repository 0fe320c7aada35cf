"""The training loop: what it keeps, when it stops, what it says when it cannot go on."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from partonic.core.errors import FileError, InputError, TrainingError
from partonic.fit import loop
from partonic.fit.loop import fit
from partonic.fit.options import FitOptions

PLAIN = {"schedule": "constant", "warmup": 0.0, "weight_decay": 0.0, "clip": 0.0, "optimiser": "sgd", "threads": 1}


class Point(nn.Module):
    """One row of weights."""

    def __init__(self, *values):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([list(values) or [1.0]]))

    @property
    def value(self) -> list[float]:
        return self.weight.detach()[0].tolist()


def distance(model, goal):
    """Half the squared distance to the goal."""
    return 0.5 * ((model.weight - goal) ** 2).sum()


def goals(*values):
    return [torch.tensor([value]) for value in values]


def test_minimum_is_found_and_the_record_is_complete():
    model = Point(3.0)
    result = fit(model, distance, goals(1.0) * 4, goals(1.0), FitOptions(epochs=40, learning_rate=0.05, **PLAIN))
    assert model.value[0] == pytest.approx(1.0, abs=1e-3)
    assert [record["epoch"] for record in result.history] == list(range(1, 41))
    assert result.stopped == "epochs"
    assert result.items == 160
    assert result.seconds > 0
    for record in result.history:
        assert set(record) >= {"loss", "validation", "learning_rate", "gradient_norm", "items", "seconds"}
    assert result.best_loss == min(record["validation"] for record in result.history)
    assert result.history[0]["learning_rate"] == 0.05
    assert not model.training


def test_loss_of_an_epoch_is_the_mean_over_its_batches():
    options = FitOptions(epochs=1, learning_rate=1e-12, **PLAIN)
    result = fit(Point(0.0), distance, goals(1.0, 2.0, 3.0), goals(4.0, 6.0), options)
    assert result.history[0]["loss"] == pytest.approx((1 + 4 + 9) / 6)
    assert result.history[0]["validation"] == pytest.approx((16 + 36) / 4)
    assert result.history[0]["gradient_norm"] == pytest.approx(2.0)


def test_stops_by_patience_and_ends_in_the_best_state():
    """Training pulls to 4, validation wants 1: the way there passes the best point."""
    options = FitOptions(epochs=100, learning_rate=0.02, patience=3, **PLAIN)
    model = Point(0.0)
    result = fit(model, distance, goals(4.0), goals(1.0), options)
    assert result.stopped == "patience"
    assert len(result.history) == result.best_epoch + 3
    losses = [record["validation"] for record in result.history]
    assert result.best_epoch == 1 + int(np.argmin(losses))
    assert distance(model, torch.tensor([1.0])).item() == pytest.approx(min(losses))
    assert 1 < result.best_epoch < 97


def test_without_validation_the_training_loss_decides():
    result = fit(Point(3.0), distance, goals(1.0), options=FitOptions(epochs=5, learning_rate=0.05, **PLAIN))
    assert result.best_epoch == 5
    assert result.best_loss == result.history[-1]["loss"]


@pytest.mark.parametrize(("clip", "length"), [(0.0, 100.0), (1.0, 1.0), (250.0, 100.0)])
def test_gradient_is_clipped_to_its_norm(clip, length):
    model = Point(60.0, 80.0)
    options = FitOptions(epochs=1, learning_rate=1e-3, **{**PLAIN, "clip": clip})
    result = fit(model, distance, goals(0.0), options=options)
    moved = math.hypot(60 - model.value[0], 80 - model.value[1])
    assert moved == pytest.approx(1e-3 * 1.9 * length, rel=1e-3)  # the first Nesterov step is (1 + momentum) rate
    assert result.history[0]["gradient_norm"] == pytest.approx(100)


def test_l1_drives_weights_that_do_not_matter_to_zero():
    """min 1/2 (w - a)^2 + l1 |w| is the soft threshold of a."""
    options = FitOptions(epochs=400, learning_rate=0.02, **{**PLAIN, "l1": 0.5, "schedule": "cosine"})
    model = Point(1.0, -1.0, 2.0)
    result = fit(model, lambda m, _: distance(m, torch.tensor([0.3, -2.0, -0.1])), goals(0.0), options=options)
    assert model.value == pytest.approx([0.0, -1.5, 0.0], abs=0.02)
    assert result.best_loss == pytest.approx(0.5 * (0.3**2 + 0.5**2 + 0.1**2) + 0.5 * 1.5, abs=0.01)


def test_decay_and_l1_leave_vectors_alone():
    model = nn.Linear(2, 2)
    nn.init.ones_(model.bias)
    before = model.weight.detach().clone()
    options = FitOptions(epochs=3, learning_rate=0.1, schedule="constant", warmup=0.0, weight_decay=0.5, l1=0.0)
    fit(model, lambda m, x: (0.0 * m(x)).sum(), [torch.ones(1, 2)], options=options)
    torch.testing.assert_close(model.bias.detach(), torch.ones(2))
    torch.testing.assert_close(model.weight.detach(), before * 0.95)  # the first epoch is the best of equal ones


def test_average_is_the_exponential_moving_average_by_hand():
    options = FitOptions(epochs=1, learning_rate=0.05, averaging=0.4, **PLAIN)
    targets = goals(2.0, -1.0, 5.0, 0.5, 3.0)
    model, twin = Point(1.0), Point(1.0)
    optimiser = torch.optim.SGD(twin.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    average = 1.0
    for t, goal in enumerate(targets):
        optimiser.zero_grad()
        distance(twin, goal).backward()
        optimiser.step()
        decay = min(0.4, (1 + t) / (10 + t))
        average = decay * average + (1 - decay) * twin.value[0]
    result = fit(model, distance, targets, goals(0.0), options)
    assert model.value[0] == pytest.approx(average, rel=1e-6)
    assert model.value[0] != pytest.approx(twin.value[0], rel=1e-3)
    assert result.best_loss == pytest.approx(0.5 * average**2, rel=1e-6)


def test_average_does_not_disturb_the_training():
    """With validation on averaged weights, the weights that are trained go where they go without."""
    losses = []
    for averaging in (0.0, 0.9):
        options = FitOptions(epochs=6, learning_rate=0.05, averaging=averaging, **PLAIN)
        result = fit(Point(3.0), distance, goals(1.0, 1.2), goals(1.0), options)
        losses.append([record["loss"] for record in result.history])
    assert losses[0] == losses[1]


def test_average_keeps_buffers_of_normalisations():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    data = [torch.randn(16, 2, generator=torch.Generator().manual_seed(i)) + 5 for i in range(8)]
    fit(model, lambda m, x: m(x).square().mean(), data, options=FitOptions(epochs=2, averaging=0.5))
    assert model[1].num_batches_tracked.item() == 16
    assert model[1].running_mean.abs().sum() > 0


def test_random_numbers_of_the_caller_are_left_alone_and_the_seed_decides():
    def train(seed):
        torch.manual_seed(17)
        model = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        before = torch.get_rng_state()
        data = [torch.ones(4, 3)] * 3
        fit(model, lambda m, x: m(x).square().mean(), data, data, FitOptions(epochs=2, seed=seed))
        assert torch.equal(torch.get_rng_state(), before)
        return model[0].weight.detach()

    assert torch.equal(train(1), train(1))
    assert not torch.equal(train(1), train(2))


def test_threads_are_restored():
    seen, before = [], torch.get_num_threads()

    def objective(model, goal):
        seen.append(torch.get_num_threads())
        return distance(model, goal)

    fit(Point(1.0), objective, goals(0.0), options=FitOptions(epochs=1, threads=3))
    assert seen == [3]
    assert torch.get_num_threads() == before


def test_any_iterable_of_anything_is_data():
    class Draws:
        """A sampler without a length that draws anew in each pass."""

        def __iter__(self):
            return iter([{"goal": 1.0}, {"goal": 1.0}])

    model = Point(0.0)
    options = FitOptions(epochs=60, learning_rate=0.05, **{**PLAIN, "schedule": "cosine"})
    result = fit(model, lambda m, batch: distance(m, batch["goal"]), Draws(), options=options)
    assert model.value[0] == pytest.approx(1.0, abs=0.01)
    rates = [record["learning_rate"] for record in result.history]
    assert rates == sorted(rates, reverse=True)
    assert result.items == 120


def test_log_has_one_line_an_epoch(tmp_path):
    folder = tmp_path / "new" / "folder"
    result = fit(Point(3.0), distance, goals(1.0), goals(1.0), FitOptions(epochs=4), folder)
    lines = (folder / "fit.log").read_text().splitlines()
    assert [json.loads(line) for line in lines] == result.history


def test_progress_goes_to_standard_error_only(capsys, monkeypatch):
    monkeypatch.setattr("partonic.core.progress.PLAIN_EVERY", 0.0)
    monkeypatch.setattr(loop, "SHOW_EVERY", 0.0)
    fit(Point(3.0), distance, goals(1.0) * 2, goals(2.0), FitOptions(epochs=3), description="training dots")
    out, err = capsys.readouterr()
    assert out == ""
    last = err.splitlines()[-1]
    for part in ("training dots: 3 of 3 epochs", "/s", "0 s left", "epoch 3, loss", "validation", "items/s"):
        assert part in last


@pytest.mark.parametrize("poison", ["loss", "gradient"])
def test_loss_that_is_not_finite_ends_the_training_in_the_best_state(poison):
    calls = []

    def objective(model, goal):
        calls.append(1)
        if len(calls) < 8:
            return distance(model, goal)
        return distance(model, goal) * math.nan if poison == "loss" else (model.weight * 0).sqrt().sum()

    model = Point(3.0)
    options = FitOptions(epochs=10, learning_rate=0.05, **PLAIN)
    with pytest.raises(TrainingError, match=rf"the {poison} became nan in epoch 3, step 2; .*epoch 2.*learning rate"):
        fit(model, objective, goals(1.0) * 3, options=options)
    twin = Point(3.0)
    fit(twin, distance, goals(1.0) * 3, options=FitOptions(epochs=2, learning_rate=0.05, **PLAIN))
    assert model.value == twin.value


def test_validation_loss_that_is_not_finite_is_an_error():
    with pytest.raises(TrainingError, match="validation loss became nan in epoch 1"):
        fit(Point(1.0), distance, goals(1.0), goals(math.nan), FitOptions(epochs=2))


class Frozen(nn.Module):
    """No parameter."""


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((Frozen(), distance, goals(1.0)), InputError, "Frozen has no parameter"),
        ((Point(), distance, iter(goals(1.0))), InputError, "data can be passed once only"),
        ((Point(), distance, goals(1.0), iter(goals(1.0))), InputError, "validation data can be passed once only"),
        ((Point(), distance, []), TrainingError, "training data gave no batch"),
        ((Point(), distance, goals(1.0), []), TrainingError, "validation data gave no batch"),
        ((Point(), lambda m, _: m.weight, goals(1.0)), InputError, r"scalar, not a tensor of shape \(1, 1\)"),
        ((Point(), distance, goals(1.0), None, FitOptions(device="gpu")), InputError, "device 'gpu'"),
        ((Point(), distance, goals(1.0), None, FitOptions(device="cuda:99")), InputError, "device 'cuda:99'"),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_sentence(arguments, error, message):
    with pytest.raises(error, match=message) as caught:
        fit(*arguments)
    assert "\n" not in str(caught.value)


def test_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(FileError, match=r"cannot make the folder .*taken"):
        fit(Point(), distance, goals(1.0), directory=tmp_path / "taken")
