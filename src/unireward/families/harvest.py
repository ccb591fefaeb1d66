"""Harvest: the strings of a folder of Python files, read and never run.

An official prompt lives in a script as a constant, an f-string, or a sum of those. A
:class:`Text` is such a string *as evaluated*, its expressions written back as ``{expr}``; its
fingerprint is what the table of known templates holds. Only ``ast.parse`` ever sees the files:
nothing is imported, executed or compiled, so a checkout can hold any code at all.

Edge rules: a file that does not parse, is too large or is a link out of the folder is reported
and passed over; implicit concatenation is one string (Python's own rule); of ``a + b + c`` both
the whole and each operand are texts, since a prefix of image tokens is often added to a prompt
that another script uses alone.
"""

from __future__ import annotations

import ast
import hashlib
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unireward.errors import InputError

MAX_FILE_BYTES = 4_000_000
MAX_FILES = 20_000
MIN_CHARS = 40
"""Shorter strings are never prompts; they are not even hashed."""
_SKIPPED_FOLDERS = {".git", "__pycache__", "node_modules", ".venv"}


@dataclass(frozen=True)
class Segment:
    """A stretch of a text: literal characters, or the source of one expression."""

    text: str
    is_expression: bool = False

    @property
    def written(self) -> str:
        return "{" + self.text + "}" if self.is_expression else self.text


@dataclass(frozen=True)
class Text:
    """One string of a file. ``path`` is relative to the folder, with forward slashes."""

    path: str
    line: int
    segments: tuple[Segment, ...]

    @property
    def value(self) -> str:
        return "".join(segment.written for segment in self.segments)

    @property
    def expressions(self) -> tuple[str, ...]:
        return tuple(s.text for s in self.segments if s.is_expression)


@dataclass(frozen=True)
class Passed:
    """A file that was not read, and why (one line)."""

    path: str
    reason: str


def fingerprint(text: str) -> str:
    """The first 16 hex digits of the text's sha256 (UTF-8)."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def harvest(root: Path) -> tuple[list[Text], list[Passed], int]:
    """``(texts, files passed over, files read)`` of every ``*.py`` below ``root``.

    Raises InputError where ``root`` is no folder or holds more than ``MAX_FILES`` Python files.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; give the path of a checkout of the repository")
    texts: list[Text] = []
    passed: list[Passed] = []
    read = 0
    for path in _python_files(root.resolve(), passed):
        name = path.relative_to(root.resolve()).as_posix()
        try:
            texts.extend(_texts_of(path, name))
            read += 1
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
            passed.append(Passed(name, _why(error)))
    return texts, passed, read


def _python_files(root: Path, passed: list[Passed]) -> Iterator[Path]:
    count = 0
    for folder, folders, files in os.walk(root, followlinks=False):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED_FOLDERS)
        for name in sorted(files):
            path = Path(folder, name)
            if path.suffix != ".py":
                continue
            relative = path.relative_to(root).as_posix()
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                passed.append(Passed(relative, "a link out of the folder, not followed"))
                continue
            if not path.is_file():
                passed.append(Passed(relative, "not a regular file"))
                continue
            if path.stat().st_size > MAX_FILE_BYTES:
                passed.append(Passed(relative, f"larger than {MAX_FILE_BYTES:,} bytes"))
                continue
            count += 1
            if count > MAX_FILES:
                raise InputError(
                    f"{root}: more than {MAX_FILES:,} Python files; give the checkout's own folder"
                )
            yield path


def _why(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"syntax error in line {error.lineno}: {error.msg}"
    if isinstance(error, RecursionError | MemoryError):
        return "nested too deeply to be read"
    return str(error) or type(error).__name__


def _texts_of(path: Path, name: str) -> Iterator[Text]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # the checkout's escapes are not ours
        warnings.simplefilter("ignore", DeprecationWarning)
        tree = ast.parse(path.read_bytes(), filename=name)
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            operands = _operands(node)
            todo.extend(operands)
            # One expression of a sum may be no string at all; a prompt is mostly literal.
            if any(_is_string(operand) for operand in operands):
                yield from _long_enough(name, node, operands)
        elif _is_string(node):
            yield from _long_enough(name, node, [node])
            todo.extend(v.value for v in _formatted(node))
        else:
            todo.extend(ast.iter_child_nodes(node))


def _long_enough(name: str, node: ast.AST, operands: list[ast.AST]) -> Iterator[Text]:
    # Counted first: unparsing a sum's expressions is the dear part.
    literal = sum(len(str(part.value)) for operand in operands for part in _constants(operand))
    if literal >= MIN_CHARS:
        segments = tuple(segment for operand in operands for segment in _segments(operand))
        yield Text(name, getattr(node, "lineno", 0), segments)


def _operands(node: ast.BinOp) -> list[ast.AST]:
    """``a + b + c`` as ``[a, b, c]``; the tree leans left, so it is unrolled without recursion."""
    operands: list[ast.AST] = []
    current: ast.AST = node
    while isinstance(current, ast.BinOp) and isinstance(current.op, ast.Add):
        operands.append(current.right)
        current = current.left
    operands.append(current)
    return operands[::-1]


def _is_string(node: ast.AST) -> bool:
    constant = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return constant or isinstance(node, ast.JoinedStr)


def _constants(node: ast.AST) -> list[ast.Constant]:
    if isinstance(node, ast.JoinedStr):
        return [part for part in node.values if isinstance(part, ast.Constant)]
    return [node] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def _formatted(node: ast.AST) -> list[ast.FormattedValue]:
    values = node.values if isinstance(node, ast.JoinedStr) else []
    return [part for part in values if isinstance(part, ast.FormattedValue)]


def _segments(node: ast.AST) -> list[Segment]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [Segment(node.value)]
    if not isinstance(node, ast.JoinedStr):
        return [Segment(ast.unparse(node), is_expression=True)]
    segments = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            segments.append(Segment(_expression(part), is_expression=True))
        elif isinstance(part, ast.Constant):
            segments.append(Segment(str(part.value)))
    return segments


def _expression(part: ast.FormattedValue) -> str:
    """``prompt!r:>10`` with its conversion and format, as it stands between the braces."""
    text = ast.unparse(part.value)
    if part.conversion != -1:
        text += "!" + chr(part.conversion)
    if isinstance(part.format_spec, ast.JoinedStr):
        text += ":" + "".join(segment.written for segment in _segments(part.format_spec))
    return text
