"""FunctionPolicy: any function of prompts as a policy.

::

    def draw(prompts: list[str], n: int, seed: int):
        return [[picture_of(prompt, seed + k) for k in range(n)] for prompt in prompts]

    policy = FunctionPolicy(draw, name="mine@3")

For each prompt the function gives a list of n: answers, paths, PIL pictures, arrays ([H, W, 3],
a clip [T, H, W, 3]), lists of frames, ``ur.Image``, ``ur.Video``; None where it made none. A
string is an answer where the task wants words or may want anything, else a path. Pictures that
are black or hold NaN are left out with the reason, as is what is of another kind than the task
wants. A list of another length, or a thing that is none of these, is a mistake of the function
and raises UsageError; what the function itself raises goes through.

It is called with one prompt at a time and a seed of that prompt's own, so that a candidate hangs
on nothing else. With ``batch`` it is called with that many prompts and the seed of the whole call,
and must itself see to it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

import numpy as np

from unireward.errors import MediaError, UsageError
from unireward.media import Image, Video, media_of
from unireward.media.image import is_pil
from unireward.policies.content import WANTED, Content, gathered, media_content, text_content
from unireward.policies.health import fault_of
from unireward.policies.seeds import seed_of
from unireward.prompt import Prompt
from unireward.sampled import Sampled

_PICTURES = "the prompt has pictures, and this function reads words alone"


class FunctionPolicy:
    """``f(prompts, n, seed)``, ``prompts`` their texts; with ``whole`` the Prompts, for a function
    that looks at the pictures in them (another is not asked about such prompts). ``identity`` is
    whatever tells its present state from any other, such as the version of the weights it uses;
    its name, where nothing is given."""

    def __init__(
        self,
        f: Callable[[list[Any], int, int], Any],
        *,
        name: str | None = None,
        identity: str | None = None,
        batch: int | None = None,
        whole: bool = False,
    ) -> None:
        if not callable(f):
            raise UsageError(f"{f!r} is no function; give f(prompts, n, seed)")
        if batch is not None and batch < 1:
            raise UsageError(f"batch is {batch}; set it to 1 or more prompts")
        own = f"{getattr(f, '__module__', '')}:{getattr(f, '__qualname__', type(f).__qualname__)}"
        self.name = name or own
        self.identity = identity or f"function:{self.name}"
        self._f = f
        self._batch = batch
        self._whole = whole

    def sample(self, prompts: Sequence[Prompt], n: int, seed: int) -> list[Sampled]:
        """Raises UsageError where the function gives what it should not."""
        return list(self.sample_stream(prompts, n, seed))

    def sample_stream(self, prompts: Iterable[Prompt], n: int, seed: int) -> Iterator[Sampled]:
        """The same of prompts without end, in order."""
        if n < 1:
            raise UsageError(f"n is {n}; ask for one candidate or more")
        return self._streamed(iter(prompts), n, seed)

    def _streamed(self, prompts: Iterator[Prompt], n: int, seed: int) -> Iterator[Sampled]:
        while group := list(islice(prompts, self._batch or 1)):
            own = seed if self._batch else seed_of(seed, group[0].id, 0)
            given = iter(self._called([one for one in group if self._reads(one)], n, own))
            for prompt in group:
                came: list[Content | str] = [_PICTURES] * n
                if self._reads(prompt):
                    came = [self._content(item, prompt) for item in next(given)]
                yield gathered(prompt, self.name, came, seeds=[own] * n)

    def _reads(self, prompt: Prompt) -> bool:
        return self._whole or all(part.type == "text" for part in prompt.prompt)

    def _called(self, prompts: list[Prompt], n: int, seed: int) -> list[list[Any]]:
        """What the function gives for each, as lists of n."""
        if not prompts:
            return []
        shown = [prompt if self._whole else prompt.text for prompt in prompts]
        lists = self._listed(self._f(shown, n, seed), len(prompts), "prompts")
        return [
            self._listed(items, n, f"candidates of prompt {prompt.id}")
            for prompt, items in zip(prompts, lists)
        ]

    def _listed(self, given: Any, count: int, what: str) -> list[Any]:
        items: list[Any] | None = None
        if not isinstance(given, str | bytes | Mapping):
            with suppress(TypeError):  # one thing that is no list at all
                items = list(given)
        if items is None:
            raise UsageError(
                f"{self.name} gave a {type(given).__name__} for the {what}; give a list of {count}"
            )
        if len(items) != count:
            raise UsageError(
                f"{self.name} gave {len(items)} for {count} {what}; give a list of {count}, with "
                "None where there is none"
            )
        return items

    def _content(self, item: Any, prompt: Prompt) -> Content | str:
        if item is None:
            return "none was made"
        if isinstance(item, str) and WANTED.get(prompt.task, "text") == "text":
            return text_content(item, prompt.task)
        if not _is_media(item):
            raise UsageError(
                f"{self.name} gave a {type(item).__name__} for prompt {prompt.id}; give text, a "
                "path, a PIL picture, an array, a list of frames, an Image or a Video"
            )
        try:
            item = _on_cpu(item)
            # Before it is a picture, which what is not finite cannot be.
            fault = fault_of(item) if _is_floats(item) else None
            if fault is not None:
                return fault
            media = media_of(item)
            return fault_of(media) or media_content(media, prompt.task)
        except MediaError as error:
            return str(error)


def _is_media(item: Any) -> bool:
    kinds = (str, os.PathLike, bytes, list, tuple, Image, Video)
    return isinstance(item, kinds) or is_pil(item) or _has_pixels(item)


def _has_pixels(item: Any) -> bool:
    return hasattr(item, "__array__") or hasattr(item, "__array_interface__")


def _on_cpu(item: Any) -> Any:
    """A tensor of any device and width as an array has it."""
    if not hasattr(item, "detach"):
        return item
    tensor = item.detach().cpu()
    return tensor.float() if tensor.is_floating_point() else tensor


def _is_floats(item: Any) -> bool:
    """Is it an array of colours as numbers from 0 to 1?"""
    if is_pil(item) or not _has_pixels(item):
        return False
    pixels = np.asarray(item)
    return pixels.dtype.kind == "f" and pixels.ndim in (3, 4) and pixels.shape[-1] == 3
