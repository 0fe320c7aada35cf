"""Ordered results of local processes; what must pickle is taken from the standard library."""

import multiprocessing
import operator
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count, islice

import psutil
import pytest

from partonic.core.errors import InputError, WorkerError
from partonic.core.parallel import _Work, one_thread, ordered

DIVIDE = partial(partial, divmod, 100)
MODULUS = 2**521 - 1
POWER = partial(partial, pow, 3, mod=MODULUS)  # long enough that a worker is at work when it is killed


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_items(workers: int):
    assert list(ordered(DIVIDE, range(1, 20), workers)) == [divmod(100, i) for i in range(1, 20)]


def test_endless_items_are_drawn_only_as_needed():
    drawn = []

    def items():
        for i in count():
            drawn.append(i)
            yield i

    with ThreadPoolExecutor(3) as executor:
        results = ordered(lambda: operator.neg, items(), workers=3, executor=executor)
        assert list(islice(results, 5)) == [0, -1, -2, -3, -4]
        results.close()
        assert executor.submit(int, "7").result() == 7  # left open
    assert len(drawn) <= 5 + 2 * 3


def test_costly_things_are_made_once_a_process():
    made = []

    def make():
        made.append(1)
        return operator.neg

    with ThreadPoolExecutor(1) as executor:
        assert list(ordered(make, range(6), 2, executor)) == [0, -1, -2, -3, -4, -5]
        assert len(made) == 1
        assert list(ordered(make, range(2), 2, executor)) == [0, -1]
    assert len(made) == 2
    list(ordered(make, range(6)))
    assert len(made) == 3


def test_leaving_early_leaves_no_process_behind():
    results = ordered(DIVIDE, count(1), 2)
    assert next(results) == (100, 0)
    assert multiprocessing.active_children()
    results.close()
    assert not multiprocessing.active_children()


def test_an_error_in_a_worker_is_raised_here():
    results = ordered(DIVIDE, [5, 0, 4], 2)
    assert next(results) == (20, 0)
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert not multiprocessing.active_children()


def test_workers_that_always_die_are_one_clear_error(capfd):
    with pytest.raises(WorkerError, match=r"worker processes died .*fewer workers"):
        list(ordered(partial(partial, os._exit), [3, 3], 2))
    assert not multiprocessing.active_children()
    assert capfd.readouterr().err.count("done again") == 2


def test_workers_that_always_hang_are_one_clear_error():
    began = time.monotonic()
    with pytest.raises(WorkerError, match=r"workers hang.*PARTONIC_PATIENCE"):
        list(ordered(partial(partial, time.sleep), [600], 2, patience=0.7))
    assert time.monotonic() - began < 60
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("fault", ["kill", "stop"])
def test_a_lost_worker_costs_one_chunk(fault, capfd):
    sent = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}[fault]  # a stopped process hangs
    items = [(1 << 100_000) + i for i in range(39)]
    results = ordered(POWER, items, 2, patience=2 if fault == "stop" else None)
    given = []
    for i, result in enumerate(results):
        given.append(result)
        if i in (3, 20):
            for child in multiprocessing.active_children()[: 2 if fault == "stop" else 1]:
                os.kill(child.pid, sent)
    first = pow(3, items[0], MODULUS)
    assert given == [first * 3**i % MODULUS for i in range(39)]
    assert 1 <= capfd.readouterr().err.count("done again") <= 2  # an idle worker may go unnoticed at the end
    assert not multiprocessing.active_children()


def test_an_executor_that_hangs_is_asked_again():
    calls, free = [], threading.Event()

    def work(item):
        calls.append(item)
        if len(calls) == 1:
            free.wait(60)
        return -item

    with ThreadPoolExecutor(2) as executor:
        assert list(ordered(lambda: work, [1], 1, executor, patience=0.3)) == [-1]
        free.set()
    assert calls == [1, 1]


def test_how_long_workers_may_take(monkeypatch):
    work = _Work(DIVIDE, None, 1, None, 2)
    assert work.limit() == 1800
    work.finished, work.longest = 1, 2.0
    assert work.limit() == 300
    work.longest = 100.0
    assert work.limit() == 2000
    work.stop()
    monkeypatch.setenv("PARTONIC_PATIENCE", "soon")
    with pytest.raises(InputError, match="PARTONIC_PATIENCE must be a number of seconds above 0, not 'soon'"):
        next(ordered(DIVIDE, [1], 2))


def test_workers_use_one_thread_each(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with one_thread():
        assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ
    seen = ordered(partial(partial, os.getenv), ["OMP_NUM_THREADS", "MKL_NUM_THREADS"], 2)
    assert list(seen) == ["1", "1"]


@pytest.mark.parametrize("workers", [0, -2])
def test_fewer_than_one_worker_is_refused(workers: int):
    with pytest.raises(InputError, match="1 or more"):
        next(ordered(DIVIDE, [1], workers))


def test_a_killed_parent_leaves_no_worker_behind():
    code = (
        "from functools import partial\n"
        "from itertools import count\n"
        "from partonic.core.parallel import ordered\n"
        "import multiprocessing\n"
        "results = ordered(partial(partial, divmod, 100), count(1), 2)\n"
        "next(results)\n"
        "print(*(child.pid for child in multiprocessing.active_children()), flush=True)\n"
        "import time; time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    workers = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(workers) == 2
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 30
    while (left := [pid for pid in workers if psutil.pid_exists(pid)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left
