"""Workers end with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

BUSY = """
import os, sys
from unireward.jobs.workers import pool_of

def busy(handle):
    os.write(handle, b"begun")
    while True:
        pass

if __name__ == "__main__":
    handle = int(sys.argv[1])
    import multiprocessing.util as util
    spawn = util.spawnv_passfds
    # The test's pipe is passed on to the worker, which alone holds it after that.
    util.spawnv_passfds = lambda path, args, fds: spawn(path, args, [*fds, handle])
    with pool_of(1) as pool:
        pool.submit(busy, handle).result()
"""


@pytest.mark.parametrize("kill", [signal.SIGTERM, signal.SIGKILL])
def test_a_worker_ends_when_its_parent_is_killed(tmp_path, kill):
    script = tmp_path / "busy.py"
    script.write_text(BUSY)
    read, write = os.pipe()
    parent = subprocess.Popen([sys.executable, str(script), str(write)], pass_fds=[write])
    os.close(write)
    try:
        assert os.read(read, 5) == b"begun"
        parent.send_signal(kill)
        assert parent.wait() == -kill
        # The end of the pipe: nobody holds its other side any more.
        assert os.read(read, 1) == b""
    finally:
        os.close(read)


def test_a_pool_gives_results_and_errors():
    from unireward.jobs.workers import pool_of

    with pool_of(2) as pool:
        assert list(pool.map(abs, [-1, 2, -3])) == [1, 2, 3]
        with pytest.raises(ValueError, match="invalid literal"):
            pool.submit(int, "none").result()
