"""Which kind of judge a family and a checkpoint make, and how a scorer is loaded.

===========  =========================================================  =======================
kind         how it is told                                             class
===========  =========================================================  =======================
head         ``head`` in ``judge.json`` (any kind of head), family      HeadReward
             ``head``, or the class ``...ForSequenceClassification``
two-tower    family ``two-tower``, or ``CLIPModel``, ``SiglipModel``    TwoTowerReward
yes-no       family ``yes-no``, over any engine                         YesNoReward
checklist    family ``checklist``, over any engine                      ChecklistReward
===========  =========================================================  =======================

Nothing here imports torch before a checkpoint is loaded.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unireward.errors import InputError, UsageError
from unireward.rewards.face import Face
from unireward.rewards.judge import Judge

if TYPE_CHECKING:
    from unireward.families.family import Family
    from unireward.families.judge_json import JudgeFile
    from unireward.protocols import Engine

HEAD, TWO_TOWER, YES_NO, CHECKLIST = "head", "two-tower", "yes-no", "checklist"
TOWERS = ("CLIPModel", "SiglipModel")
_CLASSIFIER = "ForSequenceClassification"
_OVER_ENGINES = (YES_NO, CHECKLIST)


@dataclass(frozen=True)
class Found:
    """A checkpoint before any weight is read. ``where`` is its folder or repository id; ``kind``
    None is a judge asked in words; ``family`` None the kind's own."""

    where: str
    family: Family | None
    name: str | None
    said: JudgeFile | None
    kind: str | None


def kind_of(said: JudgeFile | None, family: Family) -> str | None:
    """The kind of scorer that a checkpoint is by its ``judge.json`` and family; None for a judge
    asked in words, or over an engine that loads like any other."""
    told = (said.head or {}).get("kind") if said is not None else None
    if told in _OVER_ENGINES or family.name in _OVER_ENGINES:
        return None
    if told == TWO_TOWER or family.name == TWO_TOWER:
        return TWO_TOWER
    return HEAD if told is not None or family.name == HEAD else None


def kind_of_config(path: Path | None) -> str | None:
    """The kind of scorer that a ``config.json``'s class makes, None where it makes none."""
    if path is None or not path.is_file():
        return None
    try:
        named = json.loads(path.read_text("utf-8")).get("architectures") or [""]
        name = str(named[0])
    except (OSError, ValueError, AttributeError, LookupError) as error:
        raise InputError(f"{path}: is no config of transformers ({error}); mend it") from None
    if name in TOWERS:
        return TWO_TOWER
    return HEAD if name.endswith(_CLASSIFIER) else None


def judge_over(
    engine: Engine, family: Family, said: JudgeFile | None = None, **options: Any
) -> Face:
    """A judge of the family's kind over an engine that is there already."""
    from unireward.rewards.scoring import Scoring

    calibration = said.calibration if said is not None else None
    scored = family.name in (*_OVER_ENGINES, HEAD, TWO_TOWER)
    if not scored:
        return Judge(engine, family, calibration=calibration, **options)
    _refuse_sampling(engine.name, options)
    scoring = Scoring.of(calibration) if (calibration or {}).get("scoring") else None
    if family.name == YES_NO:
        from unireward.rewards.yes_no import YesNoReward

        return YesNoReward(engine, family, scoring=scoring, **options)
    if family.name == CHECKLIST:
        from unireward.rewards.checklist import Checklist, ChecklistReward

        head = said.head if said is not None else None
        weighed = Checklist.of(head) if head else _beside(engine)
        return ChecklistReward(engine, family, checklist=weighed, scoring=scoring, **options)
    if engine.kind == "openai":
        raise UsageError(
            f"{engine.name}: a server of chat replies gives no numbers of a head; load the "
            "checkpoint's folder, or ask with another family"
        )
    from unireward.rewards.scorer import ScorerReward

    return ScorerReward(engine, family, scoring=scoring, **options)


def load_scorer(
    found: Found, *, device: str | None = None, cache: Any = None, **options: Any
) -> Face:
    """A head or two towers, from the checkpoint's weights."""
    from unireward.engines.cache import cache_folder
    from unireward.rewards.scoring import Scoring

    said = found.said
    _refuse_sampling(found.where, options)
    common: dict[str, Any] = {
        "device": device,
        "cache": cache,
        "memo": cache_folder() / "weights.json" if cache is not None else None,
        "name": found.name,
        **options,
    }
    if ((said is not None and said.calibration) or {}).get("scoring"):
        common["scoring"] = Scoring.of(said.calibration if said is not None else None)
    if found.family is not None:
        common["family"] = found.family
    if found.kind == TWO_TOWER:
        from unireward.rewards.two_tower import TwoTowerReward

        head = (said.head if said is not None else None) or {}
        unknown = sorted(set(head) - {"kind", "convention"})
        if unknown:
            raise InputError(
                f"{found.where}: head: {unknown[0]} is not of two towers; leave it out"
            )
        return TwoTowerReward.load(
            found.where, convention=head.get("convention", "logit"), **common
        )
    from unireward.rewards.head_reward import HeadReward

    return HeadReward.load(_on_disk(found.where), **common)


def _refuse_sampling(name: str, options: dict[str, Any]) -> None:
    """Raise UsageError for options of replies in words, which a scorer has none of."""
    for option in ("votes", "temperature", "expected"):
        if option in options:
            raise UsageError(f"{name} gives numbers and no words; leave {option} out")


def _on_disk(where: str) -> str:
    """The folder of a repository's files, fetched where they are not there yet."""
    if Path(where).is_dir():
        return where
    from huggingface_hub import snapshot_download

    try:
        return snapshot_download(where)
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{where}: the hub cannot be asked ({first}); give a folder") from None


def _beside(engine: Engine) -> Any:
    """The ``checklist.json`` beside an engine's weights, if there is one."""
    from unireward.rewards.checklist import FILE, Checklist

    folder = Path(getattr(engine, "path", "") or "/nowhere")
    return Checklist.load(folder) if (folder / FILE).is_file() else None
