"""Every format has a sample, so that the tests of damaged files and the fuzzing reach it."""

import pytest
from format_samples import SAMPLES

from partonic.io import formats


def test_every_format_has_a_sample():
    assert sorted(SAMPLES) == sorted(entry.name for entry in formats.FORMATS)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_samples_are_small_and_of_their_format(tmp_path, name):
    path = SAMPLES[name](tmp_path)
    assert formats.recognise(path).name == name
    assert path.stat().st_size < 1_000_000
    events = formats.read(path)
    assert len(events) == formats.count(path) >= 10
    assert events.collections or events.columns
