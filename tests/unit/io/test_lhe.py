"""Les Houches events: against pylhe on real files, there and back, malformed files."""

import gzip
import re
import subprocess
import sys

import numpy as np
import pylhe
import pytest

from partonic.core.errors import FileError, InputError
from partonic.events import Events, Ragged, concatenate, kinematics
from partonic.io import lhe, lhe_text

EVENT = """<event>
 2 7 -1.5D+00 91.2 0.0078 0.118
 11 -1 0 0 0 0 0. 0. 45.6 45.6 0. 0. 9.
 -11 -1 0 0 0 0 0. 0. -45.6 45.6 0. 0. 9.
{weights}</event>
"""
FILE = """<LesHouchesEvents version="1.0">
<header>{header}</header>
<init>
11 -11 45.6 45.6 0 0 0 0 3 1
2.0 0.1 1.0 7
</init>
{events}</LesHouchesEvents>
"""


def made(path, *, header="", weights=("",), events=None):
    """Write a small file."""
    inside = "".join(EVENT.format(weights=text) for text in weights) if events is None else events
    path.write_text(FILE.format(header=header, events=inside))
    return path


def check_against_pylhe(path, most=200):
    """The numbers of a file as pylhe reads them; compares the first ``most`` events."""
    events = lhe.read(path)
    theirs = pylhe.LHEFile.fromfile(path)
    particles = events.collections["particles"]
    seen = 0
    for i, event in enumerate(theirs.events):  # to the end: pylhe closes the file only then
        if i >= most:
            continue
        rows = slice(particles.offsets[i], particles.offsets[i + 1])
        assert [p.id for p in event.particles] == particles["pid"][rows].tolist()
        assert [p.status for p in event.particles] == particles["status"][rows].tolist()
        for ours, name in (
            ("px", "px"),
            ("py", "py"),
            ("pz", "pz"),
            ("e", "e"),
            ("mass", "m"),
            ("lifetime", "lifetime"),
        ):
            assert [getattr(p, name) for p in event.particles] == particles[ours][rows].tolist()
        for ours, name in (("mother1", "mother1"), ("mother2", "mother2")):  # the file counts from 1
            assert [getattr(p, name) - 1 for p in event.particles] == particles[ours][rows].tolist()
        assert event.eventinfo.weight == events.weights["nominal"][i]
        assert event.eventinfo.scale == events.columns["scale"][i]
        for name, value in event.weights.items():
            assert events.weights[name][i] == value
        seen += 1
    assert seen == min(most, len(events))
    return events


def test_mothers_are_counted_from_1_in_the_file_alone(tmp_path, lhe_file):
    events = check_against_pylhe(lhe_file)
    particles = events.collections["particles"]
    assert np.flatnonzero(particles["mother1"] < 0).tolist() == np.flatnonzero(particles["status"] == -1).tolist()
    lhe.write(tmp_path / "a.lhe", events)
    check_against_pylhe(tmp_path / "a.lhe")
    np.testing.assert_array_equal(
        lhe.read(tmp_path / "a.lhe").collections["particles"]["mother2"], particles["mother2"]
    )
    few = particles.fields.keys() - {"mother1", "mother2"}
    bare = Ragged(particles.offsets, {name: particles[name] for name in few})
    lhe.write(tmp_path / "b.lhe", events.with_collections(particles=bare))
    assert np.all(lhe.read(tmp_path / "b.lhe").collections["particles"]["mother1"] == -1)


def test_a_real_excerpt_as_pylhe_reads_it(lhe_file):
    events = check_against_pylhe(lhe_file)
    assert len(events) == 200
    assert len(events.weights) == 22
    assert events.provenance["cross_section_pb"] == 3.343019
    assert events.provenance["lhe"]["init"]["generator"][0]["version"] == "3.5.6"
    weight = events.provenance["lhe"]["weights"][1]
    assert (weight["id"], weight["text"]) == ("cHB_0p1", "set param_card smeft 8 0.1 # orig: 0.0")
    particles = events.collections["particles"]
    off_shell = kinematics.mass2(*(particles[name] for name in ("px", "py", "pz", "e"))) - particles["mass"] ** 2
    assert np.max(np.abs(off_shell) / particles["e"] ** 2) < 1e-9
    sign = np.where(np.abs(particles["status"]) == 1, particles["status"], 0)
    balance = np.add.reduceat(sign * particles["e"], particles.offsets[:-1])
    assert np.max(np.abs(balance)) < 1e-6


def test_every_real_file(real_data):
    files = sorted(real_data.glob("*.lhe*"))
    assert len(files) >= 4
    for file in files:
        events = check_against_pylhe(file)
        parts = sum(len(part) for part in lhe.iterate(file, 333))
        assert parts == len(events)


def test_write_and_read_gives_the_same(lhe_file, tmp_path, assert_same):
    events = lhe.read(lhe_file)
    for name in ("a.lhe", "a.lhe.gz"):
        assert lhe.write(tmp_path / name, (events[i : i + 70] for i in range(0, 200, 70))) == 200
        back = lhe.read(tmp_path / name)
        assert_same(events, back)
        assert back.provenance["lhe"] == {**events.provenance["lhe"], "version": "3.0"}
    assert gzip.decompress((tmp_path / "a.lhe.gz").read_bytes()) == (tmp_path / "a.lhe").read_bytes()
    assert len(list(pylhe.LHEFile.fromfile(tmp_path / "a.lhe").events)) == 200


def test_float32_particles_without_codes_read_back_exactly(sample, tmp_path):
    sample = sample.with_weights({'a "quoted" <name> & more': sample.weights["nominal"] * 2})
    lhe.write(tmp_path / "a.lhe", sample)
    back = lhe.read(tmp_path / "a.lhe")
    before, after = sample.collections["particles"], back.collections["particles"]
    for name in ("px", "py", "pz", "e", "pid"):
        np.testing.assert_array_equal(before[name], after[name])
    for name in sample.weights:
        np.testing.assert_array_equal(sample.weights[name], back.weights[name])
    np.testing.assert_allclose(
        after["mass"], kinematics.mass(*(before[k].astype(float) for k in ("px", "py", "pz", "e")))
    )
    assert np.all(after["status"] == 1)


def test_reading_in_parts(lhe_file, assert_same):
    parts = list(lhe.iterate(lhe_file, 64))
    assert [len(part) for part in parts] == [64, 64, 64, 8]
    assert_same(lhe.read(lhe_file), concatenate(parts))


def test_small_blocks_find_every_event(lhe_file, monkeypatch, assert_same):
    whole = lhe.read(lhe_file)
    monkeypatch.setattr(lhe_text, "BLOCK", 37)
    assert_same(whole[:5], next(lhe.iterate(lhe_file, 5)))
    made_of = sum(len(part) for part in lhe.iterate(lhe_file, 50))
    assert made_of == 200


def test_fortran_exponents_and_columns(tmp_path):
    events = lhe.read(made(tmp_path / "a.lhe"))
    assert events.weights["nominal"].tolist() == [-1.5]
    assert events.columns["process_id"].tolist() == [7]
    assert events.columns["alpha_qcd"].tolist() == [0.118]


def test_positional_weights_take_the_names_of_the_header(tmp_path):
    header = "<initrwgt><weight id='up'>mu=2</weight><weight id='down'/></initrwgt>"
    events = lhe.read(made(tmp_path / "a.lhe", header=header, weights=["<weights> 1.0\n 2.0 </weights>\n"]))
    assert {name: values.tolist() for name, values in events.weights.items()} == {
        "nominal": [-1.5],
        "up": [1],
        "down": [2],
    }
    events = lhe.read(made(tmp_path / "b.lhe", weights=["<weights> 1.0 2.0 </weights>\n"]))
    assert list(events.weights) == ["nominal", "1", "2"]


def test_weights_in_another_order_and_taken_names(tmp_path, assert_same):
    one = "<rwgt><wgt id='nominal'>1</wgt><wgt id=\"b\"> 2 </wgt></rwgt>\n"
    two = "<rwgt><wgt id='b'>4</wgt><wgt id='nominal'>3</wgt></rwgt>\n"
    events = lhe.read(made(tmp_path / "a.lhe", weights=[one, two]))
    assert events.weights["nominal_rwgt"].tolist() == [1, 3]
    assert events.weights["b"].tolist() == [2, 4]
    lhe.write(tmp_path / "b.lhe", events)
    assert_same(events, lhe.read(tmp_path / "b.lhe"))
    assert 'id="nominal">1.0' in (tmp_path / "b.lhe").read_text()


def test_a_file_without_events(tmp_path):
    path = made(tmp_path / "a.lhe", events="")
    assert len(lhe.read(path)) == 0
    lhe.write(tmp_path / "b.lhe", lhe.read(path))
    assert len(lhe.read(tmp_path / "b.lhe")) == 0


ONE = EVENT.format(weights="")
TWO = EVENT.format(weights="<rwgt><wgt id='a'>1</wgt></rwgt>\n")


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (ONE + ONE.replace(" 2 7", " 3 7"), "event 2 announces 3 particles and has 2 whole lines"),
        (
            ONE + ONE.replace("45.6 45.6 0. 0. 9.", "45.6 0. 0. 9."),
            "event 2 announces 2 particles and has 0 whole lines",
        ),
        (ONE + ONE + ONE.replace("91.2", "abc"), "event 3 has 'abc' where a number should be"),
        (ONE + ONE.replace("-11 -1", "-11 x"), "event 2 has 'x' where"),
        (ONE + ONE.replace("-11 -1", "-11.5 -1"), r"event 2 has -11\.5 as pid"),
        (ONE + ONE.replace("-11 -1", "nan -1"), "event 2 has nan as pid"),
        (ONE + "<event>\n</event>\n", "event 2 does not start with a line of 6 numbers"),
        (ONE + TWO, r"event 2 differs from the first in its weights \('a'\)"),
        (TWO + TWO.replace("'a'", "'b'"), "event 2 differs from the first in its weights"),
        (TWO + TWO.replace(">1<", ">?<"), r"event 2 has '\?' where"),
        (ONE + "<event>\n 2 7 1. 1. 1. 1.\n", "ends inside event 2"),
    ],
)
def test_malformed_events_name_the_file_and_the_event(tmp_path, events, message):
    path = made(tmp_path / "a.lhe", events=events)
    with pytest.raises(FileError, match=rf"a\.lhe.*{message}"):
        lhe.read(path)


def test_truncated_files_give_what_is_whole_first(lhe_file, tmp_path):
    text = gzip.decompress(lhe_file.read_bytes()).decode()
    path = tmp_path / "a.lhe"
    for position in [match.end() for match in re.finditer("</event>\n", text)][4:8]:
        path.write_text(text[:position])
        parts = lhe.iterate(path, 3)
        assert len(next(parts)) == 3
        with pytest.raises(FileError, match=r"ends after event . without </LesHouchesEvents>: it is truncated"):
            list(parts)
        path.write_text(text[: position - 100])
        with pytest.raises(FileError, match=r"ends inside event \d: it is truncated"):
            lhe.read(path)


def test_truncated_and_damaged_gzip(lhe_file, tmp_path):
    whole = lhe_file.read_bytes()
    path = tmp_path / "a.lhe.gz"
    for size in (5, 3000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(FileError, match=r"a\.lhe\.gz"):
            lhe.read(path)
    broken = bytearray(whole)
    broken[len(whole) // 2] ^= 0xFF
    path.write_bytes(broken)
    with pytest.raises(FileError, match=r"a\.lhe\.gz"):
        lhe.read(path)


@pytest.mark.parametrize("text", ["", "hello", "<LesHouchesEvents>\n<init>\n1 2", "<init>\n1 2\n</init>\n<event>"])
def test_what_is_no_lhe_file_says_so(tmp_path, text):
    path = tmp_path / "a.lhe"
    path.write_text(text)
    with pytest.raises(FileError, match=r"a\.lhe"):
        lhe.read(path)


def test_what_cannot_be_written_says_so(sample, tmp_path, lhe_file):
    with pytest.raises(InputError, match="no sample"):
        lhe.write(tmp_path / "a.lhe", [])
    with pytest.raises(KeyError, match="unknown collection 'particles'"):
        lhe.write(tmp_path / "a.lhe", Events({"x": np.zeros(2)}))
    bare = Events(collections={"particles": Ragged.from_counts(np.array([1]), {"px": np.zeros(1)})})
    with pytest.raises(InputError, match="need the field 'pid'"):
        lhe.write(tmp_path / "a.lhe", bare)
    with pytest.raises(InputError, match="event 3 has nominal nan"):
        lhe.write(
            tmp_path / "a.lhe", sample.with_weights({"nominal": np.where(np.arange(len(sample)) == 2, np.nan, 1)})
        )
    events = lhe.read(lhe_file)
    particles = events.collections["particles"]
    broken = particles.with_fields(px=np.where(np.arange(particles.total) == 7, np.inf, particles["px"]))
    with pytest.raises(InputError, match=r"event 2 has particles\.px inf"):
        lhe.write(tmp_path / "a.lhe", events.with_collections(particles=broken))
    assert list(tmp_path.iterdir()) == []


def test_reading_imports_neither_torch_nor_awkward(lhe_file):
    code = (
        "import sys; from partonic.io import lhe; lhe.read(sys.argv[1]); print({'torch', 'awkward'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code, lhe_file], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def test_a_header_or_event_that_does_not_end(tmp_path, monkeypatch):
    monkeypatch.setattr(lhe_text, "LONGEST", 1 << 20)
    path = tmp_path / "a.lhe"
    path.write_text("<LesHouchesEvents>" + "x" * (3 << 20))
    with pytest.raises(FileError, match="does not end in the header within 1 MB"):
        lhe.read(path)
    path.write_text(FILE.format(header="", events=EVENT.format(weights="") + "<event>" + "1\n" * (2 << 20)))
    given = []
    with pytest.raises(FileError, match="does not end in event 2 within 1 MB"):
        given.extend(lhe.iterate(path))
    assert [len(part) for part in given] == [1]


def test_a_cross_section_error_beyond_its_square(tmp_path):
    path = made(tmp_path / "huge.lhe")
    path.write_text(path.read_text().replace("2.0 0.1 1.0 7", "2.0 1e200 1.0 7"))
    assert lhe.read(path).provenance["cross_section_error_pb"] == 1e200


def test_the_card_names_the_parameters_that_weights_vary(tmp_path):
    """The last card counts; what no weight sets, and what is no number, stays out."""
    card = "Block SMEFT # \n  4 0.5 # chbox\n 7 1.0 # chw\n junk\n 9 x # chwb\nBLOCK SMEFT\n 7 2.5E-1 # chw\n 8 1.0\n"
    weights = "<initrwgt><weight id='a'>set param_card  smeft 7 0.1\nset param_card SMEFT 8 3</weight></initrwgt>"
    text = f"<LesHouchesEvents version='3.0'>\n<header>\n<slha>\n{card}</slha>\n{weights}</header>\n"
    text += "<init>\n2212 2212 1 1 0 0 0 0 3 1\n1 0 1 1\n</init>\n</LesHouchesEvents>\n"
    path = tmp_path / "card.lhe"
    path.write_text(text)
    found = lhe.header(path)
    assert found["lhe"]["parameters"] == {
        "smeft 7": {"name": "chw", "value": 0.25},
        "smeft 8": {"name": "smeft 8", "value": 1.0},
    }
    assert found["cross_section_pb"] == 1
    none = Ragged.from_counts(np.zeros(1, dtype=int), {name: np.zeros(0) for name in ("pid", "px", "py", "pz", "e")})
    one = Events({"process_id": np.ones(1)}, {"a": np.ones(1)}, {"particles": none}, {}, found)
    lhe.write(tmp_path / "again.lhe", one)
    assert lhe.header(tmp_path / "again.lhe")["lhe"] == found["lhe"]
    path.write_text(text.replace(weights, "<initrwgt><weight id='a'>up</weight></initrwgt>"))
    assert "parameters" not in lhe.header(path)["lhe"]
