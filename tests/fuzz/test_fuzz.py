"""A short fuzzing of every reader; ``make fuzz`` does it at length."""

import random

import pytest
from format_samples import SAMPLES
from fuzz_readers import fuzz, mutate, mutation

FILES = 60


@pytest.mark.slow
def test_mutated_files_give_events_or_one_clear_error(capsys):
    counts = fuzz(sorted(SAMPLES), FILES, 1_000_000, None)
    faults = capsys.readouterr().out
    assert not faults
    for name, outcomes in counts.items():
        assert sum(outcomes.values()) == FILES
        assert outcomes["refused"] > 0, f"no mutation of {name} did any harm"


def test_a_seed_gives_the_same_file_again():
    original = bytes(range(256)) * 8
    files = {mutation("parquet", seed, original) for seed in range(50)}
    assert len(files) > 40
    assert mutation("parquet", 3, original) == mutation("parquet", 3, original) != original


def test_written_numbers_are_replaced():
    texts = [mutate(b"px 12.5 py 3\n" * 20, random.Random(seed)) for seed in range(40)]
    assert any(b"nan" in text or b"1e999" in text for text in texts)
