"""Lines that are said once a process, on stderr, beside whatever the caller prints."""

from __future__ import annotations

import sys

_said: set[str] = set()


def say_once(line: str) -> None:
    """Print ``line`` on stderr the first time it is given."""
    if line not in _said:
        _said.add(line)
        print(f"unireward: {line}", file=sys.stderr, flush=True)


def forget() -> None:
    """Let every line be said again (for tests, and for long-lived servers that reload)."""
    _said.clear()
