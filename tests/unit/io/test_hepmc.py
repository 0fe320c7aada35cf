"""HepMC records: against pyhepmc on files that it wrote, in both versions; units, weights, malformed files."""

import gzip

import numpy as np
import pyhepmc
import pytest

from partonic.core.errors import FileError
from partonic.events import concatenate, kinematics
from partonic.io import formats, hepmc, hepmc_text
from partonic.io.convert import convert

MOMENTUM = ("px", "py", "pz", "e")
MADE = """HepMC::Version 3.02.05
HepMC::Asciiv3-START_EVENT_LISTING
W central\\|up \\\\ down\\|central
T Generator\\|1.2\\|of tests
A beam none
{events}HepMC::Asciiv3-END_EVENT_LISTING

"""
EVENT = """E {number} 2 5{place}
U MEV CM
W 1.5 2 -3
A 0 GenCrossSection 12 0.5 10 20
A 0 signal_process_id {number}
A 0 GenHeavyIon v0 1 2
A 3 flow1 101
P 1 0 2212 0 0 7e6 7e6 0 4
P 2 0 2212 0 0 -7e6 7e6 0 4
V -1 0 [1,2]{vertex}
P 3 -1 23 0 0 0 91e3 91e3 2
P 4 3 13 4e4 0 0 4e4 0 1
P 5 3 -211 -5e4 1e3 0 51e3 0 1
"""
VERSION_2 = """HepMC::Version 2.06.09
HepMC::IO_GenEvent-START_EVENT_LISTING
E 7 0 1 2 3 99 0 2 1 2 0 2 2 3
N 2 "a" "b"
U GEV MM
C 12 0.5
V -1 0 1 2 3 4 2 1 0
P 1 2212 0 0 7000 7000 0 4 0 0 -1 0
P 2 2212 0 0 -7000 7000 0 4 0 0 -1 0
P 3 23 0 0 0 91 91 2 0 0 -2 0
V -2 0 1 2 3 4 0 2 0
P 4 13 45 0 0 45 0 1 0 0 0 2 1 501 2 502
P 5 -13 -45 0 0 45 0 1 0 0 0 0
HepMC::IO_GenEvent-END_EVENT_LISTING
"""


def made(path, events):
    path.write_text(MADE.format(events=events))
    return path


def event(number=1, place="", vertex=" @ 0.1 0.2 0.3 0.4"):
    return EVENT.format(number=number, place=place, vertex=vertex)


def random_event(rng, number):
    """A tree of decays with a vertex of two incoming particles at its root, some vertices without a position."""
    out = pyhepmc.GenEvent(pyhepmc.Units.GEV, pyhepmc.Units.MM)
    out.event_number = number
    beams = [pyhepmc.GenParticle((0, 0, s * 6500.0, 6500.0), 2212, 4) for s in (1, -1)]
    root = pyhepmc.GenVertex((0.01, 0.02, 0.3, 0.4))
    for beam in beams:
        root.add_particle_in(beam)
    out.add_vertex(root)
    ends = []

    def particle(vertex, pid, status):
        p = rng.normal(0, 20, 3)
        found = pyhepmc.GenParticle((*p, np.sqrt(p @ p + 0.02)), int(pid), status)
        found.generated_mass = 0.1413
        vertex.add_particle_out(found)
        return found

    for _ in range(rng.integers(1, 5)):
        mother = particle(root, rng.choice([23, 511, 21]), 2)
        where = rng.random() < 0.5
        vertex = pyhepmc.GenVertex(tuple(rng.normal(0, 1, 4))) if where else pyhepmc.GenVertex()
        vertex.add_particle_in(mother)
        out.add_vertex(vertex)
        ends += [particle(vertex, pid, 1) for pid in rng.choice([211, -211, 22, 2112, 13], rng.integers(1, 4))]
    cross_section = pyhepmc.GenCrossSection()
    cross_section.set_cross_section(5.5, 0.25, 10, 10)
    out.cross_section = cross_section
    return out


@pytest.fixture(scope="module", params=["HepMC3", "HepMC2"])
def written(request, tmp_path_factory):
    """A file of 40 events written by pyhepmc."""
    path = tmp_path_factory.mktemp("hepmc") / f"a.{request.param.lower()}"
    run = pyhepmc.GenRunInfo()
    run.weight_names = ["first", "second_one", "third"]
    rng = np.random.default_rng(3)
    with pyhepmc.open(path, "w", format=request.param) as file:
        for i in range(40):
            one = random_event(rng, 100 + i)
            one.run_info = run
            one.weights = [1.0 + i, 2.0, -0.5]
            file.write(one)
    return path


def check_against_pyhepmc(path):
    """The numbers of a file as pyhepmc reads them."""
    events = formats.read(path)
    truth, n = events.collections["truth"], 0
    mothers = truth.links["mothers"]
    with pyhepmc.open(path) as file:
        for i, theirs in enumerate(file):
            assert theirs.event_number == events.columns["number"][i]
            assert theirs.weights == [values[i] for values in events.weights.values()]
            rows = slice(truth.offsets[i], truth.offsets[i + 1])
            ours = {name: truth[name][rows] for name in truth.fields}
            # pyhepmc numbers the particles of version 2 anew: both are compared in the order of momenta.
            particles = theirs.particles
            here = np.lexsort([ours[name] for name in ("status", "pid", *MOMENTUM)])
            table = np.array([[p.momentum.px, p.momentum.py, p.momentum.pz, p.momentum.e] for p in particles])
            pids, status = [p.pid for p in particles], [p.status for p in particles]
            there = np.lexsort([status, pids, *table.T])
            for j, name in enumerate(MOMENTUM):
                np.testing.assert_array_equal(ours[name][here], table[there, j])
            np.testing.assert_array_equal(ours["pid"][here], np.array(pids)[there])
            np.testing.assert_array_equal(ours["status"][here], np.array(status)[there])
            place_of = {particles[b].id: a for a, b in zip(here, there, strict=True)}
            for a, b in zip(here, there, strict=True):
                parents = sorted(place_of[p.id] for p in particles[b].parents)
                item = rows.start + a
                assert sorted(mothers.index[mothers.offsets[item] : mothers.offsets[item + 1]].tolist()) == parents
                assert sorted({ours["mother1"][a], ours["mother2"][a]} - {-1}) == sorted({*parents[:1], *parents[-1:]})
                if particles[b].production_vertex and parents:
                    x = particles[b].production_vertex.position
                    got = [ours[name][a] for name in ("vx", "vy", "vz", "vt")]
                    np.testing.assert_allclose(got, [x.x, x.y, x.z, x.t], rtol=1e-15)
            n += 1
    assert n == len(events) == formats.count(path)
    return events


def test_as_pyhepmc_reads_it(written):
    events = check_against_pyhepmc(written)
    assert len(events) == 40
    assert list(events.weights) == ["nominal", "second_one", "third"]
    assert events.columns["cross_section"].tolist() == [5.5] * 40
    assert events.provenance["cross_section_pb"] == 5.5
    assert events.provenance["hepmc"]["weight_names"] == ["first", "second_one", "third"]


def test_the_final_state_is_sorted_and_knows_its_charge_and_place(written):
    events = formats.read(written)
    particles, truth = events.collections["particles"], events.collections["truth"]
    pt = np.hypot(particles["px"], particles["py"])
    same = np.diff(particles.rows) == 0
    assert np.all(np.diff(pt)[same] <= 0)
    items = particles["truth"] + truth.offsets[:-1][particles.rows]
    np.testing.assert_array_equal(truth["pid"][items], particles["pid"])
    assert np.all(truth["status"][items] == 1)
    assert particles.total == np.count_nonzero(truth["status"] == 1)
    assert set(zip(particles["pid"].tolist(), particles["charge"].tolist(), strict=True)) == {
        (211, 1),
        (-211, -1),
        (22, 0),
        (2112, 0),
        (13, -1),
    }
    assert particles["px"].dtype == np.float32


def test_a_real_event_as_pyhepmc_reads_it(real_data):
    events = check_against_pyhepmc(real_data / "pyhepmc_last_event_issue.hepmc")
    assert events.collections["truth"].total == 1697
    assert events.weights["nominal"].tolist() == [507.24806999999998]


def test_a_real_event_is_the_same_in_version_3(real_data, tmp_path):
    old = real_data / "pyhepmc_last_event_issue.hepmc"
    with pyhepmc.open(old) as file:
        theirs = file.read()
    with pyhepmc.open(tmp_path / "new.hepmc3", "w") as file:
        file.write(theirs)
    new = check_against_pyhepmc(tmp_path / "new.hepmc3").collections["truth"]
    truth = formats.read(old).collections["truth"]
    for name in ("px", "py", "pz", "e", "pid", "status", "vx", "vy", "vz"):
        np.testing.assert_array_equal(np.sort(new[name]), np.sort(truth[name]))
    assert new.links["mothers"].index.size == truth.links["mothers"].index.size


def test_units_weights_and_facts(tmp_path):
    events = formats.read(made(tmp_path / "a.hepmc", event() + event(2)))
    truth = events.collections["truth"]
    assert truth["e"].tolist() == [7000, 7000, 91, 40, 51] * 2
    assert truth["mass"].tolist() == [0, 0, 91, 0, 0] * 2
    assert truth["mother1"].tolist() == [-1, -1, 0, 2, 2] * 2
    assert truth["mother2"].tolist() == [-1, -1, 1, 2, 2] * 2
    assert truth["vx"].tolist() == [0, 0, 1, 1, 1] * 2
    assert truth["vt"].tolist() == [0, 0, 4, 4, 4] * 2
    assert truth.links["mothers"].index.tolist() == [0, 1, 2, 2] * 2
    assert events.collections["particles"]["charge"].tolist() == [-1, -1] * 2
    assert events.collections["particles"]["truth"].tolist() == [4, 3] * 2
    assert {name: values.tolist() for name, values in events.weights.items()} == {
        "nominal": [1.5, 1.5],
        "up \\ down": [2, 2],
        "central": [-3, -3],
    }
    assert events.columns["process_id"].tolist() == [1, 2]
    assert events.provenance["left_out"] == ["event: GenHeavyIon", "particles and vertices: flow1"]
    facts = events.provenance["hepmc"]
    assert (facts["version"], facts["tools"]) == ("3.02.05", [["Generator", "1.2", "of tests"]])
    assert facts["attributes"] == {"beam": "none"}


@pytest.mark.parametrize("block", [1 << 20, 300])
@pytest.mark.parametrize("zipped", [False, True])
def test_the_last_cross_section_counts(tmp_path, monkeypatch, block, zipped):
    monkeypatch.setattr(hepmc_text, "BLOCK", block)
    path = made(tmp_path / "a.hepmc", event() + event(2).replace("Section 12 0.5", "Section 11 0.25") + event(3)[:50])
    if zipped:
        path.write_bytes(gzip.compress(path.read_bytes()))
    events = next(hepmc.iterate(path, 2))
    assert events.columns["cross_section"].tolist() == [12, 11]
    assert events.provenance["cross_section_pb"] == 11
    assert events.provenance["cross_section_error_pb"] == 0.25


def test_where_no_vertex_has_a_position_it_is_that_of_the_event(tmp_path):
    events = formats.read(made(tmp_path / "a.hepmc", event(place=" @ 1 2 3 4", vertex="")))
    assert events.collections["truth"]["vz"].tolist() == [0, 0, 30, 30, 30]


def test_gzipped_in_parts_and_in_bounded_samples(written, tmp_path, assert_same, monkeypatch):
    path = tmp_path / "a.dat"
    path.write_bytes(gzip.compress(written.read_bytes()))
    assert formats.recognise(path).name == "hepmc"
    assert formats.count(path) == 40
    whole = formats.read(written)
    parts = list(formats.iterate(path, 15))
    assert [len(part) for part in parts] == [15, 15, 10]
    assert_same(whole, concatenate(parts))
    monkeypatch.setattr(hepmc, "ITEMS", 50)
    monkeypatch.setattr(hepmc_text, "BLOCK", 100)
    parts = list(formats.iterate(path))
    assert len(parts) > 5
    assert max(part.collections["truth"].total for part in parts) < 100
    assert_same(whole, concatenate(parts))


def test_listings_one_after_the_other(tmp_path):
    path = made(tmp_path / "a.hepmc", event())
    path.write_text(path.read_text() + path.read_text().replace("E 1 ", "E 2 "))
    assert formats.read(path).columns["number"].tolist() == [1, 2]


def test_no_event_is_an_empty_sample(tmp_path):
    path = made(tmp_path / "a.hepmc", "")
    assert len(formats.read(path)) == formats.count(path) == 0
    assert set(formats.read(path).collections) == {"particles", "truth"}


def test_convert_keeps_all(written, tmp_path, assert_same):
    report = convert(written, tmp_path / "a.parquet")
    assert report.events == 40
    assert report.check.sound
    again = formats.read(tmp_path / "a.parquet")
    assert_same(formats.read(written), again)
    fields = again.collections["truth"]
    final = fields.keep(fields["status"] == 1)
    off_shell = kinematics.mass2(*(final[name] for name in MOMENTUM)) - final["mass"] ** 2
    assert np.max(np.abs(off_shell)) < 1e-3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("P 5 3", "X 5 3", r"event 2 has a line that starts with 'X'"),
        ("P 5 3 -211 -5e4 1e3 0 51e3 0 1\n", "", "event 2 announces 5 particles and has 4"),
        ("-5e4", "-5f4", "event 2 has '-5f4' where a number should be"),
        ("-5e4 1e3", "-5e4", r"event 2 has the particle 'P 5 3.*not of 9 numbers"),
        ("P 5 3", "P 5 9", "event 2 names 9 of the particles, which is not there"),
        ("P 3 -1", "P 3 -7", "event 2 names -7 of the vertices, which is not there"),
        ("P 2 0", "P 1 0", "event 2 has two particles with the same number"),
        ("[1,2]", "[1,x]", "event 2 has 'x' where a whole number should be"),
        (" 51e3 0 1", " 51e3 0 1.5", "event 2 has 1.5 as PDG number or status"),
        ("MEV", "TEV", "event 2 has the units TEV CM"),
        ("W 1.5 2 -3", "W 1.5 2", "event 2 has 2 weights, the first has 3"),
        ("E 2 2 5", "E 2 2", "event 2 has a line that is too short"),
        ("Section 12", "Section twelve", "event 2 has 'twelve 0.5 10 20' as GenCrossSection"),
        ("id 2", "id 2e99", r"event 2 has 2e\+99 as process_id"),
        ("V -1 0 [1,2]", "V -1 \udcff [1,2]", "event 2"),
        ("P 5 3", "P 5 \udcff", "event 2 holds bytes that are no text"),
    ],
)
def test_what_is_broken_is_named_with_its_event(tmp_path, old, new, message):
    first, second = event(1), event(2)
    assert old in second
    path = tmp_path / "a.hepmc"
    path.write_bytes(MADE.format(events=first + second.replace(old, new)).encode("utf-8", "surrogateescape"))
    if "V -1" in old:
        assert len(formats.read(path)) == 2  # the status of vertices is not read
        return
    given = []
    with pytest.raises(FileError, match=rf"a\.hepmc: {message}.*malformed or truncated"):
        given.extend(hepmc.iterate(path, 1))
    assert [part.columns["number"].tolist() for part in given] == [[1]]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("99 0 2", "99 0 3", "announces 3 vertices and has 2"),
        ("0 2 2 3", "0 2 2", "announces 2 weights and has 1"),
        ("0 2 2 3", "9 2 2 3", "has a line that is too short"),
        ("4 2 1 0", "4 2 2 0", r"announces 2 \+ 2 particles at a vertex and has 3"),
        ("4 0 2 0", "4 0 -1 0", r"announces 0 \+ -1 particles at a vertex and has 2"),
        ("P 3 23", "P 3 x", "has 'x' where a number should be"),
        ("V -2 0", "V -3 0", "names -2 of the vertices, which is not there"),
        ("V -2 0", "V -1 0", "has two vertices with the same number"),
        ("P 5 -13 -45 0 0 45 0 1 0 0 0 0", "P 5 -13 -45 0 0 45 0 1 0 0", r"has the particle 'P 5.*too short"),
        ("V -1", "P 9 1 0 0 0 0 0 1 0 0 0 0\nV -1", "has particles before its first vertex"),
        ("C 12", "A 12", "has a line that starts with 'A'"),
    ],
)
def test_broken_events_of_version_2(tmp_path, old, new, message):
    path = tmp_path / "a.hepmc2"
    path.write_text(VERSION_2)
    assert formats.read(path).collections["truth"]["mother2"].tolist() == [-1, -1, 1, 2, 2]
    assert formats.read(path).weights["b"].tolist() == [3]
    assert old in VERSION_2
    path.write_text(VERSION_2.replace(old, new))
    with pytest.raises(FileError, match=rf"a\.hepmc2: event 1 {message}"):
        formats.read(path)


def test_truncated_files(written, tmp_path):
    text = written.read_bytes()
    path = tmp_path / "cut.hepmc"
    for share in (0.3, 0.7, 0.99):
        path.write_bytes(text[: int(len(text) * share)])
        given = []
        with pytest.raises(FileError, match=r"ends in event \d+ without END_EVENT_LISTING: it is truncated"):
            given.extend(hepmc.iterate(path))
        assert 0.7 * share * 40 < len(given[0]) < share * 40 + 1
    path.write_bytes(text[:60])
    with pytest.raises(FileError, match="ends before its first event"):
        list(hepmc.iterate(path))
    path.write_bytes(gzip.compress(text)[:-200])
    with pytest.raises(FileError, match="truncated or damaged in event"):
        list(hepmc.iterate(path))
    with pytest.raises(FileError, match="truncated or damaged"):
        hepmc.count(path)


def test_other_listings_and_none(tmp_path):
    path = tmp_path / "a.hepmc"
    path.write_text("HepMC::Version 2.0\nHepMC::IO_ExtendedAscii-START_EVENT_LISTING\nE 1\n")
    with pytest.raises(FileError, match="of the kind IO_ExtendedAscii; those read are: Asciiv3, IO_GenEvent"):
        formats.read(path)
    path.write_text("HepMC::Version 2.0\nE 1\nHepMC::Asciiv3-END_EVENT_LISTING\n")
    with pytest.raises(FileError, match="no line START_EVENT_LISTING before its first event"):
        formats.read(path)


def test_an_event_that_does_not_end(tmp_path, monkeypatch):
    monkeypatch.setattr(hepmc_text, "LONGEST", 1 << 20)
    path = tmp_path / "a.hepmc"
    path.write_text(MADE.partition("{events}")[0] + event() + "E 2 0 0\n" + "P 1\n" * 10**6)
    with pytest.raises(FileError, match="event 2 takes more than 1 MB"):
        list(hepmc.iterate(path))
