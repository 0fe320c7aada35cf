"""Damaged files, bad events and files that do not fit together: one sentence with file and event, nothing lost."""

import random

import numpy as np
import pytest
from format_samples import SAMPLES, sample_jets
from fuzz_readers import flip
from toy_jets import toy_jets

from partonic.core.errors import FileError
from partonic.events import concatenate
from partonic.io import formats, parquet
from partonic.io.splits import split_files

RUN = ("run", "top-tagging", "--preset", "tiny", "--truth-jets", "0", "--models", "pfn", "-o", "run")


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_truncated_files_lose_nothing_that_was_there(partonic, tmp_path, name):
    whole = SAMPLES[name](tmp_path)
    original = whole.read_bytes()
    broken = whole.with_name(f"broken{''.join(whole.suffixes)}")
    parquet.write("good.parquet", sample_jets())
    good = (tmp_path / "good.parquet").read_bytes()
    refusals = 0
    for share in (0.0, 0.001, 0.02, 0.3, 0.6, 0.9, 0.98):
        broken.write_bytes(original[: int(share * len(original))])
        code, said = partonic("convert", broken, "good.parquet", "--overwrite")
        if code == 0:  # text may end anywhere between two events
            assert formats.count("good.parquet") <= formats.count(whole)
            (tmp_path / "good.parquet").write_bytes(good)
            continue
        refusals += 1
        assert code == 2
        assert "Traceback" not in said
        assert broken.name in said.splitlines()[-1]
        assert (tmp_path / "good.parquet").read_bytes() == good
    assert refusals >= 2
    assert not list(tmp_path.glob(".*.part*"))


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_flipped_bits_are_refused_with_the_name_or_read(partonic, tmp_path, name):
    whole = SAMPLES[name](tmp_path)
    original = whole.read_bytes()
    broken = whole.with_name(f"broken{''.join(whole.suffixes)}")
    rng = random.Random(7)
    for _ in range(20):
        data = bytearray(original)
        flip(data, rng)
        broken.write_bytes(data)
        code, said = partonic("convert", broken, "x.parquet", "--overwrite", "--bad", "keep")
        assert code in (0, 2), said
        assert "Traceback" not in said
        if code == 2:
            assert broken.name in said.splitlines()[-1]


def changed(sample, row, **values):
    """The sample with fields of the first constituent of a row replaced."""
    ragged = sample.collections["constituents"]
    fields = {name: ragged[name].copy() for name in values}
    for name, value in values.items():
        fields[name][ragged.offsets[row]] = value
    return sample.with_collections(constituents=ragged.with_fields(**fields))


def without(sample, row):
    """The sample with a row that has no constituent."""
    counts = sample.collections["constituents"].counts.copy()
    first = int(sample.collections["constituents"].offsets[row])
    gone = np.arange(first, first + counts[row])
    counts[row] = 0
    ragged = sample.collections["constituents"]
    fields = {name: np.delete(values, gone) for name, values in ragged.fields.items()}
    return sample.with_collections(constituents=type(ragged).from_counts(counts, fields))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda sample: changed(sample, 57, px=np.inf), ["its constituent 0 has (px, py, pz, e) = (inf,"]),
        (lambda sample: changed(sample, 57, e=-1.0), ["its constituent 0 has", "-1) GeV"]),
        (lambda sample: without(sample, 57), ["it has no constituent"]),
    ],
)
def test_a_bad_jet_is_named_by_file_and_event(partonic, tagger, spoil, words):
    parquet.write("a.parquet", toy_jets(100, seed=1))
    parquet.write("b.parquet", spoil(toy_jets(100, seed=2)))
    partonic.refused("predict", tagger, "b.parquet", "-o", "x.parquet", words=["b.parquet: event 58: ", *words])
    partonic.refused(*RUN, "--data", "a.parquet", "b.parquet", words=["b.parquet: event 58: ", *words])


def test_convert_names_infinite_momenta_and_counts_empty_events(partonic, tmp_path):
    sample = without(changed(toy_jets(100), 57, pz=-np.inf), 3)
    parquet.write("b.parquet", sample)
    partonic.refused("convert", "b.parquet", "x.parquet", words=["b.parquet: event 58 has", "not finite", "--bad drop"])
    assert not (tmp_path / "x.parquet").exists()
    assert partonic("convert", "b.parquet", "x.parquet", "--bad", "drop")[0] == 0
    kept = parquet.read("x.parquet")
    assert len(kept) == 99
    assert int(np.count_nonzero(kept.collections["constituents"].counts == 0)) == 1


def test_files_of_different_columns_are_not_joined(partonic, tmp_path):
    jets = toy_jets(100)
    parquet.write("a.parquet", jets)
    parquet.write("b.parquet", jets.with_columns(met=np.ones(100)))
    parquet.write("c.parquet", jets.with_columns(label=jets.column("label").astype(np.float32)))
    with pytest.raises(FileError, match=r"b\.parquet cannot be joined to .*a\.parquet: the column 'met' is only in"):
        formats.cached(["a.parquet", "b.parquet"])
    with pytest.raises(
        FileError, match=r"c\.parquet cannot be joined to .*: the column 'label' is float32 in it and int8"
    ):
        split_files(["a.parquet", "c.parquet"], 1)
    partonic.refused(*RUN, "--data", "a.parquet", "b.parquet", words=["b.parquet cannot be joined to", "a.parquet"])
    assert len(formats.cached(["a.parquet", "a.parquet"])) == 200
    parquet.write("d.parquet", concatenate([jets, jets]))
    assert len(formats.cached(["a.parquet", "d.parquet"])) == 300


@pytest.mark.parametrize("number", ["inf", "nan", "1e999", "x"])
def test_a_header_of_les_houches_events_with_numbers_that_are_none(partonic, tmp_path, number):
    whole = SAMPLES["lhe"](tmp_path).read_text()
    start = whole.index("<init>")
    lines = whole[start:].split("\n")
    lines[2] = " ".join([*lines[2].split()[:3], number])
    (tmp_path / "a.lhe").write_text(whole[:start] + "\n".join(lines))
    partonic.refused("convert", "a.lhe", "x.parquet", words=["a.lhe has a broken <init> block"])
