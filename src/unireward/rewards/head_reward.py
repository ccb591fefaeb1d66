"""HeadReward: a :class:`~unireward.rewards.reward_model.RewardModel` as a reward.

>>> reward = HeadReward.load("my-reward")
>>> reward.score("two red circles", "a.png").raw             # the head's own number
>>> reward.scores(["two red circles"], pixels).sum().backward()   # and its gradient in the pixels

The number that ranks is the head's ``overall`` column, its only one, or the mean of its columns;
all columns are in ``dimensions`` under the head's names, a Gaussian head's standard deviation in
``sigma``. Asks become tensors as the transformers engine makes them (same template, same order of
media), batched by length within a token budget, and are cached by content as replies are.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unireward.ask import Reply
from unireward.engines.base import IMAGE, VIDEO
from unireward.engines.checkpoint import best_device, identity_of
from unireward.engines.processor import load_processor
from unireward.engines.prompt import encode, packs_video, prompt_of
from unireward.engines.transformers import TransformersEngine
from unireward.errors import InputError, UsageError
from unireward.families.head.parse import Numbers
from unireward.media import Image
from unireward.record import Candidate, Part, Record
from unireward.rewards.scorer import ScorerReward
from unireward.rewards.scoring import Scoring
from unireward.rewards.transforms import transform_of

if TYPE_CHECKING:
    from torch import Tensor

    from unireward.families.family import Family
    from unireward.rewards.reward_model import RewardModel

GRADIENT = "gradient"
PIXELS_TASK = "image_generation"


class HeadEngine(TransformersEngine):
    """A reward model as an engine: the reply to an ask is a line of numbers.

    ``model`` may be in training elsewhere: it is set to ``eval`` for each batch and set back, and
    its gradients are left alone. A model that may change has no lasting ``identity``; give one
    that does not (a weights' digest), or keep no cache.
    """

    def __init__(
        self,
        model: RewardModel,
        processor: Any,
        *,
        name: str = "head",
        identity: str = "",
        batch_tokens: int = 16_384,
        max_batch: int = 32,
    ) -> None:
        import torch

        self.path = self.name = name
        self.identity = identity
        self.model: Any = model
        self.processor = processor
        self.device = str(model.device)
        self.batch_tokens = batch_tokens
        self.max_batch = max_batch
        self.capabilities = frozenset({IMAGE} | ({VIDEO} if packs_video(processor) else set()))
        self._lock = threading.Lock()
        self._torch = torch
        tokenizer = processor.tokenizer
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token

    def _run(self, batch: list[Any]) -> list[Reply]:
        inputs = self._inputs(batch)
        learning = self.model.training
        self.model.eval()
        try:
            out = self.model(dict(inputs))
        finally:
            self.model.train(learning)
        tokens = inputs["attention_mask"].sum(1).tolist()
        return [reply_of(*row) for row in zip(numbers(self.model.head, out), tokens)]


def numbers(head: Any, out: Any) -> list[Numbers]:
    """One for each row of a HeadOutput; what is not finite stays so, for :func:`reply_of`."""
    overall = head.overall(out.scores).tolist()
    sigmas = [None] * len(overall) if out.sigma is None else _spread(head.names, out.sigma)
    gates = [{}] * len(overall)
    if out.gate is not None:
        gates = [dict(zip(head.gate_names, row)) for row in out.gate.tolist()]
    return [
        Numbers(score, dict(zip(head.names, row)), sigma, gate)
        for score, row, sigma, gate in zip(overall, out.scores.tolist(), sigmas, gates)
    ]


def _spread(names: Sequence[str], sigma: Tensor) -> list[float]:
    """Standard deviations of the numbers that rank, as :meth:`Head.overall` makes these; columns
    that are averaged count as independent."""
    from unireward.rewards.heads.base import OVERALL

    if OVERALL in names:
        return sigma[:, names.index(OVERALL)].tolist()
    return (sigma.square().sum(1).sqrt() / len(names)).tolist()


def reply_of(found: Numbers, tokens: float = 0) -> Reply:
    """A line of numbers as a reply; one that is not finite is that ask's error."""
    named = {"score": found.score, **found.dimensions, **found.gate}
    if found.sigma is not None:
        named["sigma"] = found.sigma
    for name, value in named.items():
        if not math.isfinite(value):
            return Reply(
                error=f"the head's {name} is {value}, no finite number; look at the weights and "
                "the dtype they run in"
            )
    return Reply(text=found.text(), finish_reason="stop", prompt_tokens=int(tokens))


class HeadReward(ScorerReward):
    """A reward model over its processor. Options beside these are a ScorerReward's."""

    def __init__(
        self,
        model: RewardModel,
        processor: Any,
        family: Family | str = "head",
        *,
        name: str = "head",
        identity: str = "",
        batch_tokens: int = 16_384,
        max_batch: int = 32,
        **options: Any,
    ) -> None:
        engine = HeadEngine(
            model,
            processor,
            name=name,
            identity=identity,
            batch_tokens=batch_tokens,
            max_batch=max_batch,
        )
        super().__init__(engine, family, name=name, **options)
        self.model = model
        self.transform = transform_of(getattr(processor, "image_processor", None))

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        family: Family | str | None = None,
        device: str | None = None,
        dtype: str = "auto",
        memo: Path | None = None,
        scoring: Scoring | None = None,
        name: str | None = None,
        **options: Any,
    ) -> HeadReward:
        """From a folder that :meth:`RewardModel.save` wrote, or one it can read. Its weights are
        frozen: gradients go to pixels only. Family, name and scoring are ``judge.json``'s unless
        given. Raises InputError naming the file that does not fit."""
        from unireward.families.judge_json import NAME, load_judge_json
        from unireward.rewards.reward_model import RewardModel

        path = Path(folder)
        said = load_judge_json(path) if (path / NAME).is_file() else None
        model = RewardModel.load(folder, device=device or best_device(), dtype=dtype)
        model.requires_grad_(False)
        processor = getattr(model, "processor", None) or load_processor(str(folder))
        if family is None:
            family = said.to_family() if said is not None else "head"
        if scoring is None:
            scoring = Scoring.of(said.calibration if said is not None else None)
        identity = identity_of(str(folder), model.backbone, memo)
        return cls(
            model,
            processor,
            family,
            name=name or (said.judge if said is not None else None) or path.name,
            # The digest is of the weights; how they are read stands in judge.json.
            identity=f"{identity}:{_digest(model.head.config())}",
            scoring=scoring,
            **options,
        )

    @property
    def capabilities(self) -> frozenset[str]:
        known = {PIXELS_TASK} <= set(self.family.tasks) and self.transform is not None
        return super().capabilities | ({GRADIENT} if known else set())

    def scores(self, prompts: Sequence[str], pixels: Tensor) -> Tensor:
        """``pixels`` float [B, 3, H, W] in [0, 1] -> the numbers that rank, [B] float32, with a
        gradient in the pixels (:class:`~unireward.protocols.DifferentiableReward`).

        The pictures are asked about as ``image_generation``. Raises UsageError for other shapes
        and for a processor whose steps are not known in torch (``capabilities`` says which).
        """
        import torch

        check_pixels(prompts, pixels)
        if GRADIENT not in self.capabilities or self.transform is None:
            raise UsageError(
                f"{self.name} gives no gradient: its image processor "
                f"({type(self.local.processor.image_processor).__name__}) has no torch twin here"
            )
        engine = self.local
        shown = [self._prompt(text, picture) for text, picture in zip(prompts, pixels.detach())]
        sizes = {(image.height, image.width) for one in shown for image in one.images}
        assert len(sizes) == 1, "pictures of one batch have one size"
        inputs = encode(engine.processor, shown, self.name).to(engine.device)
        made = self._pixels(pixels.to(engine.device), sizes.pop())
        expected = inputs["pixel_values"]
        if made.shape != expected.shape:
            raise InputError(
                f"{self.name}: its processor gives pixels of {tuple(expected.shape)}, torch "
                f"{tuple(made.shape)}; this checkpoint's pictures cannot be differentiated"
            )
        with torch.enable_grad():
            out = self.model({**dict(inputs), "pixel_values": made})
            return self.model.head.overall(out.scores)

    def _prompt(self, text: str, picture: Tensor) -> Any:
        image = Image(as_array(picture))
        part = Part(type="image", media=image)
        record = Record(
            id="pixels",
            task=PIXELS_TASK,
            prompt=(Part.of_text(text),),
            candidates=(Candidate(id="1", content=(part,)),),
        )
        record.check_askable()
        form = self.family.forms_for(PIXELS_TASK, "score", self.form, self.aspect)[0]
        ask = self.family.ask(form, record, ("1",), engine_kind=self.local.kind)
        return prompt_of(self.local.processor, ask, self.name)

    def _pixels(self, pixels: Tensor, size: tuple[int, int]) -> Tensor:
        """``size``: what the family makes of the pictures before the processor sees them."""
        from unireward.rewards.transforms import resize

        assert self.transform is not None
        return self.transform(resize(pixels, size))


def check_pixels(prompts: Sequence[str], pixels: Tensor) -> None:
    """Raise UsageError unless ``pixels`` is float [B, 3, H, W] with a prompt for each picture."""
    if pixels.ndim != 4 or pixels.shape[1] != 3 or not pixels.is_floating_point():
        raise UsageError(
            f"pixels are {pixels.dtype} of shape {tuple(pixels.shape)}; give float "
            "[B, 3, height, width] in [0, 1]"
        )
    if len(prompts) != len(pixels) or not len(prompts):
        raise UsageError(f"{len(prompts)} prompts for {len(pixels)} pictures; give one for each")


def as_array(picture: Tensor) -> Any:
    """[3, H, W] in [0, 1] as uint8 [H, W, 3], what a file of it would hold."""
    levels = (picture.float() * 255).round().clamp(0, 255).byte()
    return levels.permute(1, 2, 0).cpu().numpy()


def _digest(config: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]
