"""load_policy: a policy from one word.

==================================  =====================================================
``folder:PATH``                     finished candidates: a folder, or a file of records
``package.module:name``             a function ``f(prompts, n, seed)``, or a policy
``http://HOST:PORT/v1``             an OpenAI-compatible server (``model=`` names the model)
``scripted:TABLE.jsonl``            answers from a table, for tests
a folder, or ``owner/name``         with ``model_index.json`` a diffusers pipeline, else a
                                    model that transformers can answer with; here or on the hub
``tiny-t2i``, ``tiny-t2v``,         the shipped ones of the drawn world
``tiny-answerer``
==================================  =====================================================

Options go to what is loaded: :class:`~unireward.policies.answers.Answering`'s and the engine's
(``device``, ``dtype``, ``quantise``, ``compile``; ``model``, ``concurrency``, ``cache_salt``,
``server``, ``media_uuid`` of a server), ``batch`` and ``whole`` of a function, and a generator's.
One that what is loaded does not take is refused, never dropped.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from unireward.errors import InputError, UsageError
from unireward.files.dotted import resolve
from unireward.protocols import Policy

FOLDER, SCRIPTED = "folder:", "scripted:"
SHIPPED = ("tiny-t2i", "tiny-t2v", "tiny-answerer")
_URL = ("http://", "https://")
_DOTTED = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_ENGINE = ("device", "dtype", "quantise", "compile")
_SERVER = ("model", "concurrency", "cache_salt", "server", "media_uuid")
_WORDS = (
    "give folder:PATH, package.module:function, a server's http://HOST:PORT/v1, a folder or hub "
    f"id of a pipeline or a model, or {', '.join(SHIPPED)}"
)


def load_policy(spec: str | Path, **options: Any) -> Policy:
    """The policy that ``spec`` names (see the module's table); ``name=`` is what provenance
    calls it. Raises UsageError for a word that names none or an option that it does not take,
    InputError for what is there and no policy; both say what was looked for."""
    text = str(spec)
    if text.startswith(FOLDER):
        from unireward.policies.folder import FolderPolicy

        _only(options, ("name",), text)
        return FolderPolicy(text.removeprefix(FOLDER), **options)
    if text.startswith(_URL):
        return _at_server(text, options)
    if text.startswith(SCRIPTED):
        return _scripted(text, options)
    if text in SHIPPED:
        return _in_folder(shipped_folder(text), {"name": text, **options})
    folder = Path(text).expanduser()
    if folder.is_dir():
        return _in_folder(folder, options)
    if _DOTTED.fullmatch(text):
        return _function(text, options)
    if folder.exists() or not _REPOSITORY.fullmatch(text):
        what = "is a file" if folder.exists() else "is no folder here"
        raise UsageError(f"{text!r} names no policy: it {what}; {_WORDS}")
    return _on_hub(text, options)


def shipped_folder(name: str) -> Path:
    """Where a shipped policy lies; InputError where this installation lacks it."""
    folder = Path(__file__).resolve().parent.parent / "assets" / name
    if not folder.is_dir():
        raise InputError(
            f"the policy {name} is not in this installation (no {folder.name} in its assets); "
            "reinstall unireward, or give the folder of one that you trained"
        )
    return folder


def _in_folder(folder: Path, options: dict[str, Any]) -> Policy:
    if (folder / "model_index.json").is_file():
        return _generator(str(folder), options)
    if (folder / "config.json").is_file():
        return _transformers(str(folder), options)
    raise InputError(
        f"{folder}: has no model_index.json (a diffusers pipeline) and no config.json (a "
        f"transformers model); for finished candidates give {FOLDER}{folder}"
    )


def _on_hub(repository: str, options: dict[str, Any]) -> Policy:
    why = ""
    for name, load in (("model_index.json", _generator), ("config.json", _transformers)):
        why = _absent(repository, name)
        if not why:
            return load(repository, options)
    raise InputError(
        f"{repository}: is no folder here, and the hub gives no model_index.json (a diffusers "
        f"pipeline) and no config.json (a transformers model) of it ({why}); {_WORDS}"
    )


def _absent(repository: str, name: str) -> str:
    """Why a file of the repository cannot be had, from the hub's cache or the hub; empty where
    it can."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    try:
        hf_hub_download(repository, name)
    except LocalEntryNotFoundError:
        return "the hub cannot be reached, and its cache here has neither"
    except EntryNotFoundError:
        return "the repository is there"
    except (HfHubHTTPError, OSError) as error:
        return (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ""


def _generator(path: str, options: dict[str, Any]) -> Policy:
    from unireward.policies.generator import load_generator

    taken = inspect.signature(load_generator).parameters.values()
    if all(one.kind is not one.VAR_KEYWORD for one in taken):
        _only(options, [one.name for one in taken][1:], path)
    return load_generator(path, **options)


def _transformers(path: str, options: dict[str, Any]) -> Policy:
    from unireward.engines import TransformersEngine
    from unireward.engines.cache import cache_folder
    from unireward.policies.answers import AnswerPolicy

    own, answering = _split(options, _ENGINE, path)
    engine = TransformersEngine(path, memo=cache_folder() / "weights.json", **own)
    return AnswerPolicy(engine, **answering)


def _at_server(url: str, options: dict[str, Any]) -> Policy:
    from unireward.engines import OpenAIEngine
    from unireward.policies.answers import AnswerPolicy

    own, answering = _split(options, _SERVER, url)
    if "cache_salt" in own:
        own["salt"] = own.pop("cache_salt")
    return AnswerPolicy(OpenAIEngine(url, **own), **answering)


def _scripted(text: str, options: dict[str, Any]) -> Policy:
    from unireward.engines import ScriptedEngine
    from unireward.policies.answers import AnswerPolicy

    _, answering = _split(options, (), text)
    return AnswerPolicy(ScriptedEngine.from_file(text.removeprefix(SCRIPTED)), **answering)


def _function(text: str, options: dict[str, Any]) -> Policy:
    from unireward.policies.function import FunctionPolicy

    found = resolve(text, "policy")
    if isinstance(found, Policy) and not isinstance(found, type):
        _only(options, (), text)
        return found
    _only(options, ("name", "identity", "batch", "whole"), text)
    return FunctionPolicy(found, **{"name": text, **options})


def _split(
    options: dict[str, Any], engines: Sequence[str], spec: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of the engine, and those of the policy that answers on it: all are known and
    the latter are in their ranges, which is said before any weight is read."""
    from unireward.policies.answers import Answering, checked

    _only(options, ["name", *engines, *Answering.model_fields], spec)
    own = {name: value for name, value in options.items() if name in engines}
    others = {name: value for name, value in options.items() if name not in engines}
    checked({name: value for name, value in others.items() if name != "name"})
    return own, others


def _only(options: dict[str, Any], taken: Iterable[str], spec: str) -> None:
    known = [*taken]
    if unknown := sorted({*options} - {*known}):
        mend = f"use {', '.join(known)}" if known else "leave it out"
        raise UsageError(f"{unknown[0]} is no option of the policy {spec}; {mend}")
