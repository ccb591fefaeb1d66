"""Words: captions of the drawn world as vectors, for generators small enough to train at home.

A table of learned rows instead of a text encoder::

    words = Words.of_world(width=96, max_words=4)
    embeds, pooled = words(["two red circles", ""])          # [2, 4, 96], [2, 96]

One row a word, singular and plural of a shape sharing theirs; a row each for padding and, for
guidance, for a place of no caption at all (``""``). A learned row for each place is added, so
that "red circle above blue star" is not "blue star above red circle". ``pooled`` is the mean
over a caption's own words.

Edge rule: a word outside the table, or more words than places, is an :class:`InputError`
(:meth:`Words.refusal` tells it beforehand); nothing is left out of a caption in silence.
"""

# diffusers fills its own name space as it is asked, which pyright cannot follow.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from unireward.errors import InputError
from unireward.world.words import SHAPES, VOCABULARY, plural

PADDING, NO_CAPTION = 0, 1
"""The first two rows."""


class Words(ModelMixin, ConfigMixin):
    """``rows`` [n][words]: what shares a row. See the module docstring."""

    @register_to_config
    def __init__(self, rows: list[list[str]], width: int = 96, max_words: int = 4) -> None:
        super().__init__()
        self.row_of = {word: 2 + k for k, words in enumerate(rows) for word in words}
        self.table = nn.Embedding(2 + len(rows), width)
        self.places = nn.Parameter(torch.zeros(max_words, width))
        nn.init.normal_(self.places, std=0.02)

    @classmethod
    def of_world(cls, width: int = 96, max_words: int = 4) -> Words:
        """For the vocabulary of :mod:`unireward.world`."""
        singular = {plural(shape, 2): shape for shape in (*SHAPES, "thing", "digit")}
        rows: dict[str, list[str]] = {}
        for word in VOCABULARY:
            rows.setdefault(singular.get(word, word), []).append(word)
        return cls(list(rows.values()), width, max_words)

    def refusal(self, caption: str) -> str | None:
        """Why it cannot be read, None where it can."""
        words = caption.lower().split()
        unknown = next((word for word in words if word not in self.row_of), None)
        if unknown is not None:
            return f"the word {unknown!r} is not in its table"
        if len(words) > len(self.places):
            return f"{len(words)} words, and it reads {len(self.places)}"
        return None

    def rows(self, captions: Sequence[str]) -> Tensor:
        """[B, max_words] indices into the table."""
        ids = torch.full((len(captions), len(self.places)), PADDING)
        for k, caption in enumerate(captions):
            refusal = self.refusal(caption)
            if refusal is not None:
                raise InputError(f"caption {caption!r}: {refusal}; give a caption of the world")
            found = [self.row_of[word] for word in caption.lower().split()]
            ids[k, : len(found)] = torch.tensor(found, dtype=torch.long)
            if not found:
                ids[k] = NO_CAPTION
        return ids.to(self.places.device)

    def forward(self, captions: Sequence[str]) -> tuple[Tensor, Tensor]:
        """``(embeds [B, max_words, width], pooled [B, width])``."""
        ids = self.rows(captions)
        vectors = self.table(ids)
        said = (ids != PADDING).to(vectors.dtype)[..., None]
        pooled = (vectors * said).sum(1) / said.sum(1)
        return vectors + self.places, pooled
