"""Settings: a YAML file of a job, and ``key=value`` on top of it.

::

    body = overridden(read_settings("job.yaml"), ["seed=1", "stages.0.steps=10", "setting=small"])

A key is a dotted name: of mappings by key, of lists by place. ``settings`` in the file are named
sets of overrides, of which ``setting=NAME`` takes one. Later ones win.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from unireward.errors import InputError

T = TypeVar("T")


def read_config(
    path: str | Path, overrides: Sequence[str], parse: Callable[[dict[str, Any], Sequence[str]], T]
) -> T:
    """What ``parse`` makes of the mapping in a YAML file and the overrides. InputError names the
    file."""
    body = read_settings(path)
    try:
        return parse(body, overrides)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def read_settings(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file. InputError names the file."""
    import yaml

    path = Path(path)
    try:
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; give a YAML config") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise InputError(f"{path}: is no YAML ({said}); mend it") from None
    if not isinstance(body, dict):
        raise InputError(f"{path}: holds no mapping; write key: value lines")
    return body


def check_output(output: Path) -> None:
    """ValueError for an ``output`` that is the folder one is in."""
    if not output.name:
        raise ValueError("output is no folder of its own; give one, for example runs/mine")


def overridden(body: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """``body`` without its named ``settings``, with the overrides put in. InputError names the
    override that is none."""
    body = dict(body)
    settings = body.pop("settings", None) or {}
    if not isinstance(settings, dict):
        raise InputError("settings: must be an object of named settings; write name: {key: value}")
    pairs: list[tuple[str, Any]] = []
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InputError(f"override {text!r} is no key=value; write for example seed=1")
        if key == "setting":
            if value not in settings:
                known = ", ".join(settings) or "none"
                raise InputError(f"setting {value!r} is not in the file; it has {known}")
            if not isinstance(settings[value], dict):
                raise InputError(f"settings.{value}: must be an object {{...}} of overrides")
            pairs += [(str(name), given) for name, given in settings[value].items()]
        else:
            pairs.append((key, _value(text, value)))
    for key, value in pairs:
        body = _put(body, key.split("."), value, key)
    return body


def _value(text: str, value: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        raise InputError(f"override {text!r}: its value is no YAML; mend it") from None


def _put(body: Any, keys: list[str], value: Any, whole: str) -> Any:
    """``body`` with the value at the dotted place, copied where it changes."""
    if not keys:
        return value
    first, rest = keys[0], keys[1:]
    if isinstance(body, list):
        if not first.isdigit() or int(first) >= len(body):
            raise InputError(f"override {whole}: {first!r} is no place of a list of {len(body)}")
        at = int(first)
        return [*body[:at], _put(body[at], rest, value, whole), *body[at + 1 :]]
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise InputError(f"override {whole}: there is nothing below {first!r}; shorten the key")
    return {**body, first: _put(body.get(first), rest, value, whole)}
