"""The transformers engine: any image-text-to-text checkpoint that transformers can load.

>>> engine = TransformersEngine("path/or/repository")
>>> engine.choose([ask])[0].choices      # {"Image 1 is better": -0.2, ...}, one prefill

Architectures that are known to work go the quick path (:mod:`unireward.engines.quick`): media
encoded once, shared prefixes computed once, batches by tokens. The others, and asks with media
that cannot be encoded apart from their prompt, go the plain one (:mod:`unireward.engines.plain`)
with the same numbers. ``engine.path_notes`` says which and why. Generation is greedy unless the
ask's temperature says otherwise; a sampled reply depends on its own seed alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unireward.ask import Ask, Reply
from unireward.engines.checkpoint import best_device, identity_of, load_model
from unireward.engines.plain import WINDOW, PlainEngine
from unireward.engines.processor import load_processor
from unireward.engines.settings import Settings

BATCH_TOKENS = {"cuda": 65_536, "mps": 16_384}
"""Padded tokens of one batch by kind of device; elsewhere ``SMALL_BATCH``."""
SMALL_BATCH = 8_192
"""On one CPU core the tiny judge answered 137 pairs a second in batches of 3,000 to 7,000 tokens,
113 in batches of 14,000: what passes between layers no longer stays near the processor."""

_UNHEARD = (
    "num_beams", "no_repeat_ngram_size", "encoder_repetition_penalty", "bad_words_ids",
    "encoder_no_repeat_ngram_size", "min_length", "min_new_tokens", "sequence_bias",
    "forced_bos_token_id", "forced_eos_token_id", "suppress_tokens", "begin_suppress_tokens",
    "exponential_decay_length_penalty", "guidance_scale", "penalty_alpha", "dola_layers",
    "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff", "watermarking_config",
)  # fmt: skip
"""Settings of a checkpoint's generation_config.json that transformers' ``generate`` heeds and
our decoding does not."""
_NEUTRAL = (None, 0, 0.0, 1, 1.0, [], False)


@dataclass(frozen=True)
class Ways:
    """How a model is run. ``encode_once`` keeps vision features, at most ``feature_bytes``
    (None: 2 GiB, or an eighth of the device's memory if that is less; 0 keeps none);
    ``prefix_reuse`` computes shared prefixes once, and keeps at most ``prefix_bytes`` of keys and
    values (None: 1 GiB, or a sixteenth of the memory) for rounds of a few asks; ``quick_vision``
    runs the tower's convolution as a matrix product and its attention over a whole batch (None:
    on the CPU only)."""

    encode_once: bool = True
    prefix_reuse: bool = True
    feature_bytes: int | None = None
    prefix_bytes: int | None = None
    quick_vision: bool | None = None


class TransformersEngine(PlainEngine):
    """A model in this process. ``device`` None takes CUDA, then MPS, then the CPU.

    ``batch_tokens`` bounds the padded tokens of one batch (None: by the device), ``max_batch``
    its rows; ``dtype``, ``quantise`` and ``compile`` are :class:`Settings`, the rest is
    :class:`Ways`. Raises UsageError for a setting that is none, and
    :class:`InputError` for a folder that is no checkpoint, with the reason.
    """

    ways = Ways()
    _quick: Any = None
    _lasting = False
    _why_plain = "whole prompts: this engine knows no other way"

    def __init__(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        device: str | None = None,
        dtype: str = "auto",
        quantise: str | None = None,
        compile: bool = False,
        batch_tokens: int | None = None,
        max_batch: int = 128,
        memo: Path | None = None,
        encode_once: bool = True,
        prefix_reuse: bool = True,
        feature_bytes: int | None = None,
        prefix_bytes: int | None = None,
        quick_vision: bool | None = None,
    ) -> None:
        self.path = str(path)
        self.identity = ""
        self.ways = Ways(encode_once, prefix_reuse, feature_bytes, prefix_bytes, quick_vision)
        settings = Settings.of(dtype, quantise, compile)
        processor = load_processor(self.path)
        model = load_model(self.path, dtype).to(device or best_device()).eval()
        settings.apply(model)
        self._lasting = True
        self._take(
            model,
            processor,
            name or (Path(path).name if Path(path).is_dir() else str(path)),
            batch_tokens,
            max_batch,
        )
        # Other numbers give other replies: they are not taken from the cache of these.
        self.identity = identity_of(self.path, self.model, memo) + settings.tag

    @classmethod
    def of(
        cls, model: Any, processor: Any, *, name: str, batch_tokens: int | None = None,
        max_batch: int = 128, ways: Ways | None = None,
    ) -> TransformersEngine:  # fmt: skip
        """The engine of a model that is in memory, wherever it is; ``processor`` as
        ``load_processor`` gives it. Its weights may change between streams: it has no identity
        that a cache could use, and nothing is kept from one stream to the next."""
        engine = cls.__new__(cls)
        engine.path, engine.identity = name, f"in memory: {name}"
        engine.ways = ways or Ways()
        engine._take(model, processor, name, batch_tokens, max_batch)
        return engine

    @property
    def path_notes(self) -> tuple[str, ...]:
        """Which path asks go, one line each."""
        if self._quick is None:
            return (self._why_plain,)
        lines = ["media encoded once, " + ("shared prefixes too" if self.ways.prefix_reuse else
                 "prefixes for each prompt (prefix_reuse is off)")]  # fmt: skip
        if (setting := self._unheard()) is not None:
            lines.append(f"replies in words by transformers' generate (it has {setting})")
        return tuple(lines)

    def stream(self, asks: Iterable[Ask]) -> Iterator[tuple[int, Reply]]:
        if self._quick is None:
            yield from self._plainly(enumerate(asks))
            return
        if not self._lasting:
            self.forget()
        numbered, others = enumerate(asks), None
        while others is None or len(others) == WINDOW:
            others = []
            yield from self._quick.stream(self._quickly(numbered, others))
            yield from self._plainly(others)

    def _quickly(
        self, numbered: Iterator[tuple[int, Ask]], others: list[tuple[int, Ask]]
    ) -> Iterator[tuple[int, Ask]]:
        """Asks of the quick path, until as many others as the plain one takes are set aside."""
        generates = self._unheard() is None
        for index, ask in numbered:
            if (generates or ask.choices) and self._quick.lines.takes(ask):
                yield index, ask
                continue
            others.append((index, ask))
            if len(others) == WINDOW:
                return

    def forget(self) -> None:
        """Let go of what was computed with the weights as they were."""
        if self._quick is not None:
            self._quick.forget()

    def close(self) -> None:
        quick, self._quick = self._quick, None
        if quick is not None:
            quick.kept.clear()
            quick.features.close()
        super().close()

    def _take(
        self, model: Any, processor: Any, name: str, batch_tokens: int | None, max_batch: int
    ) -> None:
        if batch_tokens is None:
            batch_tokens = BATCH_TOKENS.get(str(model.device).split(":")[0], SMALL_BATCH)
        super()._take(model, processor, name, batch_tokens, max_batch)
        made = self._make_quick()
        self._quick = None if isinstance(made, str) else made
        self._why_plain = f"whole prompts: {made}" if isinstance(made, str) else ""

    def _make_quick(self) -> Any:
        """The quick path, or why this model has none."""
        from unireward.engines.eyes import eyes_of
        from unireward.engines.features import Features, allowed_bytes
        from unireward.engines.forward import Forward
        from unireward.engines.kept import DEFAULT_BYTES, Kept
        from unireward.engines.line import Lines
        from unireward.engines.medium import Media
        from unireward.engines.quick import Limits, Quick

        if not self.ways.encode_once:
            return "encode_once is off"
        model, kind = self.model, getattr(self.model.config, "model_type", "this one")
        eyes = eyes_of(model, self.processor)
        if eyes is None:
            return f"architecture {kind} is not among those known to take media apart"
        tokenizer = self.processor.tokenizer
        forward = Forward(model, pad=tokenizer.pad_token_id or 0)
        if forward.layers is None:
            return f"{kind} has layers that hold other than keys and values"
        features = Features(
            model, eyes, max_bytes=self.ways.feature_bytes, quick=self.ways.quick_vision
        )
        prefixes = allowed_bytes(
            self.ways.prefix_bytes, model.device, "prefix_bytes", DEFAULT_BYTES, 16
        )
        media = Media(eyes, self.name, features.__contains__)
        return Quick(
            forward,
            tokenizer,
            Lines(model, self.processor, eyes, media),
            features,
            self._end_tokens(),
            Limits(self.batch_tokens, self.max_batch, self.ways.prefix_reuse),
            penalty=model.generation_config.repetition_penalty or 1.0,
            kept=Kept(prefixes if self._lasting else 0),
            locked=self._lock,
        )

    def _unheard(self) -> str | None:
        """A setting of the model's own generation that our decoding does not know."""
        config = self.model.generation_config
        return next((s for s in _UNHEARD if getattr(config, s, None) not in _NEUTRAL), None)
