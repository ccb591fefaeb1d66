"""What those learn from who make candidates themselves: answers, pictures, clips.

::

    data: {sources: [{records: drawn.jsonl}], learn: best}                  # denoise, sft
    data: {sources: [{records: pairs.jsonl}], pairs: best-worst}            # diffusion-dpo, dpo
    data: {sources: [{world: image_generation/right}], drop_caption: 0.1}   # the drawn world
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, FiniteFloat

from unireward.training.data_config import RecordsConfig, SequencesConfig

Learn = Literal["best", "weighted", "all"]


class AnswersData(SequencesConfig):
    """Of a model that answers: candidates in words, as replies to their record's own prompt."""

    learn: Learn = "best"
    """Of ``sft``: the best candidate (each of several equally good ones; none of a record whose
    ``tie`` is ``bad``), all of them weighted by what the label says of each (its overall score as
    a share of its scale, else its share of votes, else 1 for the best tier down to 0 for the
    worst), or all of them alike."""


class PicturesData(RecordsConfig):
    """Of a generator: candidates of one picture or clip, resized to cover the model's size and
    cut in the middle."""

    learn: Learn = "best"
    """Of ``denoise``, as for answers."""
    drop_caption: FiniteFloat = Field(0.0, ge=0, lt=1)
    """Share of examples that lose their caption, for guidance without a classifier."""
    pair_score: str | None = None
    """Field of ``meta`` (``meta.frequency``) that says how frequent pairs like this one are, for
    ``score_power``."""
