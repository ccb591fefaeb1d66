"""load: a judge from one word, with everything that must not drift.

==================================  =====================================================
``tiny``                            the embedded judge of the drawn world, offline, CPU
a folder, or ``owner/name``         a checkpoint for transformers, local or on the hub
``http://HOST:PORT/v1``             an OpenAI-compatible server (vLLM, SGLang, any other)
``scripted:TABLE.jsonl``            replies from a table, for tests
==================================  =====================================================

The family comes from ``family=`` (a name, or a ``judge.json``), else from the ``judge.json``
beside the weights, else from the checkpoint's published name. It is settled before any weight
is read. Official texts that were imported are used for the checkpoints they belong to; without
them that is said in one line on stderr.

What is not asked in words has the same face (:mod:`unireward.rewards.scorers`): a ``head`` in
``judge.json`` or the family's name says which kind it is, else the class in ``config.json``
(``CLIPModel``, ``SiglipModel``, ``...ForSequenceClassification``).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from unireward.errors import InputError, UsageError
from unireward.rewards.face import Face
from unireward.rewards.policy import FailurePolicy
from unireward.rewards.ranking import MAX_COMPARISONS
from unireward.rewards.scorers import Found, judge_over, kind_of, kind_of_config, load_scorer

if TYPE_CHECKING:
    from unireward.families.family import Family
    from unireward.families.judge_json import JudgeFile
    from unireward.protocols import Engine
    from unireward.rewards.pairing import Pairs
    from unireward.rewards.vote import Votes

TINY = "tiny"
SCRIPTED = "scripted:"
_URL = ("http://", "https://")
_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_MEND = (
    "give tiny, a checkpoint's folder, a hub id such as CodeGoat24/UnifiedReward-2.0-qwen3vl-8b, "
    "a server's http://HOST:PORT/v1, or scripted:TABLE.jsonl"
)


def load(
    what: str | Path,
    *,
    model: str | None = None,
    family: str | Path | None = None,
    device: str | None = None,
    seed: int = 0,
    cache: bool | Any = True,
    cache_salt: str = "",
    concurrency: int = 32,
    both_orders: bool = True,
    form: str | None = None,
    aspect: str | None = None,
    policy: FailurePolicy | str = "keep",
    max_comparisons: int = MAX_COMPARISONS,
    votes: Votes | int = 1,
    temperature: float | None = None,
    pairs: Pairs | None = None,
    expected: bool = False,
    dtype: str = "auto",
    quantise: str | None = None,
    compile: bool = False,
    server: str | None = None,
    media_uuid: bool | Literal["bare"] | None = None,
    tokenizer: Any = None,
) -> Face:
    """The judge that ``what`` names (see the module's table).

    ``model`` is the served model's name on an endpoint; ``cache`` True keeps engine replies in
    the platform's cache folder (``UNIREWARD_CACHE`` moves it), False does without, and a
    ``ReplyCache`` is used as it is; ``cache_salt`` tells two states of one server apart.
    ``dtype``, ``quantise`` and ``compile`` are a local model's
    :class:`~unireward.engines.settings.Settings`, ``server``, ``media_uuid`` and ``tokenizer`` an
    endpoint's (:class:`~unireward.engines.OpenAIEngine`). The rest goes to :class:`Judge`. Raises
    UsageError or FamilyError where the family is not known, InputError for what is no checkpoint,
    EngineUnavailableError for a server that is down.
    """
    text = str(what)
    options: dict[str, Any] = {
        "both_orders": both_orders, "form": form, "aspect": aspect, "policy": policy, "seed": seed,
        "max_comparisons": max_comparisons,
    }  # fmt: skip
    # What only a judge that is asked in words takes, where it was said.
    worded = {
        "votes": (votes, 1), "temperature": (temperature, None), "expected": (expected, False),
        "pairs": (pairs, None),
    }  # fmt: skip
    options |= {name: value for name, (value, unsaid) in worded.items() if value != unsaid}
    settings = {"dtype": dtype, "quantise": quantise, "compile": compile}
    served = {"model": model, "server": server, "media_uuid": media_uuid, "tokenizer": tokenizer}
    if not text.startswith(_URL):
        _leave_out(served, text, "no server's URL")
    if text.startswith((SCRIPTED, *_URL)):
        _leave_out(settings, text, "no model in this process")
    if text.startswith(SCRIPTED):
        return _scripted(text.removeprefix(SCRIPTED), family, options)
    kept = _cache(cache)
    if text.startswith(_URL):
        served |= {"salt": cache_salt, "concurrency": concurrency}
        return _at_server(text, family, served, cache=kept, **options)
    return _in_process(text, family, device, settings, cache=kept, **options)


def tiny_folder() -> Path:
    """The shipped judge's checkpoint; InputError where this installation lacks it."""
    folder = Path(__file__).resolve().parent.parent / "assets" / TINY
    if not (folder / "judge.json").is_file():
        raise InputError("the tiny judge is not in this installation; reinstall unireward")
    return folder


# Engines ------------------------------------------------------------------------------------


def _leave_out(given: dict[str, Any], text: str, why: str) -> None:
    """Raise UsageError where something was said that ``text`` cannot take."""
    said = [name for name, value in given.items() if value not in (None, "auto", False)]
    if said:
        what = f"{said[0]} is {given[said[0]]!r}"
        raise UsageError(f"{what} but {text} is {why}; leave {', '.join(said)} out")


def _at_server(
    url: str, family: str | Path | None, served: dict[str, Any], *, cache: Any, **options: Any
) -> Face:
    from unireward.engines import OpenAIEngine

    engine = OpenAIEngine(url, **served)
    chosen, said = _served_family(family, engine.name)
    announce = _own_words(chosen, engine.name)
    return judge_over(engine, chosen, said, cache=cache, announce=announce, **options)


def _in_process(
    text: str, family: str | Path | None, device: str | None, settings: dict[str, Any], *,
    cache: Any, **options: Any,
) -> Face:  # fmt: skip
    path = str(tiny_folder()) if text == TINY else text
    found = _found(text, path, family)
    if found.kind is not None:
        _leave_out(settings, text, "a scorer, which gives numbers and not words")
        return load_scorer(found, device=device, cache=cache, **options)
    chosen = found.family
    assert chosen is not None, "what is no scorer has a family"
    engine = _transformers(path, found.name, device, settings, remember=cache is not None)
    said = _own_words(chosen, engine.name)
    card = chosen.spec.card or (_named(TINY)[0].spec.card if text == TINY else None)
    return judge_over(engine, chosen, found.said, cache=cache, announce=said, card=card, **options)


def _scripted(table: str, family: str | Path | None, options: dict[str, Any]) -> Face:
    from unireward.engines import ScriptedEngine

    if family is None:
        raise UsageError(f"{SCRIPTED}{table} needs a family; add family= (--family), such as "
                         f"{', '.join(_family_names()[:3])}")  # fmt: skip
    chosen, said = _named(family)
    return judge_over(ScriptedEngine.from_file(table), _official(chosen), said, **options)


def _transformers(
    path: str, name: str | None, device: str | None, settings: dict[str, Any], *, remember: bool
) -> Engine:
    from unireward.engines import TransformersEngine
    from unireward.engines.cache import cache_folder

    memo = cache_folder() / "weights.json" if remember else None
    return TransformersEngine(path, name=name, device=device, memo=memo, **settings)


def _cache(cache: bool | Any) -> Any:
    if cache is True:
        from unireward.engines import ReplyCache

        return ReplyCache()
    return cache or None


# Families -----------------------------------------------------------------------------------


def _named(family: str | Path) -> tuple[Family, JudgeFile | None]:
    """A family by its name, or of a ``judge.json`` (and then that file)."""
    from unireward.families import get_family
    from unireward.families.judge_json import load_judge_json

    if isinstance(family, Path) or family.endswith(".json"):
        said = load_judge_json(family)
        return said.to_family(), said
    return get_family(family), None


def _family_names() -> list[str]:
    from unireward.families import list_families

    return list(dict.fromkeys(family.name for family in list_families()))


def _served_family(family: str | Path | None, model: str) -> tuple[Family, JudgeFile | None]:
    from unireward.families import family_of_repository

    if family is None:
        family = family_of_repository(model)
    if family is None:
        raise UsageError(
            f"no family is known for the served model {model!r}; add family= (--family), one of "
            f"{', '.join(_family_names())}"
        )
    chosen, said = _named(family)
    return _official(chosen), said


def _found(text: str, path: str, family: str | Path | None) -> Found:
    """What a folder or hub id holds: its family, the name its ``judge.json`` gives the judge,
    and which kind of scorer it is, if it is one."""
    from unireward.families import family_of_repository
    from unireward.families.judge_json import load_judge_json

    folder = Path(path).expanduser()
    local = folder.is_dir()
    if not local and (folder.exists() or not _REPOSITORY.fullmatch(text)):
        raise UsageError(f"{text!r} is no judge; {_MEND}")
    if local and not {"config.json", "judge.json"} & set(os.listdir(folder)):
        raise InputError(f"{text}: no config.json; give the folder of a transformers checkpoint")
    file = folder / "judge.json" if local else None
    if family is None and file is None and family_of_repository(text) is None:
        file = _hub_file(text, "judge.json")
    said = load_judge_json(file) if file is not None and file.is_file() else None
    where = str(folder) if local else text
    name = said.judge if said is not None else None
    if family is not None:
        chosen, given = _named(family)
        # A judge.json that was given for the family also says the scale and the checklist.
        return Found(where, _official(chosen), name, given or said, kind_of(said, chosen))
    if said is not None:
        chosen = said.to_family()
        return Found(where, chosen, name, said, kind_of(said, chosen))
    known = family_of_repository(text)
    if known is not None:
        return Found(where, _official(_named(known)[0]), None, None, None)
    config = folder / "config.json" if local else _hub_file(text, "config.json")
    kind = kind_of_config(config)
    if kind is None:
        raise UsageError(
            f"{text}: no judge.json and no family is known for it; add family= (--family), one "
            f"of {', '.join(_family_names())}"
        )
    return Found(where, None, None, None, kind)


def _hub_file(repository: str, name: str) -> Path | None:
    """A file of the repository (from the hub's cache or the hub), None without one."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RepositoryNotFoundError

    try:
        return Path(hf_hub_download(repository, name))
    except RepositoryNotFoundError:
        raise InputError(
            f"{repository}: is no folder here and no repository on the hub; {_MEND}"
        ) from None
    except EntryNotFoundError:
        return None
    except (HfHubHTTPError, OSError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{repository}: the hub cannot be asked ({first}); {_MEND}") from None


def _official(family: Family) -> Family:
    """``family`` with its official texts where they were imported."""
    from unireward.families import Family, readers_of
    from unireward.families.official import imported_specs

    if family.prompt_id.startswith("official:"):
        return family
    imported = imported_specs().get(family.id)
    if imported is None:
        return family
    spec = getattr(imported, "spec", imported)
    return Family(spec, readers_of(spec.name))


def _own_words(family: Family, name: str) -> str | None:
    """The line that says a published checkpoint is asked in our own words, where it is."""
    published = any(form.fingerprints for form in family.spec.forms)
    if not published or any(form.origin == "official" for form in family.spec.forms):
        return None
    return (
        f"{name} is asked in this project's own words, not its authors', so numbers may differ "
        "from published ones; `unireward families import PATH` takes the exact texts from your "
        "checkout of the official repository"
    )
