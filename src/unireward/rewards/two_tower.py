"""TwoTowerReward: CLIP, SigLIP and what was trained from them (PickScore, HPSv2, CLIPScore).

>>> reward = TwoTowerReward.load("yuvalkirstain/PickScore_v1")
>>> reward.score("two red circles", "a.png").raw                 # logit_scale * cosine

===============  ==================================================  ========================
convention       raw                                                 score
===============  ==================================================  ========================
``logit``        CLIP: scale * cosine (PickScore)                    (1 + cosine) / 2
``logit``        SigLIP: scale * cosine + bias                       logistic(raw)
``cosine``       cosine (HPSv2)                                      (1 + cosine) / 2
``clip-score``   2.5 * max(cosine, 0) (CLIPScore, arXiv 2104.08718)  raw / 2.5
===============  ==================================================  ========================

The preference of two is the softmax of their logits whatever the convention, which is how
PickScore (arXiv 2305.01569) and HPSv2 (arXiv 2306.09341) state it; only under ``clip-score`` what
lies below a cosine of 0 counts as 0. A video's cosine is the mean over its frames. A text longer
than the tower reads is cut there, and the judgment's notes say so. ``cosine`` is a dimension.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unireward.ask import Ask, ImageContent, Reply, TextContent
from unireward.engines.base import IMAGE, BaseEngine
from unireward.engines.checkpoint import best_device, identity_of, quiet_if_small
from unireward.engines.processor import first_line
from unireward.errors import InputError, UnirewardError, UsageError
from unireward.families.head.parse import Numbers
from unireward.rewards.head_reward import GRADIENT, check_pixels, reply_of
from unireward.rewards.scorer import ScorerReward
from unireward.rewards.scoring import Scoring
from unireward.rewards.transforms import transform_of

if TYPE_CHECKING:
    from torch import Tensor

    from unireward.families.family import Family

CONVENTIONS = ("logit", "cosine", "clip-score")
CLIP_SCORE = 2.5
ARCHITECTURES = ("CLIPModel", "SiglipModel")
_FAULTS = (OSError, ValueError, TypeError, KeyError, AttributeError, ImportError)


@dataclass(frozen=True)
class _Shown:
    index: int
    text: str
    images: list[Any]


class TowerEngine(BaseEngine):
    """Both towers in this process, answering an ask of one text and some pictures with a line of
    numbers. ``max_batch`` bounds the pictures encoded at once.

    Raises :class:`InputError` for a folder or repository that is no pair of towers.
    """

    kind = "transformers"
    capabilities = frozenset({IMAGE})

    def __init__(
        self,
        path: str | Path,
        *,
        convention: str = "logit",
        name: str | None = None,
        device: str | None = None,
        dtype: str = "auto",
        max_batch: int = 64,
        memo: Path | None = None,
    ) -> None:
        if convention not in CONVENTIONS:
            raise UsageError(f"convention is {convention!r}; use {', '.join(CONVENTIONS)}")
        self.path = str(path)
        self.name = name or (Path(path).name if Path(path).is_dir() else self.path)
        self.device = device or best_device()
        self.convention = convention
        self.max_batch = max_batch
        self.model: Any
        self.model, self.tokenizer, self.images = _load(self.path, dtype)
        self.model.to(self.device).eval().requires_grad_(False)
        self.identity = f"{identity_of(self.path, self.model, memo)}:{convention}"
        self.limit = int(self.model.config.text_config.max_position_embeddings)
        self.sigmoid = hasattr(self.model, "logit_bias")
        self._lock = threading.Lock()

    # The towers ---------------------------------------------------------------------------------

    def texts(self, texts: Sequence[str]) -> tuple[Tensor, list[int]]:
        """Unit vectors [N, D], and how many tokens each text has uncut."""
        lengths = [len(self.tokenizer(text).input_ids) for text in texts]
        # SigLIP was trained on texts padded to its limit, and reads the padding.
        inputs = self.tokenizer(
            list(texts),
            padding="max_length" if self.sigmoid else True,
            truncation=True,
            max_length=self.limit,
            return_tensors="pt",
        ).to(self.device)
        mask = {} if self.sigmoid else {"attention_mask": inputs["attention_mask"]}
        out = self.model.get_text_features(input_ids=inputs["input_ids"], **mask)
        return _unit(out), lengths

    def pictures(self, pixel_values: Tensor) -> Tensor:
        """Unit vectors [N, D] of [N, 3, h, w]."""
        return _unit(self.model.get_image_features(pixel_values=pixel_values.to(self.device)))

    def logits(self, cosine: Tensor) -> Tensor:
        """The model's own logits of cosines."""
        logits = cosine * self.model.logit_scale.exp()
        return logits + self.model.logit_bias if self.sigmoid else logits

    def raw(self, cosine: Tensor) -> Tensor:
        """The number that the convention gives."""
        if self.convention == "cosine":
            return cosine
        return (
            cosine.clamp(min=0) * CLIP_SCORE
            if self.convention == "clip-score"
            else self.logits(cosine)
        )

    def scoring(self) -> Scoring:
        """Scores and preferences as the module's table has them."""
        scale = float(self.model.logit_scale.exp())
        if self.convention == "cosine":
            return Scoring(squash="range", low=-1, high=1, temperature=1 / scale)
        if self.convention == "clip-score":
            return Scoring(squash="range", low=0, high=CLIP_SCORE, temperature=CLIP_SCORE / scale)
        return Scoring() if self.sigmoid else Scoring(squash="range", low=-scale, high=scale)

    # As an engine -------------------------------------------------------------------------------

    def stream(self, asks: Iterable[Ask]) -> Iterator[tuple[int, Reply]]:
        numbered = enumerate(asks)
        while window := list(islice(numbered, self.max_batch)):
            ready: list[_Shown] = []
            for index, ask in window:
                try:
                    ready.append(self._shown(index, ask))
                except UnirewardError as error:
                    yield index, Reply(error=str(error))
            yield from self._answer(ready)

    def close(self) -> None:
        self.model = None

    def _shown(self, index: int, ask: Ask) -> _Shown:
        texts = [
            part.text for m in ask.messages for part in m.content if isinstance(part, TextContent)
        ]
        images = []
        for part in ask.media:
            if not isinstance(part, ImageContent):
                raise InputError(
                    f"{self.name} takes no native video; set the family's layout to frames"
                )
            image = part.image
            images.append((image.fit(part.max_pixels) if part.max_pixels else image).load())
        if not images:
            raise InputError(f"{self.name} compares a text with a picture, and none is shown")
        return _Shown(index, "".join(texts), images)

    def _answer(self, batch: list[_Shown]) -> Iterator[tuple[int, Reply]]:
        import torch

        if not batch:
            return
        start = time.perf_counter()
        replies: list[Reply] = []
        try:
            with self._lock, torch.inference_mode():
                replies = self._run(batch)
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                fault = f"out of memory on {self.device}; lower the family's frames"
                yield batch[0].index, Reply(error=fault)
                return
            half = len(batch) // 2
            yield from self._answer(batch[:half])
            yield from self._answer(batch[half:])
            return
        seconds = (time.perf_counter() - start) / len(batch)
        for item, reply in zip(batch, replies):
            yield item.index, replace(reply, seconds=seconds)

    def _run(self, batch: list[_Shown]) -> list[Reply]:
        import torch

        words = list(dict.fromkeys(item.text for item in batch))
        texts, lengths = self.texts(words)
        rows = [words.index(item.text) for item in batch for _ in item.images]
        images = [image for item in batch for image in item.images]
        vectors = [
            self.pictures(
                self.images(images[at : at + self.max_batch], return_tensors="pt")["pixel_values"]
            )
            for at in range(0, len(images), self.max_batch)
        ]
        cosines = (torch.cat(vectors) * texts[rows]).sum(-1).split([len(i.images) for i in batch])
        means = torch.stack([row.mean() for row in cosines])
        return [
            self._reply(raw, cosine, lengths[words.index(item.text)])
            for item, raw, cosine in zip(batch, self.raw(means).tolist(), means.tolist())
        ]

    def _reply(self, raw: float, cosine: float, length: int) -> Reply:
        reply = reply_of(Numbers(raw, {"cosine": cosine}), min(length, self.limit))
        if length <= self.limit:
            return reply
        note = f"the text has {length} tokens, {self.name} reads {self.limit}; the rest was cut"
        return replace(reply, notes=(note,))


class TwoTowerReward(ScorerReward):
    """Two towers as a reward. Options are a ScorerReward's."""

    def __init__(
        self,
        engine: TowerEngine,
        family: Family | str = "two-tower",
        *,
        scoring: Scoring | None = None,
        **options: Any,
    ) -> None:
        super().__init__(engine, family, scoring=scoring or engine.scoring(), **options)
        self.transform = transform_of(engine.images)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        family: Family | str = "two-tower",
        convention: str = "logit",
        name: str | None = None,
        device: str | None = None,
        dtype: str = "auto",
        max_batch: int = 64,
        memo: Path | None = None,
        **options: Any,
    ) -> TwoTowerReward:
        """From a folder or repository. Raises InputError where transformers cannot load it."""
        engine = TowerEngine(
            path,
            convention=convention,
            name=name,
            device=device,
            dtype=dtype,
            max_batch=max_batch,
            memo=memo,
        )
        return cls(engine, family, name=name, **options)

    @property
    def capabilities(self) -> frozenset[str]:
        return super().capabilities | ({GRADIENT} if self.transform is not None else set())

    def scores(self, prompts: Sequence[str], pixels: Tensor) -> Tensor:
        """``pixels`` float [B, 3, H, W] in [0, 1] -> raw numbers [B], differentiable. Each
        prompt is its picture's caption as it stands. Raises UsageError for other shapes."""
        import torch

        check_pixels(prompts, pixels)
        if self.transform is None:
            raise UsageError(
                f"{self.name} gives no gradient: its image processor "
                f"({type(self.local.images).__name__}) has no torch twin here"
            )
        with torch.enable_grad():
            texts, _ = self.local.texts(prompts)
            vectors = self.local.pictures(self.transform(pixels))
            return self.local.raw((vectors * texts).sum(-1))


def _load(path: str, dtype: str) -> tuple[Any, Any, Any]:
    """Model, tokenizer and image processor."""
    from transformers import AutoConfig, AutoImageProcessor, AutoModel, AutoTokenizer

    files = list(Path(path).glob("*.safetensors"))
    try:
        config = AutoConfig.from_pretrained(path)
        if not hasattr(config, "text_config") or not hasattr(config, "vision_config"):
            raise InputError(
                f"{path}: is of type {config.model_type!r}, no pair of towers; give a CLIP or "
                "SigLIP checkpoint"
            )
        with quiet_if_small(sum(f.stat().st_size for f in files) if files else None):
            model = AutoModel.from_pretrained(path, dtype=dtype)
        tokenizer = AutoTokenizer.from_pretrained(path)
        images = AutoImageProcessor.from_pretrained(path)
    except InputError:
        raise
    except _FAULTS as error:
        raise InputError(
            f"{path}: transformers cannot load it ({first_line(error)}); give a whole CLIP or "
            "SigLIP checkpoint, tokenizer and preprocessor files included"
        ) from error
    if not hasattr(model, "get_text_features") or not hasattr(model, "logit_scale"):
        raise InputError(
            f"{path}: {type(model).__name__} has no towers to compare; give a CLIP or SigLIP "
            "checkpoint"
        )
    return model, tokenizer, images


def _unit(features: Any) -> Tensor:
    """Unit vectors in float32 at least."""
    import torch

    vectors = getattr(features, "pooler_output", features)
    if vectors.dtype != torch.float64:
        vectors = vectors.float()
    return vectors / vectors.norm(dim=-1, keepdim=True)
