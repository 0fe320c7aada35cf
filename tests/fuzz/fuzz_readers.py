"""Fuzz the readers: seeded mutations of a small valid file of every format must give events or one clear error.

    python tests/fuzz/fuzz_readers.py [--files 10000] [--format NAME ...] [--first SEED] [--keep FOLDER]

Each file is recognised, counted and read in a child process that may take 1 GiB beyond what it starts with. A
traceback, a crash, a hang or too much memory is a fault: its file is kept, and its seed gives it again. Exit code 1 if
there is any.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import random
import re
import resource
import select
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
GIB = 1 << 30
BATCH = 500  # files of one child
PATIENCE = 60.0  # CPU-seconds for one file
BLOCKED = 10  # a file may take so many times as long by the clock: other programs may need the processor, too

LENGTHS = (
    0,
    1,
    0x7F,
    0xFF,
    0x7FFF,
    0xFFFF,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
)
NUMBERS = (
    b"0",
    b"-1",
    b"1e999",
    b"nan",
    b"inf",
    b"-inf",
    b"1e308",
    b"4294967296",
    b"9" * 30,
    b"",
    b"x",
    b"0.5",
    b"1e-400",
)
NUMBER = re.compile(rb"-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")


def flip(data: bytearray, rng: random.Random) -> None:
    """Flip one to sixteen bits."""
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def cut(data: bytearray, rng: random.Random) -> None:
    """Drop the end, or the beginning."""
    place = rng.randrange(len(data))
    if rng.random() < 0.8:
        del data[place:]
    else:
        del data[:place]


def _block(data: bytearray, rng: random.Random) -> tuple[int, int]:
    start = rng.randrange(len(data))
    return start, min(len(data), start + 2 ** rng.randrange(1, 13))


def swap(data: bytearray, rng: random.Random) -> None:
    """Exchange two blocks of equal size."""
    (a, b), (c, _) = _block(data, rng), _block(data, rng)
    size = min(b - a, len(data) - c)
    data[a : a + size], data[c : c + size] = data[c : c + size], data[a : a + size]


def repeat(data: bytearray, rng: random.Random) -> None:
    """Insert a copy of a block elsewhere."""
    a, b = _block(data, rng)
    place = rng.randrange(len(data))
    data[place:place] = data[a:b]


def blank(data: bytearray, rng: random.Random) -> None:
    """Fill a block with zeros or ones."""
    a, b = _block(data, rng)
    data[a:b] = bytes([rng.choice((0, 255))]) * (b - a)


def lengths(data: bytearray, rng: random.Random) -> None:
    """Write a telling number into a place that may be a length; headers are hit more often."""
    for _ in range(rng.choice((1, 1, 2))):
        width = rng.choice((1, 2, 4, 8))
        reach = len(data) if rng.random() < 0.5 else min(len(data), 1024)
        place = rng.randrange(reach) if rng.random() < 0.7 else len(data) - 1 - rng.randrange(min(len(data), 1024))
        number = rng.choice(LENGTHS) % (1 << 8 * width)
        data[place : place + width] = number.to_bytes(width, rng.choice(("little", "big")))


def numbers(data: bytearray, rng: random.Random) -> None:
    """Replace written numbers by telling ones."""
    for _ in range(rng.choice((1, 1, 3))):
        found = list(NUMBER.finditer(bytes(data)))
        if found:
            match = rng.choice(found)
            data[match.start() : match.end()] = rng.choice(NUMBERS)


def mutate(data: bytes, rng: random.Random) -> bytes:
    """One mutated file; of an archive often a member, packed again, so that checksums do not hide the reader."""
    if data.startswith(b"PK\x03\x04") and rng.random() < 0.6:
        return _in_zip(data, rng)
    if data.startswith(b"\x1f\x8b") and rng.random() < 0.6:
        return gzip.compress(mutate(gzip.decompress(data), rng), mtime=0)
    text = sum(32 <= byte < 127 or byte in (9, 10, 13) for byte in data[:4096]) > 0.95 * len(data[:4096])
    ways = [flip, cut, swap, repeat, blank, *([numbers] * 5 if text else [lengths] * 5)]
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if changed:
            rng.choice(ways)(changed, rng)
    return bytes(changed)


def _in_zip(data: bytes, rng: random.Random) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(packed, "w") as new:
        chosen = rng.choice(old.namelist())
        for name in old.namelist():
            new.writestr(name, mutate(old.read(name), rng) if name == chosen else old.read(name))
    return packed.getvalue()


def mutation(name: str, seed: int, original: bytes) -> bytes:
    """The mutated file of a format and a seed."""
    return mutate(original, random.Random(f"{name} {seed}"))


def try_file(path: Path, rows: int) -> str:
    """Recognise, count and read a file; ``"events"``, ``"refused"``, ``"memory"`` or a traceback."""
    from partonic.core.errors import PartonicError
    from partonic.io import formats
    from partonic.io.check import MomentumCheck

    said = []
    check = MomentumCheck()

    def read() -> None:
        for events in formats.iterate(path, rows):
            check.add(events)

    for act in (lambda: formats.recognise(path), lambda: formats.count(path), read):
        try:
            act()
        except PartonicError as error:
            cause: BaseException | None = error
            while cause is not None:
                if isinstance(cause, MemoryError) or "malloc of size" in str(cause):
                    return "memory"
                cause = cause.__cause__ or cause.__context__
            said.append(str(error))
        except MemoryError:
            return "memory"
        except Exception:  # noqa: BLE001  (what is looked for)
            return traceback.format_exc()
    return "refused" if said else "events"


def child(work: Path) -> None:
    """Read tasks [format, seed] from standard input, one a line; print a line as each begins and as it ends."""
    sys.path.insert(0, str(HERE.parent / "support"))
    from format_samples import SAMPLES

    from partonic.io import formats

    warnings.simplefilter("ignore")
    originals: dict[str, bytes] = {}
    suffixes = {entry.name: entry.suffixes[0] for entry in formats.FORMATS}
    for line in sys.stdin:
        name, seed = json.loads(line)
        if name not in originals:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            folder = work / name
            folder.mkdir(exist_ok=True)
            sample = SAMPLES[name](folder)
            try_file(sample, 10_000)  # everything that is imported on first use
            originals[name] = sample.read_bytes()
            used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
            resource.setrlimit(resource.RLIMIT_AS, (used + GIB, resource.RLIM_INFINITY))
        path = work / f"mutated{suffixes[name]}"
        path.write_bytes(mutation(name, seed, originals[name]))
        print(json.dumps(["begin", name, seed]), flush=True)
        outcome = try_file(path, 7 if seed % 2 else 10_000)
        if outcome not in ("events", "refused"):
            path.rename(work / f"faulty-{seed}{suffixes[name]}")  # the next file would take its place
        print(json.dumps(["end", outcome]), flush=True)


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has taken, as the system counts it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Children:
    """Child processes, one after the other, each for a batch of tasks."""

    def __init__(self, patience: float) -> None:
        self.patience = patience

    def results(
        self, tasks: list[tuple[str, int]], keep: Callable[[str, int, Path], None]
    ) -> Iterator[tuple[str, int, str]]:
        """Outcome of every task; ``keep`` is called with the file of a faulty one while it is there."""
        left = list(reversed(tasks))
        while left:
            batch = [left.pop() for _ in range(min(BATCH, len(left)))]
            for name, seed, outcome in self.batch(batch, keep):
                yield name, seed, outcome
                batch.remove((name, seed))
            left += reversed(batch)

    def batch(
        self, tasks: list[tuple[str, int]], keep: Callable[[str, int, Path], None]
    ) -> Iterator[tuple[str, int, str]]:
        """Outcomes until the batch is done or the child is lost."""
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, __file__, "--child", folder]
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
            )
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("".join(json.dumps(task) + "\n" for task in tasks).encode())
            process.stdin.close()
            current: tuple[str, int] | None = None
            try:
                while line := self.line(process, current is None):
                    kind, *facts = json.loads(line)
                    if kind == "begin":
                        current = facts[0], facts[1]
                        continue
                    assert current is not None
                    if facts[0] not in ("events", "refused"):
                        keep(*current, Path(folder))
                    yield *current, facts[0]
                    current = None
                hung = process.poll() is None and current is not None
                if current is not None:
                    keep(*current, Path(folder))
                    process.kill()
                    yield *current, "hang" if hung and process.wait() and line is None else f"crash ({process.wait()})"
            finally:
                process.kill()
                process.wait()
                process.stdout.close()

    def line(self, process: subprocess.Popen[bytes], starting: bool) -> bytes | None:
        """The child's next line; empty at its end, ``None`` if it takes too long."""
        patience = self.patience * (3 if starting else 1)
        end, worked = time.monotonic() + BLOCKED * patience, cpu_seconds(process.pid) + patience
        text = b""
        stream = process.stdout
        assert stream is not None
        while not text.endswith(b"\n"):
            if not select.select([stream], [], [], 1.0)[0]:
                if time.monotonic() > end or cpu_seconds(process.pid) > worked:
                    return None
                continue
            part = os.read(stream.fileno(), 1)
            if not part:
                return b""
            text += part
        return text


def fuzz(
    names: list[str], files: int, first: int, keep: Path | None, patience: float = PATIENCE
) -> dict[str, Counter[str]]:
    """Fuzz formats; prints each fault and gives the number of each outcome."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}

    def save(name: str, seed: int, folder: Path) -> None:
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            for file in list(folder.glob(f"faulty-{seed}.*")) or list(folder.glob("mutated*")):
                (keep / f"{name}-{seed}{''.join(file.suffixes)}").write_bytes(file.read_bytes())

    tasks = [(name, seed) for name in names for seed in range(first, first + files)]
    for name, seed, outcome in Children(patience).results(tasks, save):
        short = outcome if len(outcome) < 40 else "traceback"
        counts[name][short] += 1
        if short not in ("events", "refused"):
            print(f"{name} seed {seed}: {outcome}", flush=True)
    return counts


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000, help="mutated files of each format")
    parser.add_argument("--format", nargs="*", default=[], help="formats; all if none is named")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-faults"), help="folder for the files of faults")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child)
        return 0
    sys.path.insert(0, str(HERE.parent / "support"))
    from format_samples import SAMPLES

    names = options.format or sorted(SAMPLES)
    began = time.monotonic()
    faults = 0
    for name in names:
        counts = fuzz([name], options.files, options.first, options.keep)[name]
        bad = sum(counts.values()) - counts["events"] - counts["refused"]
        faults += bad
        found = f"{counts['events']:,} read, {counts['refused']:,} refused, {bad:,} faults"
        print(f"{name}: {sum(counts.values()):,} files, {found}", flush=True)
    print(f"{time.monotonic() - began:.0f} s")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
