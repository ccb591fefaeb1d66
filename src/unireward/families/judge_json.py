"""``judge.json``: the family, prompts, grammar, ranges and frame rule of the weights beside it.

::

    {"schema": 1, "judge": "tiny@1", "family": "unifiedreward-2/qwen", "spec": {...},
     "calibration": null, "head": null, "meta": {}}

``spec`` may be edited (other texts, frames, layouts): it overrides the built-in one, while the
readers stay those of the family's code. Without ``spec`` the built-in one is used whole.
``head`` is the reward head of the weights, where they have one (:mod:`unireward.rewards.heads`).
``calibration`` holds ``scoring`` (a head's scale, :mod:`unireward.rewards.scoring`) and
``confidence`` (what ``unireward calibrate`` fitted, :mod:`unireward.rewards.calibration`).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field

from unireward.errors import FamilyError, InputError
from unireward.families.family import Family
from unireward.families.registry import get_family, readers_of
from unireward.families.spec import FamilySpec
from unireward.files.validate import validate
from unireward.record import Row

NAME = "judge.json"
SCHEMA = 1
MAX_BYTES = 8_000_000


class JudgeFile(Row):
    """What the file holds. ``judge`` is what judgments call the model, where it has a name."""

    schema_: Literal[1] = Field(default=SCHEMA, alias="schema")
    judge: str | None = None
    family: str
    spec: FamilySpec | None = None
    calibration: dict[str, Any] | None = None
    head: dict[str, Any] | None = None
    meta: dict[str, Any] = Field(default_factory=dict)

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True
    )

    def to_family(self) -> Family:
        """The family as this file has it: its spec, the code's readers."""
        if self.spec is None:
            return get_family(self.family)
        return Family(self.spec, readers_of(self.spec.name))


def load_judge_json(path: str | Path) -> JudgeFile:
    """Read and check ``path`` (the file, or the folder that holds it).

    Raises :class:`InputError` naming file and field, also for a schema newer than this library.
    """
    path = _file_of(path)
    body = _read(path)
    schema = body.get("schema")
    if isinstance(schema, int) and not isinstance(schema, bool) and schema > SCHEMA:
        raise InputError(
            f"{path}: schema: is {schema}, this version reads up to {SCHEMA}; upgrade unireward"
        )
    if "schema" not in body:
        raise InputError(f'{path}: schema: is missing; add "schema": {SCHEMA}')
    try:
        loaded = validate(JudgeFile, body)
        _check_names(loaded)
        loaded.to_family()
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return loaded


def family_named(name: str | Path) -> Family:
    """The family of a name, or of the ``judge.json`` at a path."""
    if isinstance(name, Path) or name.endswith(".json"):
        return load_judge_json(name).to_family()
    return get_family(name)


def save_judge_json(
    path: str | Path,
    family: Family,
    *,
    judge: str | None = None,
    calibration: dict[str, Any] | None = None,
    head: dict[str, Any] | None = None,
    meta: dict[str, Any] | None = None,
) -> Path:
    """Write a family's spec to ``path`` (a folder, or a file ending in ``.json``), whole or not
    at all. Returns the file's path."""
    return write_judge_file(
        path,
        JudgeFile(
            judge=judge,
            family=family.id,
            spec=family.spec,
            calibration=calibration,
            head=head,
            meta=meta or {},
        ),
    )


def write_judge_file(path: str | Path, file: JudgeFile) -> Path:
    """Write a whole ``judge.json``, or nothing, as :func:`save_judge_json` does."""
    path = Path(path)
    if path.suffix != ".json":
        path = path / NAME
    body = file.model_dump(mode="json", by_alias=True)
    if file.head is None:
        del body["head"]  # versions that know no heads read every other file
    text = json.dumps(body, ensure_ascii=False, indent=2)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(draft, "w", encoding="utf-8", newline="\n") as out:
            out.write(text + "\n")
            out.flush()
            os.fsync(out.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def _file_of(path: str | Path) -> Path:
    path = Path(path)
    return path / NAME if path.is_dir() else path


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: has more than {MAX_BYTES:,} bytes; this is no {NAME}")
        body = json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=_refuse)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; give a {NAME}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no UTF-8 text; save it as UTF-8") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: {error.msg}; mend the JSON") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: {error}") from None
    if not isinstance(body, dict):
        raise InputError(f"{path}: holds no object; write {{...}}")
    return body


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON; leave it out")


def _check_names(file: JudgeFile) -> None:
    name, _, variant = file.family.partition("/")
    if file.spec is None:
        get_family(file.family)
        return
    if (file.spec.name, file.spec.variant) != (name, variant):
        own = f"{file.spec.name}/{file.spec.variant}".rstrip("/")
        raise FamilyError(f"family: is {file.family!r} but spec is of {own!r}; make them one")
