"""Features: every medium is encoded once, and its features spliced into each prompt that shows it.

::

    features = Features(model, eyes)
    held = features.encode(line.pixels)                     # those not met before, in one batch
    model(..., mm_encoder_outputs=held.outputs(line.media))

Features are kept by content, those used longest ago going first when ``max_bytes`` are full.
What a batch needs it holds itself, so that nothing goes while it is needed. Thread-safe.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from unireward.engines.ahead import ahead
from unireward.engines.eyes import Eyes, Tensors
from unireward.engines.line import Shown
from unireward.engines.medium import Pixels
from unireward.engines.vision_speed import quicken
from unireward.errors import InputError

DEFAULT_BYTES = 2 << 30
PATCHES = 16_384
"""Patches that the tower sees in one call."""

Layers = list[Any]
"""A medium's features: [tokens, width] at the input, and for each deepstack layer."""


class Held:
    """The features of some media, for as long as this lives."""

    def __init__(self, layers: dict[str, Layers]) -> None:
        self._layers = layers

    def outputs(self, shown: Iterable[Shown]) -> dict[str, Any]:
        """``mm_encoder_outputs`` of one forward that shows ``shown``: in the order of its rows,
        and of places within a row. Empty where nothing is shown."""
        by_kind: dict[str, list[Layers]] = {}
        for one in shown:
            stop = one.first + one.stop - one.start
            layers = [layer[one.first : stop] for layer in self._layers[one.medium.key]]
            by_kind.setdefault(one.medium.kind, []).append(layers)
        return {kind: _output(spans) for kind, spans in by_kind.items()}


def _output(spans: list[Layers]) -> SimpleNamespace:
    first, *deeper = [list(layer) for layer in zip(*spans)]
    return SimpleNamespace(pooler_output=first, deepstack_features=deeper)


class Features:
    """Vision features of ``model``, on its device, at most ``max_bytes`` of them (0 keeps none;
    None is 2 GiB, or an eighth of the device's memory if that is less).

    ``quick`` is whether the tower runs by :func:`quicken` (None: on the CPU alone). Raises
    :class:`InputError` where ``max_bytes`` is more than the memory there is.
    """

    def __init__(
        self,
        model: Any,
        eyes: Eyes,
        *,
        max_bytes: int | None = None,
        quick: bool | None = None,
        patches: int = PATCHES,
    ) -> None:
        self.model = model
        self.eyes = eyes
        self.max_bytes = allowed_bytes(max_bytes, model.device)
        self.quick = model.device.type == "cpu" if quick is None else quick
        self.patches = patches
        self.encoded = 0
        """How many media the tower has seen."""
        self.bytes = 0
        """Bytes kept."""
        self._kept: OrderedDict[str, Layers] = OrderedDict()
        self._lock = threading.Lock()
        self._tower = threading.Lock()

    def __contains__(self, key: object) -> bool:
        with self._lock:
            return key in self._kept

    def encode(self, media: Iterable[Pixels]) -> Held:
        """All of them, those that are not kept by the tower now: equal grids together.

        Raises what :meth:`Pixels.load` raises, and what the device does when it is full.
        """
        import torch

        held: dict[str, Layers] = {}
        missing: dict[str, Pixels] = {}
        with self._tower:
            for one in media:
                found = self._find(one.key)
                if found is not None:
                    held[one.key] = found
                elif one.key not in held:
                    missing.setdefault(one.key, one)
            if missing:
                with torch.inference_mode(), self._quickly():
                    for batch in self._batches(missing.values()):
                        held |= self._see(batch)
        return Held(held)

    def clear(self) -> None:
        """Forgets all features: for weights that have changed."""
        with self._lock:
            self._kept.clear()
            self.bytes = 0

    def close(self) -> None:
        """Lets go of features and model. What is still held stays good."""
        self.clear()
        self.max_bytes = 0
        self.model = None

    def _quickly(self) -> AbstractContextManager[Any]:
        return quicken(self.model) if self.quick else nullcontext()

    def _find(self, key: str) -> Layers | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def _batches(self, media: Iterable[Pixels]) -> Iterator[list[tuple[Pixels, Tensors]]]:
        """Of one side each, within the tower's patches, equal grids side by side."""
        eyes = self.eyes
        batch: list[tuple[Pixels, Tensors]] = []
        cost, side = 0, None
        for one, tensors in _made(sorted(media, key=lambda p: eyes.group(p.medium))):
            new, needed = eyes.side(one.medium), eyes.patches(one.medium)
            if batch and (new != side or cost + needed > self.patches):
                yield batch
                batch, cost = [], 0
            side = new
            cost += needed
            batch.append((one, tensors))
        if batch:
            yield batch

    def _see(self, batch: list[tuple[Pixels, Tensors]]) -> dict[str, Layers]:
        kind = batch[0][0].medium.kind
        found = self.eyes.features(self.model, kind, [tensors for _, tensors in batch])
        out = {}
        for (one, _), layers in zip(batch, found, strict=True):
            if any(len(layer) != one.medium.tokens for layer in layers):
                raise InputError(
                    f"the model gives {len(layers[0])} features where its processor writes "
                    f"{one.medium.tokens} placeholders; mend the checkpoint's processor settings"
                )
            self.encoded += 1
            out[one.key] = self._keep(one.key, layers)
            one.drop()
        return out

    def _keep(self, key: str, layers: Layers) -> Layers:
        size = sum(layer.numel() * layer.element_size() for layer in layers)
        if size > self.max_bytes:
            return layers
        # A view would keep all that was encoded beside it.
        mine = [layer.clone() for layer in layers]
        with self._lock:
            self._kept[key] = mine
            self.bytes += size
            while self.bytes > self.max_bytes:
                _, old = self._kept.popitem(last=False)
                self.bytes -= sum(layer.numel() * layer.element_size() for layer in old)
        return mine


def _made(media: list[Pixels]) -> Iterator[tuple[Pixels, Tensors]]:
    """Each with its patches; those that are not at hand are made in threads, some ahead."""
    if all(one.made for one in media):
        yield from ((one, one.load()) for one in media)
        return
    for one, found in ahead(media, Pixels.load, window=16):
        if isinstance(found, Exception):
            raise found
        yield one, found


def allowed_bytes(
    max_bytes: int | None,
    device: Any,
    option: str = "feature_bytes",
    default: int = DEFAULT_BYTES,
    part: int = 8,
) -> int:
    """``max_bytes`` if the memory of ``device`` (a ``torch.device``) holds so much; None is
    ``default``, or one ``part`` of the memory if that is less."""
    memory = memory_of(device)
    if max_bytes is None:
        return default if memory is None else min(default, memory // part)
    if max_bytes < 0:
        raise InputError(f"{option} is {max_bytes:,}; give bytes, 0 to keep nothing")
    if memory is not None and max_bytes > memory:
        raise InputError(
            f"{option} is {max_bytes:,} bytes, the memory of {device} is {memory:,}; "
            f"give a smaller {option}"
        )
    return max_bytes


def memory_of(device: Any) -> int | None:
    """Bytes of memory of a ``torch.device``, a container's limit included; None unknown."""
    import os

    if device.type == "cuda":
        import torch

        return torch.cuda.get_device_properties(device).total_memory
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text("ascii"))
    except (OSError, ValueError):
        return memory
    return min(memory, limit)
