"""Policies made better by a judge: sampled, judged, trained, looked at, in rounds.

::

    from unireward.alignment import align, load_config

    result = align(load_config("align.yaml"))
    result.policy                       # what is kept, as ``load_policy`` takes it
    result.evaluations[-1].figures      # reward, truth, diversity, differences to the start

Whatever stops a chain, the same call goes on. A policy may be a generator of pictures or clips,
or a model that answers; the chain does not care.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "AlignConfig": "unireward.alignment.config",
    "BestOfN": "unireward.alignment.best_of_n",
    "Result": "unireward.alignment.result",
    "align": "unireward.alignment.run",
    "load_config": "unireward.alignment.config",
    "plan": "unireward.alignment.plan",
}
__all__ = ["AlignConfig", "BestOfN", "Result", "align", "load_config", "plan"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'unireward.alignment' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


if TYPE_CHECKING:
    from unireward.alignment.best_of_n import BestOfN
    from unireward.alignment.config import AlignConfig, load_config
    from unireward.alignment.plan import plan
    from unireward.alignment.result import Result
    from unireward.alignment.run import align
