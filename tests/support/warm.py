"""Import a job once, then run it in a fork for each line of input: [words, folder, file for what it prints].

The process number of each fork is printed as it starts, its exit code as it ends.
"""

import importlib.util
import json
import os
import sys
import traceback
from pathlib import Path


def live(job, words, folder, said):
    """One life of the job, in this process and a process group of its own; never returns."""
    os.setpgid(0, 0)
    os.chdir(folder)
    out = os.open(said, os.O_WRONLY | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    code = 0
    try:
        job.main(*words)
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:  # noqa: BLE001  (printed, and the exit code says it)
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main(file):
    """Serve until the input ends."""
    plan = importlib.util.spec_from_file_location("job", file)
    job = importlib.util.module_from_spec(plan)
    sys.path.insert(0, str(Path(file).parent))
    plan.loader.exec_module(job)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            live(job, *json.loads(line))
        os.setpgid(pid, pid)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
