"""Addresses and versions; the cluster itself is in tests/faults/test_cluster.py."""

import socket

import pytest

from partonic.core import cluster
from partonic.core.errors import FileError, InputError, WorkerError


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:8786", "tls://node-1.site:1", "tcp://[::1]:8786"])
def test_addresses_are_taken_as_they_are(address: str):
    assert cluster.check_address(address) == address


@pytest.mark.parametrize(
    "address", ["", "localhost", "localhost:8786", "tcp://a", "http://a:1", "tcp://a b:1", "tcp://:1"]
)
def test_what_is_no_address_is_named_with_an_example(address: str):
    with pytest.raises(InputError, match="expected tcp://HOST:PORT"):
        cluster.check_address(address)


def test_the_file_of_a_scheduler_gives_its_address(tmp_path):
    file = tmp_path / "scheduler.json"
    file.write_text('{"type": "Scheduler", "address": "tcp://10.0.0.1:8786", "workers": {}}')
    assert cluster.check_address(f"file:{file}") == "tcp://10.0.0.1:8786"
    for text in ("[]", '{"address": 3}'):
        file.write_text(text)
        with pytest.raises(FileError, match=r"scheduler\.json is not the file"):
            cluster.check_address(f"file:{file}")
    file.write_text('{"address": "file:elsewhere"}')
    with pytest.raises(InputError, match="expected tcp://HOST:PORT"):
        cluster.check_address(f"file:{file}")
    with pytest.raises(FileError, match=r"cannot read .*missing\.json"):
        cluster.check_address(f"file:{tmp_path / 'missing.json'}")


def test_what_a_worker_has_other_is_named():
    wanted = {"numpy": "2.2", "fastjet": "3.4"}
    assert cluster.differences(wanted, {**wanted, "more": "1"}) == ""
    assert (
        cluster.differences(wanted, {"numpy": "2.1"})
        == "numpy is 2.1 and must be 2.2, fastjet is missing and must be 3.4"
    )
    assert {"partonic", "python", "numpy"} <= set(cluster.versions())


def test_a_worker_with_other_versions_does_not_work():
    assert cluster._call(cluster.versions(), divmod, (7, 2), {}) == (3, 1)
    with pytest.raises(WorkerError, match=r"would give other results: partonic is .* and must be 0\.0\.7"):
        cluster._call({"partonic": "0.0.7"}, divmod, (7, 2), {})


def test_a_file_that_a_worker_lacks_is_said_to_be_lacking_there():
    def read():
        raise FileError("no file a.lhe")

    with pytest.raises(FileError, match=f"no file a.lhe \\(on {socket.gethostname()}, a machine of the cluster\\)"):
        cluster._call(cluster.versions(), read, (), {})
