"""Csv tables: types that hold for all of a file, weights, labels, leptons, broken lines."""

import gzip
import io

import numpy as np
import pandas as pd
import pytest

from partonic.core.errors import FileError
from partonic.events import concatenate
from partonic.io import csv, csv_text, formats

HIGGS = """EventId,DER_mass_MMC,PRI_jet_num,Weight,Label,KaggleSet
100000,138.47,2,0.00081,s,t
100001,-999.0,0,0.68,b,t
100002,-999.0,1,0.72,b,v
"""
DIMUON = """Run,Event,Type1,E1,px1 ,py1,pz1,pt1,eta1,phi1,Q1,Type2,E2,px2,py2,pz2,pt2,eta2,phi2,Q2,M
165617,74601703,G,9.6987,-9.5104,0.3662,1.8633,9.5175,0.1945,3.1031,-1,T,9.7633,7.3277,-1.1524,6.3473,7.4178,0.7756,-0.156,1,17.492
165617,75100943,G,6.2038,-4.2666,0.4565,-4.4793,4.2909,-0.9121,3.035,-1,G,9.66897,7.2740,-2.8211,-5.7104,7.8019,-0.6786,-0.37,1,11.55
"""


@pytest.fixture
def written(tmp_path):
    """Function text -> path of a file with it."""

    def write(text, name="a.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_table_of_higgs_candidates(written):
    path = written(HIGGS)
    assert formats.recognise(path).name == "csv"
    events = formats.read(path)
    assert list(events.columns) == ["label", "EventId", "DER_mass_MMC", "PRI_jet_num", "KaggleSet"]
    assert events.columns["label"].dtype == np.int8
    assert events.columns["label"].tolist() == [1, 0, 0]
    assert events.weights["nominal"].tolist() == [0.00081, 0.68, 0.72]
    assert events.columns["DER_mass_MMC"].tolist() == [138.47, -999, -999]
    assert events.columns["PRI_jet_num"].dtype == np.int64
    assert events.columns["KaggleSet"].tolist() == ["t", "t", "v"]
    assert not events.collections
    assert events.provenance == {"source": "a.csv", "layout": "csv table"}


def test_numbered_leptons_become_a_collection_beside_the_columns(written):
    events = formats.read(written(DIMUON))
    leptons = events.collections["leptons"]
    assert list(leptons.fields) == ["px", "py", "pz", "e", "pt", "eta", "phi", "charge"]
    assert leptons.offsets.tolist() == [0, 2, 4]
    np.testing.assert_array_equal(leptons["px"], np.float32([-9.5104, 7.3277, -4.2666, 7.2740]))
    np.testing.assert_array_equal(leptons["e"], np.float32([9.6987, 9.7633, 6.2038, 9.66897]))
    assert leptons["charge"].tolist() == [-1, 1, -1, 1]
    assert events.columns["px1"].tolist() == [-9.5104, -4.2666]
    assert events.columns["Type2"].tolist() == ["T", "G"]
    total = {name: np.add.reduceat(leptons[name].astype(float), [0, 2]) for name in ("px", "py", "pz", "e")}
    mass = np.sqrt(total["e"] ** 2 - total["px"] ** 2 - total["py"] ** 2 - total["pz"] ** 2)
    np.testing.assert_allclose(mass, events.columns["M"], rtol=2e-3)


def test_momenta_from_angles(written):
    path = written("pt1,eta1,phi1,Q1,PID1,iso1,pt2,eta2,phi2,Q2,PID2\n30,0.5,1,1,-13,0.1,20,-1,-2,-1,15\n")
    leptons = formats.read(path).collections["leptons"]
    assert "isolation" not in leptons.fields
    mass = np.array([0.105658, 1.77693])
    np.testing.assert_allclose(leptons["pz"], np.array([30, 20]) * np.sinh([0.5, -1]), rtol=1e-6)
    p2 = leptons["px"].astype(float) ** 2 + leptons["py"].astype(float) ** 2 + leptons["pz"].astype(float) ** 2
    np.testing.assert_allclose(leptons["e"].astype(float) ** 2, p2 + mass**2, rtol=1e-6)
    without = formats.read(written("pt1,eta1,phi1,btag1\n30,0.5,1,1\n"))
    assert not without.collections


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2", "-3"], "i"),
        (["1", "2.5", "3"], "f"),
        (["1", "", "3"], "f"),
        (["1", "nan", "inf"], "f"),
        (["9007199254740993", "1", "2"], "i"),
        (["99999999999999999999", "1", "2"], "f"),
        (["true", "False", "true"], "b"),
        (["true", "", "1"], "U"),
        (["1", "two", "3"], "U"),
        (["2020-01-01", "2020-01-02", ""], "U"),
        (["", "", ""], "f"),
    ],
)
def test_a_column_is_as_narrow_as_all_of_it_allows(written, monkeypatch, values, kind):
    path = written("x,y\n" + "".join(f"{value},1\n" for value in values))
    whole = formats.read(path).columns["x"]
    assert whole.dtype.kind == kind
    if kind == "U":
        assert whole.tolist() == values
    else:
        np.testing.assert_array_equal(
            whole.astype(str), pd.read_csv(path)["x"].to_numpy().astype(whole.dtype).astype(str)
        )
    monkeypatch.setattr(csv_text, "BLOCK", 24)
    monkeypatch.setattr(csv_text, "PIECE", 4)
    parts = list(csv.iterate(path, 1))
    assert len(parts) == 3
    assert {part.columns["x"].dtype.kind for part in parts} == {kind}
    np.testing.assert_array_equal(concatenate(parts).columns["x"], whole)


@pytest.mark.parametrize(
    "text",
    [
        "a,b,name\r\n1,2.5,x y\r\n3,4,z\r\n",
        "\ufeffa,b,name\n1,2.5,x y\n3,4,z",
        '"a","b","name"\n1,2.5,"x y"\n"3",4,z\n',
        "a, b , name\n1, 2.5 , x y\n 3,\t4, z \n",
        "# made by hand\n\na,b,name\n1,2.5,x y\n# a comment, with commas\n\n3,4,z\n",
        "a;b;name\n1;2.5;x y\n3;4;z\n",
        "a\tb\tname\n1\t2.5\tx y\n3\t4\tz\n",
    ],
)
def test_ways_to_write_a_table(written, text):
    path = written(text)
    assert formats.recognise(path).name == "csv"
    events = formats.read(path)
    assert events.columns["a"].tolist() == [1, 3]
    assert events.columns["b"].tolist() == [2.5, 4]
    assert events.columns["name"].tolist() == ["x y", "z"]
    assert formats.count(path) == 2


def test_quotes_hide_delimiters(written):
    events = formats.read(written('n,name\n1,"a,b"\n2,"say ""c"""\n'))
    assert events.columns["name"].tolist() == ["a,b", 'say "c"']


def test_names_may_stand_in_a_comment(written):
    file = io.StringIO()
    np.savetxt(file, [[1, 2], [3, 4]], delimiter=",", header="pt,eta")
    events = formats.read(written(file.getvalue()))
    assert events.columns["eta"].tolist() == [2, 4]
    assert formats.count(written(file.getvalue())) == 2


def test_what_pandas_writes_with_its_index(written):
    file = io.StringIO()
    pd.DataFrame({"pt": [1.5, 2.5]}).to_csv(file)
    events = formats.read(written(file.getvalue()))
    assert events.columns["index"].tolist() == [0, 1]
    assert events.columns["pt"].tolist() == [1.5, 2.5]


def test_a_header_alone_is_an_empty_sample(written):
    for text in ("pt,label,Weight\n", "pt,label,Weight"):
        path = written(text)
        (events,) = csv.iterate(path)
        assert len(events) == formats.count(path) == 0
        assert list(events.columns) == ["label", "pt"]


def test_gzipped_and_in_parts(written, assert_same):
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"pt": rng.random(1000), "n": np.arange(1000), "kind": rng.choice(["e", "mu"], 1000)})
    plain = written(table.to_csv(index=False))
    zipped = written(gzip.compress(plain.read_bytes()), "a.csv.gz")
    assert formats.recognise(zipped).name == "csv"
    assert formats.count(zipped) == 1000
    parts = list(formats.iterate(zipped, 300))
    assert [len(part) for part in parts] == [300, 300, 300, 100]
    assert_same(formats.read(plain), concatenate(parts).with_provenance(source="a.csv"))
    assert formats.read(plain).columns["pt"].tolist() == table["pt"].tolist()
    cut = written(zipped.read_bytes()[:4000], "cut.csv.gz")
    given = []
    with pytest.raises(FileError, match=r"cut\.csv\.gz is truncated or damaged"):
        given.extend(csv.iterate(cut, 100))
    got = concatenate(given)
    assert 50 < len(got) < 1000
    np.testing.assert_array_equal(got.columns["pt"], table["pt"][: len(got)])


@pytest.mark.parametrize("block", [64 << 20, 20])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3,4\n5\n6,7\n", r"line 4 has 1 fields, the header names 2"),
        ("# c\na,b\n1,2\n\n# c\n3,4\n5,6,7\n", r"line 7 has 3 fields, the header names 2"),
        ("a,b\n1,2\n3,4\n5,\udcff\n", r"line 4 is not UTF-8 text"),
    ],
)
def test_a_broken_line_is_named_and_the_lines_before_are_given(written, monkeypatch, text, message, block):
    path = written(text.encode("utf-8", "surrogateescape"))
    monkeypatch.setattr(csv_text, "BLOCK", block)
    given = []
    with pytest.raises(FileError, match=rf"a\.csv: {message}"):
        given.extend(csv.iterate(path, 1))
    assert [part.columns["b"].tolist() for part in given if len(part)] == [[2], [4]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pt,Weight\n1,1\n2,heavy\n", "event 2 has 'heavy' as Weight, where a number should be"),
        ("pt,Label\n1,s\n2,b\n3,c\n", r"event 3 has the label 'c', where s \(signal\) or b should be"),
        ("pt1,eta1,phi1,Q1\n1,1,1,1\n1,x,1,1\n", "event 2 has 'x' as eta1"),
        ("pt1,eta1,phi1,Q1\n1,1,1,1\n1,1,1,300\n", "event 2 has 300 as Q1, which is out of range"),
        ("pt,eta,pt\n1,2,3\n", "two columns with the name 'pt'"),
    ],
)
def test_values_that_do_not_fit_their_meaning(written, text, message):
    path = written(text)
    with pytest.raises(FileError, match=message):
        list(csv.iterate(path, 1))


def test_other_labels_stay_as_they_are(written):
    assert formats.read(written("pt,Label\n1,top\n2,qcd\n")).columns["label"].tolist() == ["top", "qcd"]
    assert formats.read(written("pt,label\n1,11\n2,-13\n")).columns["label"].tolist() == [11, -13]


@pytest.mark.parametrize(
    "text", ["1,2\n3,4\n", "hello\n", "<a>,<b>\n1,2\n", '{"a": 1, "b": 2}\n', "a,b\0\n1,2\n", "a,\n"]
)
def test_what_is_no_table(written, text):
    with pytest.raises(FileError, match="no known format"):
        formats.read(written(text))


def test_a_header_longer_than_what_is_looked_at(written):
    names = [f"column_{i}" for i in range(1000)]
    path = written(",".join(names) + "\n" + ",".join(map(str, range(1000))) + "\n")
    events = formats.read(path)
    assert list(events.columns) == names
    assert events.columns["column_999"].tolist() == [999]


@pytest.mark.parametrize("kept", [0, 300, 1 << 30])
def test_tables_too_large_to_be_kept_are_parsed_again(written, monkeypatch, kept):
    lines = [f"{i},{'x' if i == 90 else i % 7},{i / 4 if i > 60 else ''}" for i in range(100)]
    path = written("a,b,c\n" + "\n".join(lines) + "\n")
    monkeypatch.setattr(csv_text, "BLOCK", 64)
    monkeypatch.setattr(csv_text, "PIECE", 16)
    monkeypatch.setattr(csv_text, "KEPT", kept)
    passes = []
    parse = csv_text._tables
    monkeypatch.setattr(csv_text, "_tables", lambda *given: passes.append(given[1]) or parse(*given))
    parts = list(csv.iterate(path, 1000))
    assert len(parts) > 3
    events = concatenate(parts)
    assert events.columns["a"].tolist() == list(range(100))
    assert events.columns["b"][88:92].tolist() == ["4", "5", "x", "0"]
    np.testing.assert_array_equal(events.columns["c"], [np.nan] * 61 + [i / 4 for i in range(61, 100)])
    assert [types is None for types in passes] == [True, False]


def test_a_table_that_is_kept_is_parsed_once(written, monkeypatch):
    path = written("a,b\n" + "".join(f"{i},{i / 2}\n" for i in range(100)))
    monkeypatch.setattr(csv_text, "BLOCK", 64)
    monkeypatch.setattr(csv_text, "PIECE", 16)
    passes = []
    parse = csv_text._tables
    monkeypatch.setattr(csv_text, "_tables", lambda *given: passes.append(given[1]) or parse(*given))
    whole = concatenate(list(csv.iterate(path, 1000)))
    assert len(passes) == 1
    monkeypatch.setattr(csv_text, "KEPT", 100)
    again = concatenate(list(csv.iterate(path, 1000)))
    assert len(passes) == 3
    for name in ("a", "b"):
        assert again.columns[name].dtype == whole.columns[name].dtype
        np.testing.assert_array_equal(again.columns[name], whole.columns[name])


def test_a_line_that_never_ends(written, monkeypatch):
    monkeypatch.setattr(csv_text, "BLOCK", 1000)
    monkeypatch.setattr(csv_text, "PIECE", 100)
    with pytest.raises(FileError, match="line of more than 1,000 bytes"):
        list(csv.iterate(written("a,b\n1,2\n" + "3" * 5000)))


def test_a_table_of_too_many_columns(written):
    path = written(",".join(f"a{i}" for i in range(20_001)) + "\n")
    with pytest.raises(FileError, match="names 20,001 columns, at most 20,000 are read"):
        list(csv.iterate(path))
