"""Holdout: prompts that something will be measured by never enter what it is trained on.

Held-out prompts are met as :mod:`unireward.data.contamination` has it: the same words but for
case and punctuation, a run of 13 words in common, the whole of a shorter one of 8 words or more,
or the same media. It stands before sampling, so that nothing is spent on them::

    Holdout(["held_out.jsonl", "captions.txt"])
    Holdout.of(prompts)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from unireward.curation.case import Case
from unireward.curation.step import CaseStep
from unireward.data.contamination import Benchmark, Item
from unireward.data.prompts import read_prompts as read_items
from unireward.errors import InputError
from unireward.prompt import Prompt


class Holdout(CaseStep):
    """``prompts`` are files of prompts or records in any format that ``data check`` reads; media
    are compared too, unless ``media`` is False. InputError for a file that cannot be read, or one
    that holds none."""

    name = "holdout"

    def __init__(self, prompts: str | Path | Sequence[str | Path], *, media: bool = True) -> None:
        files = [prompts] if isinstance(prompts, str | Path) else list(prompts)
        items = [item for file in files for item in read_items(file)]
        if not items:
            raise InputError(f"holdout: no prompt in {', '.join(map(str, files)) or 'no file'}")
        self._fill(items, media)

    @classmethod
    def of(cls, prompts: Iterable[Prompt], *, media: bool = True) -> Holdout:
        """Of prompts in memory."""
        step = cls.__new__(cls)
        items = [Item(prompt.id, prompt.text, prompt) for prompt in prompts]
        step._fill(items, media)
        return step

    def _fill(self, items: list[Item], media: bool) -> None:
        self._held = Benchmark(items, media=media)
        self._digest = hashlib.sha256()
        for item in items:
            self._digest.update(f"{item.text}\0".encode("utf-8", "surrogatepass"))
        self.media = media

    @property
    def identity(self) -> dict[str, Any]:
        return {"prompts": self._digest.hexdigest(), "media": self.media}

    def each(self, case: Case) -> Case:
        asked = case.record() if case.names else case.prompt
        hits = [hit for hit in self._held.hits(asked) if not hit.other_media]
        if not hits:
            return case
        return case.drop(self.name, f"held out ({hits[0].kind})", f"stands in {hits[0].where}")
