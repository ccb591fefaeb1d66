"""What an import of official texts found, for people (``lines``) and for programs (``to_dict``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unireward.families.fingerprints import Home, Known
from unireward.families.harvest import Passed


@dataclass(frozen=True)
class Found:
    """A known template, and where it stands (its chief place, if it stands in several)."""

    known: Known
    path: str
    line: int
    copies: int = 1


@dataclass(frozen=True)
class Changed:
    """A text that stands where a known template should, but is another."""

    known: Known
    path: str
    line: int
    chars: int
    fingerprint: str


@dataclass(frozen=True)
class Unconverted:
    """A known template with an expression that we have no placeholder for; its form stays own."""

    known: Known
    path: str
    expression: str


@dataclass(frozen=True)
class ImportReport:
    """What an import found. ``missing`` are the known templates of which there is no trace;
    ``covered`` those of them whose forms have an official text all the same."""

    root: Path
    files: int
    found: tuple[Found, ...] = ()
    changed: tuple[Changed, ...] = ()
    missing: tuple[Known, ...] = ()
    covered: tuple[Known, ...] = ()
    unconverted: tuple[Unconverted, ...] = ()
    passed: tuple[Passed, ...] = ()
    forms: tuple[Home, ...] = ()
    written: tuple[Path, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "root": str(self.root),
            "files": self.files,
            "found": [
                {"fingerprint": f.known.fingerprint, "what": f.known.what, "path": f.path,
                 "line": f.line, "copies": f.copies, "forms": [str(h) for h in f.known.homes]}
                for f in self.found
            ],
            "changed": [
                {"fingerprint": c.known.fingerprint, "what": c.known.what, "path": c.path,
                 "line": c.line, "chars": c.chars, "now": c.fingerprint}
                for c in self.changed
            ],
            "missing": [
                {"fingerprint": k.fingerprint, "what": k.what, "covered": k in self.covered}
                for k in self.missing
            ],
            "unconverted": [
                {"fingerprint": u.known.fingerprint, "path": u.path, "expression": u.expression}
                for u in self.unconverted
            ],
            "passed": [{"path": p.path, "reason": p.reason} for p in self.passed],
            "forms": [str(home) for home in self.forms],
            "written": [str(path) for path in self.written],
        }  # fmt: skip

    def lines(self) -> list[str]:
        """The report for people, most important first."""
        out = [f"{len(self.found)} official templates found in {self.files} files of {self.root}"]
        out += [f"  found    {f.known.what} ({f.path}:{f.line})" for f in self.found]
        out += [
            f"  CHANGED  {c.known.what} ({c.path}:{c.line}): {c.chars} characters where the "
            f"published text has {c.known.chars}; not imported"
            for c in self.changed
        ]
        out += [
            f"  UNKNOWN  {u.known.what} ({u.path}): no placeholder for {{{u.expression}}}; "
            "not imported"
            for u in self.unconverted
        ]
        out += [f"  missing  {k.what}" for k in self.missing if k not in self.covered]
        if self.covered:
            out.append(f"  {len(self.covered)} more are not here, their forms are covered")
        out += [f"  passed   {p.path}: {p.reason}" for p in self.passed]
        out += [f"wrote {path}" for path in self.written]
        return out
