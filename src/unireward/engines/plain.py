"""The plain path: whole prompts through the official processor and the official forward.

It runs any architecture that transformers can load, and is what the quick path is compared with.
``choose`` scores each choice as a whole sequence of tokens after one shared prefill; the choices
are tokenised apart from the prompt, since that is how the model would have to say them. A sampled
ask runs alone under its own seed, so that its reply does not depend on what else is in the batch.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from unireward.ask import Ask, Reply, Sampling
from unireward.engines.base import CHOOSE, GENERATE, IMAGE, VIDEO, BaseEngine
from unireward.engines.prompt import Prompt, encode, packs_video, prompt_of
from unireward.engines.stops import Stops
from unireward.errors import InputError, UnirewardError

WINDOW = 128
"""Asks looked at together to find like lengths."""


@dataclass(frozen=True)
class _Prepared(Prompt):
    """One ask ready for the processor."""

    index: int
    ask: Ask

    @property
    def length(self) -> int:
        """A rough number of tokens, to sort by."""
        pixels = sum(image.width * image.height for image in self.images)
        pixels += sum(f.width * f.height for video in self.videos for f in video) // 2
        return len(self.text) // 4 + pixels // 784

    @property
    def kind(self) -> tuple[Any, ...]:
        """Asks of one kind may share a batch."""
        solo = self.index if not (self.ask.choices or self.ask.sampling.deterministic) else -1
        sampling = None if self.ask.choices else self.ask.sampling
        return (bool(self.ask.choices), bool(self.images), bool(self.videos), str(sampling), solo)


class PlainEngine(BaseEngine):
    """A model and its processor in memory, asked in batches of like length."""

    kind = "transformers"
    model: Any
    processor: Any
    path: str
    device: str
    batch_tokens: int
    max_batch: int

    def _take(
        self, model: Any, processor: Any, name: str, batch_tokens: int, max_batch: int
    ) -> None:
        import torch

        self.model: Any = model
        self.processor = processor
        self.name = name
        self.device = str(model.device)
        self.batch_tokens = batch_tokens
        self.max_batch = max_batch
        video = {VIDEO} if packs_video(self.processor) else set()
        self.capabilities = frozenset({GENERATE, CHOOSE, IMAGE} | video)
        self._lock = threading.Lock()
        self._torch = torch
        tokenizer = self.processor.tokenizer
        tokenizer.padding_side = "left"
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token

    def stream(self, asks: Iterable[Ask]) -> Iterator[tuple[int, Reply]]:
        yield from self._plainly(enumerate(asks))

    def _plainly(self, numbered: Iterable[tuple[int, Ask]]) -> Iterator[tuple[int, Reply]]:
        numbered = iter(numbered)
        while window := list(islice(numbered, WINDOW)):
            ready: list[_Prepared] = []
            for index, ask in window:
                try:
                    ready.append(self._prepare(index, ask))
                except UnirewardError as error:
                    yield index, Reply(error=str(error))
            for batch in self._batches(ready):
                yield from self._answer(batch)

    def reply_logps(
        self, asked: Sequence[tuple[Ask, Sequence[str]]]
    ) -> list[list[list[float] | str]]:
        """Of each question's replies every token's natural log-probability, the end of the turn
        last, as training has them; of a reply that could not be read, why not."""
        from unireward.engines.reply_logps import reply_logps

        return reply_logps(self, asked)

    @contextmanager
    def running(self) -> Iterator[None]:
        """The model to oneself: nothing is dropped out, and no gradient kept."""
        with self._lock, self._torch.inference_mode():
            learning = self.model.training
            self.model.eval()
            try:
                yield
            finally:
                if learning:
                    self.model.train()

    def close(self) -> None:
        self.model = None
        if self.device.startswith("cuda"):
            self._torch.cuda.empty_cache()

    def _prepare(self, index: int, ask: Ask) -> _Prepared:
        return _Prepared(**vars(prompt_of(self.processor, ask, self.name)), index=index, ask=ask)

    def _batches(self, ready: list[_Prepared]) -> Iterator[list[_Prepared]]:
        """Like with like, longest first, within the token and row bounds."""
        batch: list[_Prepared] = []
        for item in sorted(ready, key=lambda p: (p.kind, -p.length, p.index)):
            longest = max([p.length for p in batch], default=item.length)
            full = len(batch) >= self.max_batch or longest * (len(batch) + 1) > self.batch_tokens
            if batch and (full or item.kind != batch[0].kind):
                yield batch
                batch = []
            batch.append(item)
        if batch:
            yield batch

    def _answer(self, batch: list[_Prepared]) -> Iterator[tuple[int, Reply]]:
        start = time.perf_counter()
        fault, replies = "", []
        with self._lock, self._torch.inference_mode():
            try:
                replies = self._run(batch)
            except self._torch.OutOfMemoryError:
                mend = "lower the family's max_pixels or frames, or use a larger device"
                fault = f"out of memory on {self.device}; {mend}"
            except InputError as error:
                fault = str(error)
        if fault and len(batch) == 1:
            yield batch[0].index, Reply(error=fault)
        elif fault:  # of one of them, or of all together: the halves tell
            half = len(batch) // 2
            yield from self._answer(batch[:half])
            yield from self._answer(batch[half:])
        seconds = (time.perf_counter() - start) / len(batch)
        for item, reply in zip(batch, replies):
            yield item.index, replace(reply, seconds=seconds)

    def _run(self, batch: list[_Prepared]) -> list[Reply]:
        inputs = self._inputs(batch)
        if batch[0].ask.choices:
            return self._choose(batch, inputs)
        return self._generate(batch, inputs)

    def _inputs(self, batch: list[_Prepared]) -> Any:
        return encode(self.processor, batch, self.name).to(self.device)

    def _choose(self, batch: list[_Prepared], inputs: Any) -> list[Reply]:
        mask = inputs["attention_mask"]
        rows = [self._choice_tokens(item.ask.choices) for item in batch]
        single = all(len(tokens) == 1 for row in rows for tokens in row)
        out = self.model(
            **inputs,
            **self._positions(batch, mask),
            use_cache=not single,
            logits_to_keep=1,
            return_dict=True,
        )
        first = out.logits[:, -1].float().log_softmax(-1)
        sums = [[first[r, tokens[0]].item() for tokens in row] for r, row in enumerate(rows)]
        if not single:
            self._add_rest(batch, out.past_key_values, mask, rows, sums)
        prompt_tokens = mask.sum(1).tolist()
        return [
            Reply(
                text=max(zip(found, item.ask.choices), key=lambda pair: pair[0])[1],
                finish_reason="stop",
                choices=dict(zip(item.ask.choices, found)),
                prompt_tokens=int(n),
            )
            for item, found, n in zip(batch, sums, prompt_tokens)
        ]

    def _choice_tokens(self, choices: Sequence[str]) -> list[list[int]]:
        """Token ids of each choice; closed by end-of-turn where one begins another."""
        tokenizer = self.processor.tokenizer
        ids = [tokenizer(text, add_special_tokens=False).input_ids for text in choices]
        if not all(ids):
            raise InputError("a choice is empty under this tokenizer; give it other words")
        begins = any(a != b and b[: len(a)] == a for a in ids for b in ids)
        return [[*tokens, self._end_tokens()[0]] for tokens in ids] if begins else ids

    @property
    def _in_space(self) -> bool:
        """Are positions three-dimensional (multimodal rope), and placed by the model itself?"""
        return hasattr(getattr(self.model, "model", None), "rope_deltas")

    def _positions(self, batch: list[_Prepared], mask: Any) -> dict[str, Any]:
        """Left padding must not shift positions; multimodal-rope models place media themselves,
        and words alone not at all."""
        places = (mask.long().cumsum(-1) - 1).clamp(min=0)
        if not self._in_space:
            return {"position_ids": places}
        return {} if _shows(batch) else {"position_ids": places.expand(3, -1, -1)}

    def _add_rest(
        self,
        batch: list[_Prepared],
        cache: Any,
        mask: Any,
        rows: list[list[list[int]]],
        sums: list[list[float]],
    ) -> None:
        """Adds the log-probabilities of every choice's second and later tokens to ``sums``."""
        torch = self._torch
        most = max(len(row) for row in rows)
        longest = max(len(tokens) for row in rows for tokens in row) - 1
        pad, ends = self.processor.tokenizer.pad_token_id, self._end_tokens()
        fed = torch.full((len(rows), most, longest), pad, dtype=torch.long)
        real = torch.zeros((len(rows), most, longest), dtype=mask.dtype)
        for r, row in enumerate(rows):
            for c, tokens in enumerate(row):
                fed[r, c, : len(tokens) - 1] = torch.tensor(tokens[:-1])
                real[r, c, : len(tokens) - 1] = 1
        # Each row's prompt once for each of its choices (linear attention can do no other way).
        cache.reorder_cache(torch.arange(len(rows)).repeat_interleave(most))
        start = mask.long().sum(1, keepdim=True)
        if self._in_space and _shows(batch):
            start = start + self.model.model.rope_deltas.view(-1, 1).to(start.device)
        places = (start + torch.arange(longest, device=start.device)).repeat_interleave(most, 0)
        if self._in_space:
            places = places.expand(3, -1, -1)
        whole = torch.cat(
            [mask.repeat_interleave(most, 0), real.flatten(0, 1).to(mask.device)], dim=1
        )
        out = self.model(
            input_ids=fed.flatten(0, 1).to(mask.device),
            attention_mask=whole,
            position_ids=places,
            past_key_values=cache,
            use_cache=True,
            return_dict=True,
        )
        logs = out.logits.float().log_softmax(-1).unflatten(0, (len(rows), most))
        for r, row in enumerate(rows):
            for c, tokens in enumerate(row):
                for k, token in enumerate(tokens[1:]):
                    # Ending the turn is any of the end tokens.
                    said = logs[r, c, k, ends if token in ends else [token]]
                    sums[r][c] += said.logsumexp(-1).item()

    def _generate(self, batch: list[_Prepared], inputs: Any) -> list[Reply]:
        from transformers import GenerationConfig

        sampling = batch[0].ask.sampling
        ends = self._end_tokens()
        settings: dict[str, Any] = {"do_sample": False}
        if not sampling.deterministic:
            self._torch.manual_seed(sampling.seed)
            settings = {
                "do_sample": True,
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "top_k": 0,
            }
        config = GenerationConfig(
            max_new_tokens=sampling.max_tokens,
            eos_token_id=ends,
            pad_token_id=self.processor.tokenizer.pad_token_id,
            **settings,
        )
        width = inputs["input_ids"].shape[1]
        stops = Stops(self.processor.tokenizer, sampling)

        def stopped(ids: Any, _: Any, **__: Any) -> Any:
            said = [stops.completed(row) for row in ids[:, width:].tolist()]
            return self._torch.tensor(said, device=ids.device)

        out = self.model.generate(
            **inputs,
            generation_config=config,
            stopping_criteria=[stopped] if stops else None,
        )
        prompt_tokens = inputs["attention_mask"].sum(1).tolist()
        return [
            reply_of(self.processor.tokenizer, tokens, ends, sampling, int(n))
            for tokens, n in zip(out[:, width:].tolist(), prompt_tokens)
        ]

    def _end_tokens(self) -> list[int]:
        ends = self.model.generation_config.eos_token_id
        if ends is None:
            ends = self.processor.tokenizer.eos_token_id
        return list(ends) if isinstance(ends, list | tuple) else [ends]


def reply_of(
    tokenizer: Any, tokens: list[int], ends: Sequence[int], sampling: Sampling, prompt_tokens: int
) -> Reply:
    """Generated tokens as a reply: up to an end token or a stop string, or cut at its limit."""
    at = next((k for k, token in enumerate(tokens) if token in ends), None)
    said = tokens if at is None else tokens[:at]
    text = tokenizer.decode(said, skip_special_tokens=True)
    stopped = at is not None
    for stop in sampling.stop:
        if stop in text:
            text, stopped = text[: text.index(stop)], True
    for stop in sampling.stop_after:
        if stop in text:
            text, stopped = text[: text.index(stop) + len(stop)], True
    return Reply(
        text=text,
        finish_reason="stop" if stopped else "length",
        prompt_tokens=prompt_tokens,
        tokens=len(said) + (at is not None),
    )


def _shows(batch: list[_Prepared]) -> bool:
    """Do the asks of a batch (all of one kind) show media?"""
    return bool(batch[0].images or batch[0].videos)
