"""WorldSource: the drawn world as a source, a new record for every draw."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from unireward.errors import InputError
from unireward.record import Record
from unireward.training.data_config import SourceConfig
from unireward.training.examples import Example
from unireward.training.plan import Stratum
from unireward.training.record_maker import RecordMaker

_SPEC = re.compile(r"([a-z_]+)/(one|pair|right|[1-9][0-9]{0,2})")


class WorldSource:
    """``TASK/pair`` of the training split, or ``TASK/right``. Where a record gives several
    examples (two orders, two modes), each draw takes one of them, by its ``turn``."""

    def __init__(self, source: SourceConfig, maker: RecordMaker[Any], seed: int) -> None:
        """Raises :class:`InputError` for a task that is not drawn or cannot be asked about."""
        from unireward.world import TASKS

        assert source.world is not None
        match = _SPEC.fullmatch(source.world)
        if match is None:
            raise InputError(
                f"world {source.world!r} is no TASK/pair; write image_generation/pair, all/one, "
                "image_generation/4 or image_generation/right"
            )
        task, number = match.groups()
        self.source, self.maker = source, maker
        self.seed = seed if source.seed is None else source.seed
        self.right = number == "right"
        self.candidates = {"one": 1, "right": 1, "pair": 2}.get(number) or int(number)
        if self.right and source.track is not None:
            raise InputError(f"world {source.world}: has no track; leave it out")
        self.left_out: Counter[str] = Counter()
        named = list(TASKS) if task == "all" else [task]
        chosen = source.tasks if source.tasks is not None else tuple(source.quotas or named)
        self.tasks = [name for name in named if name in chosen]
        if not self.tasks:
            raise InputError(f"world {source.world}: tasks or quotas leave nothing of it")
        quotas = source.quotas or {}
        shares = [quotas.get(name, 1.0) for name in self.tasks]
        size = source.items
        if size is not None and size < len(self.tasks):
            raise InputError(f"world {source.world}: items is {size}, fewer than its tasks")
        self.strata = [
            Stratum(None if size is None else size // len(self.tasks),
                    source.weight * share / sum(shares))
            for share in shares
        ]  # fmt: skip
        # The first of each: what cannot be asked is said before the first step.
        for stratum in range(len(self.tasks)):
            self.example(stratum, 0, 0)

    def record(self, stratum: int, index: int) -> Record:
        from unireward.world.sample import SIZE, sample_record

        source = self.source
        if self.right:
            from unireward.training.right import right_record

            size = source.size or SIZE
            return right_record(self.tasks[stratum], self.seed, index, source.level, size)
        item = sample_record(
            self.tasks[stratum],
            self.seed,
            source.level,
            self.candidates,
            "train",
            index=index,
            size=source.size or SIZE,
            track=source.track,
        )
        if getattr(self.maker.config, "caption", None) is None or not item.media:
            return item.record
        from unireward.world.facts import describe

        captions = {name: describe(made.scene) for name, made in item.made.items()
                    if hasattr(made, "scene")}  # fmt: skip
        return item.record.model_copy(update={"meta": {**item.record.meta, "captions": captions}})

    def example(self, stratum: int, index: int, turn: int) -> tuple[Example | None, str]:
        made = self.maker(self.record(stratum, index), turn)
        if made.examples:
            return made.examples[turn % len(made.examples)], ""
        return None, next(iter(made.left_out), "no label")
