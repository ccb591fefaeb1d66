"""One library to judge, compare and improve images, videos, edits and answers.

>>> import unireward as ur
>>> judge = ur.load("tiny")
>>> judge.compare("two red circles", "a.png", "b.png").winner

Everything below is imported on first use, so that ``import unireward`` stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "load": "unireward.rewards.load",
    "Judge": "unireward.rewards.judge",
    "Ranking": "unireward.rewards.ranking",
    "Image": "unireward.media",
    "Video": "unireward.media",
    "FrameRule": "unireward.media",
    "MediaLimits": "unireward.media",
    "Record": "unireward.record",
    "Candidate": "unireward.record",
    "Part": "unireward.record",
    "Label": "unireward.record",
    "Context": "unireward.record",
    "Span": "unireward.record",
    "Judgment": "unireward.judgment",
    "Prompt": "unireward.prompt",
    "Sampled": "unireward.sampled",
    "Ask": "unireward.ask",
    "Reply": "unireward.ask",
    "Message": "unireward.ask",
    "Sampling": "unireward.ask",
    "Face": "unireward.rewards.face",
    "ScorerReward": "unireward.rewards.scorer",
    "get_family": "unireward.families",
    "load_policy": "unireward.policies",
    "read_prompts": "unireward.files",
    "write_prompts": "unireward.files",
    "read_records": "unireward.files",
    "write_records": "unireward.files",
    "read_judgments": "unireward.files",
    "write_judgments": "unireward.files",
    "UnirewardError": "unireward.errors",
}
__all__ = [
    "Ask",
    "Candidate",
    "Context",
    "Face",
    "FrameRule",
    "Image",
    "Judge",
    "Judgment",
    "Label",
    "MediaLimits",
    "Message",
    "Part",
    "Prompt",
    "Ranking",
    "Record",
    "Reply",
    "Sampled",
    "Sampling",
    "ScorerReward",
    "Span",
    "UnirewardError",
    "Video",
    "__version__",
    "get_family",
    "load",
    "load_policy",
    "read_judgments",
    "read_prompts",
    "read_records",
    "write_judgments",
    "write_prompts",
    "write_records",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'unireward' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    from unireward.ask import Ask, Message, Reply, Sampling
    from unireward.errors import UnirewardError
    from unireward.families import get_family
    from unireward.files import (
        read_judgments,
        read_prompts,
        read_records,
        write_judgments,
        write_prompts,
        write_records,
    )
    from unireward.judgment import Judgment
    from unireward.media import FrameRule, Image, MediaLimits, Video
    from unireward.policies import load_policy
    from unireward.prompt import Prompt
    from unireward.record import Candidate, Context, Label, Part, Record, Span
    from unireward.rewards.face import Face
    from unireward.rewards.judge import Judge
    from unireward.rewards.load import load
    from unireward.rewards.ranking import Ranking
    from unireward.rewards.scorer import ScorerReward
    from unireward.sampled import Sampled
