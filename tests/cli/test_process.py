"""What only a process of its own shows: imports, pipes, signals, the frozen command line."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import write_pairs
from unireward.cli.app import build

FROZEN = Path(__file__).with_name("commands.json")
UNIREWARD = [sys.executable, "-c", "from unireward.cli import main; main()"]


def surface() -> dict:
    """Every verb with its arguments and options, as they are."""
    import typer

    def of(command):
        if hasattr(command, "commands"):
            return {name: of(sub) for name, sub in sorted(command.commands.items())}
        return sorted(
            "/".join(param.opts) if param.param_type_name == "option" else f"<{param.name}>"
            for param in command.params
        )

    return of(typer.main.get_command(build()))


def test_commands_and_options_are_frozen():
    """Add here what you add there; taking away breaks somebody's script."""
    assert surface() == json.loads(FROZEN.read_text())


def modules_of(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


HEAVY = {"torch", "transformers", "numpy", "pydantic", "PIL", "av", "pyarrow", "httpx"}


def test_import_and_help_load_nothing_heavy():
    assert not HEAVY & modules_of("import unireward")
    helped = modules_of(
        "import contextlib, io\nfrom unireward.cli import run\n"
        "with contextlib.redirect_stdout(io.StringIO()): assert run(['--help']) == 0"
    )
    assert not HEAVY & helped


def test_scripted_judging_needs_no_torch(table, pictures):
    words = ["compare", "x", "a.png", "b.png", "--json", *table("Image 1 is better")]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys\nfrom unireward.cli import run\nassert run({words!r}) == 0\n"
            "print(*sys.modules, file=sys.stderr)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"torch", "transformers"} & set(done.stderr.split())


def test_output_that_nobody_reads_is_no_error(table, pictures):
    options = table("Image 1 is better")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*UNIREWARD, "compare", "x", "a.png", "b.png", "--json", *options],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_an_interrupt_is_clean_and_the_job_goes_on(table, pictures):
    options = table("Image 1 is better")
    records = write_pairs(pictures, 2000)
    command = [*UNIREWARD, "judge", str(records), "--out", "o.jsonl", *options]
    # What runs the tests in the background may have told all below it to ignore interrupts.
    running = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    while not Path("o.jsonl").exists() and running.poll() is None:
        os.sched_yield()
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert said.splitlines()[-1].startswith("unireward: interrupted; what was written is kept")
    assert "Traceback" not in said
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    rows = [json.loads(line)["record"] for line in Path("o.jsonl").read_text().splitlines()]
    assert rows == [f"r{n}" for n in range(2000)]


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_tables_fit_the_width(table, pictures, columns):
    reply = "Alignment Score (1-5): 3\nCoherence Score (1-5): 4\nStyle Score (1-5): 2"
    leader, follower = os.openpty()
    import fcntl
    import struct
    import termios

    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, int(columns), 0, 0))
    # COLUMNS would be believed before the terminal, and a parallel test run sets it.
    env = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    running = subprocess.Popen(
        [*UNIREWARD, "score", "two red circles", "a.png", "b.png", *table(reply)],
        stdout=follower,
        stderr=subprocess.PIPE,
        env={**env, "TERM": "xterm"},
    )
    os.close(follower)
    text = b""
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:
            break
        if not chunk:
            break
        text += chunk
    os.close(leader)
    assert running.wait() == 0
    running.stderr.close()
    shown = re.sub(r"\x1b\[[0-9;]*m", "", text.decode())
    assert max(len(line.rstrip("\r")) for line in shown.split("\n")) <= int(columns)
    assert "3.00" in shown
    assert "0.500" in shown
