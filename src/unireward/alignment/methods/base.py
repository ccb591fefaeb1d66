"""Method: what differs between the ways of aligning, as a few plain answers.

A chain is rounds of the same four things, and a method says of them: how many there are
(``length``), whether candidates are sampled and judged (``samples``) and by which steps
(``steps``), what is learned of a record (``learns``), and how far the rate has come down
(``rate``). The options in a config are the method's own fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from unireward.prompt import Prompt
from unireward.record import Row

Learns = Literal["pairs", "best"]


class Method(Row):
    """``kind`` is the word that it is written by."""

    kind: ClassVar[str]
    learns: ClassVar[Learns] = "pairs"
    trains: ClassVar[bool] = True
    samples: ClassVar[bool] = True
    """Whether it needs prompts, of which a judge makes what is learned."""
    counted_in: ClassVar[Literal["steps", "rounds"]] = "steps"
    """What ``evaluation.every`` counts."""
    steps: ClassVar[tuple[dict[str, dict[str, Any]], ...]] = (
        {"pair_rank": {}},
        {"point_sift": {}},
    )
    """The curation between sampling and training, where a config says none."""

    @property
    def length(self) -> int:
        """How many rounds there are."""
        return 1

    def rate(self, number: int) -> float:
        """The factor of the learning rate in round ``number``, from 1."""
        return 1.0

    def prompts_of(self, prompts: Sequence[Prompt], number: int, seed: int) -> list[Prompt]:
        """The prompts of a round."""
        return list(prompts)
