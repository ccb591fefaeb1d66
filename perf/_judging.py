"""What the judging scripts share: asks of drawn pictures, and the published way of answering them.

The published loop (REFERENCE: one script a benchmark, 78 times) judges one pair at a time: chat
template, processor and ``generate`` for each, both pictures encoded anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any, NamedTuple

from unireward.ask import Ask, Sampling
from unireward.families import get_family
from unireward.record import Record


class Way(NamedTuple):
    """``run`` answers ``asks``; several ways are compared by asks a second."""

    name: str
    asks: Sequence[Ask]
    run: Callable[[Sequence[Ask]], Any]


def once(number: int, size: int, seed: int = 5) -> list[Record]:
    """Pairs of pictures, each picture seen once."""
    from unireward.world import iter_items

    return [item.record for item in iter_items("image_generation", number, seed, size=size)]


def group(members: int, size: int, seed: int = 6) -> Record:
    """One caption and ``members`` different pictures."""
    from unireward.world import iter_items

    [item] = iter_items("image_generation", 1, seed, size=size, candidates=members)
    return item.record


def asks_of(records: Sequence[Record], family: str, *, mode: str = "rank") -> list[Ask]:
    """Every pair of each record in both orders, with choices."""
    chosen = get_family(family)
    [form] = chosen.forms_for("image_generation", mode)
    return [
        chosen.ask(form, record, order, engine_kind="transformers", choose=True)
        for record in records
        for order in permutations([candidate.id for candidate in record.candidates], 2)
    ]


def spoken(asks: Sequence[Ask], tokens: int) -> list[Ask]:
    """The same questions, answered in exactly ``tokens`` tokens (by a model that never ends)."""
    return [replace(ask, choices=(), sampling=Sampling(max_tokens=tokens)) for ask in asks]


def endless(model: Any) -> Any:
    """Its end-of-turn token gets a logit of 0, which among thousands is never the largest."""
    import torch

    with torch.no_grad():
        model.lm_head.weight[model.generation_config.eos_token_id] = 0.0
    return model


def loop(model: Any, processor: Any, tokens: int) -> Callable[[Sequence[Ask]], list[str]]:
    """The published way, ``tokens`` words a reply."""
    return batched(model, processor, tokens, rows=1)


def batched(
    model: Any, processor: Any, tokens: int, rows: int
) -> Callable[[Sequence[Ask]], list[str]]:
    """transformers' ``generate`` on ``rows`` prompts at a time, padded on the left."""
    import torch

    from unireward.engines.prompt import encode, prompt_of

    def run(asks: Sequence[Ask]) -> list[str]:
        said: list[str] = []
        for k in range(0, len(asks), rows):
            prompts = [prompt_of(processor, ask, "model") for ask in asks[k : k + rows]]
            inputs = encode(processor, prompts, "model")
            with torch.inference_mode():
                out = model.generate(**inputs, max_new_tokens=tokens, do_sample=False)
            new = out[:, inputs["input_ids"].shape[1] :]
            said += processor.tokenizer.batch_decode(new, skip_special_tokens=True)
        return said

    return run


def bare(
    model: Any, processor: Any, asks: Sequence[Ask], rows: int, *, quick: bool = False
) -> Callable[[Sequence[Ask]], None]:
    """The least there is to do: forwards of tensors made beforehand, last logits only. ``quick``:
    with this library's vision."""
    from contextlib import nullcontext

    import torch

    from unireward.engines.prompt import encode, prompt_of
    from unireward.engines.vision_speed import quicken

    batches = [
        encode(processor, [prompt_of(processor, ask, "m") for ask in asks[k : k + rows]], "model")
        for k in range(0, len(asks), rows)
    ]

    def run(_: Sequence[Ask]) -> None:
        with torch.inference_mode(), quicken(model) if quick else nullcontext():
            for inputs in batches:
                model(**inputs, logits_to_keep=1, use_cache=False)

    return run


def timed(way: Way) -> dict[str, float]:
    """Seconds an ask, by the clock and by the processor (all threads)."""
    wall, cpu = time.perf_counter(), time.process_time()
    way.run(way.asks)
    n = len(way.asks)
    return {"wall": (time.perf_counter() - wall) / n, "cpu": (time.process_time() - cpu) / n}


def loaded(folder: Path) -> tuple[Any, Any]:
    """A model of its own, in float32, and its processor."""
    from unireward.engines.checkpoint import load_model
    from unireward.engines.processor import load_processor

    processor = load_processor(str(folder))
    processor.tokenizer.padding_side = "left"
    return load_model(str(folder), "float32").eval(), processor
