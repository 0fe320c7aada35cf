"""Samples of several processes of one study."""

import pytest

from partonic.core.errors import UnknownNameError
from partonic.simulators import samples as module
from partonic.simulators.samples import samples


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What would be simulated."""
    found = []
    monkeypatch.setattr(module, "simulate_to_file", lambda options, path, executor: found.append((options, path)))
    return found


def test_no_two_processes_share_a_stream(asked, tmp_path):
    for seed in (0, 1):
        paths = samples({"top": 10, "qcd": 20}, seed, folder=tmp_path, radius=0.4)
        assert list(paths) == ["top", "qcd"]
    assert [(options.process, options.n, options.radius) for options, _ in asked[:2]] == [
        ("top", 10, 0.4),
        ("qcd", 20, 0.4),
    ]
    assert len({options.seed for options, _ in asked}) == 4
    assert len({path for _, path in asked}) == 4


def test_a_process_that_does_not_exist_is_found_before_anything_is_simulated(asked, tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'top'"):
        samples({"qcd": 10, "topp": 10}, 1, folder=tmp_path)
    assert asked == []
