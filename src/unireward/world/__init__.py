"""A procedural world with exact truth: scenes, clips, edits, questions, photographs.

Everything comes from a seed, unlimited, as Records whose labels are known and not judged.

>>> from unireward.world import iter_items, write_world
>>> for item in iter_items("image_generation", 600, seed=0):
...     item.record, item.truth, item.media
>>> write_world("all", 100, seed=0, out="world")

Floors below: ``scene`` (what is said and shown), ``render`` (pixels), ``change`` (one fact
apart), ``quality`` (planted defects), ``truth`` (scores), ``words`` (the closed vocabulary).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "LEVELS": "unireward.world.scene",
    "SPLITS": "unireward.world.sample",
    "TASKS": "unireward.world.sample",
    "TRACKS": "unireward.world.sample",
    "VOCABULARY": "unireward.world.words",
    "WorldItem": "unireward.world.item",
    "iter_items": "unireward.world.sample",
    "sample_record": "unireward.world.sample",
    "sample_spec": "unireward.world.scene",
    "scene_of": "unireward.world.scene",
    "write_world": "unireward.world.write",
}
__all__ = [
    "LEVELS", "SPLITS", "TASKS", "TRACKS", "VOCABULARY", "WorldItem", "iter_items",
    "sample_record", "sample_spec", "scene_of", "write_world",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'unireward.world' has no attribute {name!r}")
    return getattr(import_module(home), name)


if TYPE_CHECKING:
    from unireward.world.item import WorldItem
    from unireward.world.sample import SPLITS, TASKS, TRACKS, iter_items, sample_record
    from unireward.world.scene import LEVELS, sample_spec, scene_of
    from unireward.world.words import VOCABULARY
    from unireward.world.write import write_world
