"""Two networks against each other: who moves when, what is kept, and that a stopped game goes on to the bit."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from partonic.core.errors import InputError, TrainingError
from partonic.fit.adversarial import Game, Opponents, fit_adversarial
from partonic.fit.options import FitOptions

QUIET = {"schedule": "constant", "warmup": 0.0, "weight_decay": 0.0, "clip": 0.0, "threads": 1}


class Shift(nn.Module):
    """Normal noise around a place that is learned."""

    def __init__(self, start=0.0):
        super().__init__()
        self.place = nn.Parameter(torch.tensor([start]))

    def forward(self, n):
        return self.place + torch.randn(n)


class Slope(nn.Module):
    """A logit that is a straight line, as the true log ratio of two shifted normal distributions is."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return self.a * x + self.b


def critic_loss(opponents, truth):
    with torch.no_grad():
        generated = opponents.generator(len(truth))
    return softplus(-opponents.critic(truth)).mean() + softplus(opponents.critic(generated)).mean()


def generator_loss(opponents, truth):
    return softplus(-opponents.critic(opponents.generator(len(truth)))).mean()


def apart(opponents, truth):
    return (opponents.generator.place - truth.mean()).abs().squeeze()


def batches(n, place=2.0, seed=1):
    random = torch.Generator().manual_seed(seed)
    return [place + torch.randn(256, generator=random) for _ in range(n)]


def play(folder=None, start=0.0, generator=generator_loss, measure=apart, epochs=4, **changes):
    opponents = Opponents(Shift(start), Slope())
    game = Game(critic_loss, generator, measure, **changes)
    options = FitOptions(epochs=epochs, learning_rate=0.05, averaging=0.5, seed=3, **QUIET)
    return opponents, fit_adversarial(opponents, game, batches(10), batches(2, seed=7), options, folder)


def test_the_generator_finds_the_truth():
    opponents, result = play(epochs=10, turns=2)
    assert opponents.generator.place.item() == pytest.approx(2.0, abs=0.15)
    assert result.best_loss == min(record["validation"] for record in result.history)
    # the two samples are then alike, and a critic loses 2 ln 2 at least
    assert result.history[-1]["critic_loss"] == pytest.approx(2 * math.log(2), abs=0.03)
    assert not opponents.training


def test_each_network_moves_in_its_own_turns_only():
    moves = []

    def watching(opponents, truth):
        moves.append([one.detach().clone() for one in (opponents.generator.place, opponents.critic.a)])
        return critic_loss(opponents, truth)

    opponents = Opponents(Shift(), Slope())
    game = Game(watching, generator_loss, apart, turns=2)
    fit_adversarial(opponents, game, batches(2), batches(1), FitOptions(epochs=1, learning_rate=0.1, **QUIET))
    (place0, a0), (place1, a1), (place2, a2), (place3, a3) = moves
    assert place0 == place1 != place2 == place3
    assert a0 != a1 != a2 != a3


def test_the_pace_is_of_the_critic_alone():
    slow = Opponents(Shift(), Slope())
    game = Game(critic_loss, generator_loss, apart, pace=0.1)
    fit_adversarial(slow, game, batches(1), batches(1), FitOptions(epochs=1, learning_rate=0.1, **QUIET))
    assert abs(slow.critic.a.item()) == pytest.approx(0.01, rel=1e-3)  # Adam's first step is the learning rate
    assert abs(slow.generator.place.item()) == pytest.approx(0.1, rel=1e-3)


def test_a_stopped_game_goes_on_to_the_bit(tmp_path):
    expected, whole = play(turns=2)
    calls = 0

    def failing(opponents, truth):
        nonlocal calls
        calls += 1
        if calls == 25:
            raise RuntimeError("the power went off")
        return generator_loss(opponents, truth)

    with pytest.raises(RuntimeError, match="power"):
        play(tmp_path, turns=2, generator=failing)
    again, result = play(tmp_path, turns=2)
    for name, value in expected.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    plain = [{k: v for k, v in record.items() if "seconds" not in k} for record in result.history]
    assert plain == [{k: v for k, v in record.items() if "seconds" not in k} for record in whole.history]


def test_a_diverged_game_is_told_and_keeps_its_best_state():
    calls = 0

    def exploding(opponents, truth):
        nonlocal calls
        calls += 1
        return generator_loss(opponents, truth) * (math.inf if calls == 15 else 1.0)

    with pytest.raises(TrainingError, match=r"in epoch 2, step 5.*best state \(epoch 1\).*learning rate"):
        play(generator=exploding)


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"turns": 0}, "1 turn or more"), ({"pace": 0.0}, "pace"), ({"momentum": 1.0}, "momentum")],
)
def test_bad_games_are_refused(changes, said):
    with pytest.raises(InputError, match=said):
        play(**changes)


@pytest.mark.parametrize("changes", [{"optimiser": "sgd"}, {"l1": 0.1}])
def test_options_without_meaning_are_refused(changes):
    game = Game(critic_loss, generator_loss, apart)
    with pytest.raises(InputError, match="takes adamw without l1"):
        fit_adversarial(Opponents(Shift(), Slope()), game, batches(1), batches(1), FitOptions(**changes))


def test_several_processes_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    with pytest.raises(InputError, match="in one process, not in 2"):
        play()
