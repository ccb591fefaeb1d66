"""Media: every image and clip met so far, and handles of those whose pixels are still needed.

::

    pixels = media.see(part)        # decoded, unless its features are kept
    pixels.medium                   # what it takes in a prompt
    pixels.load()                   # the tower's inputs; let go by ``drop`` once encoded

All asks in flight that show the same medium share one handle, so that it is decoded once. The
patches, eight times larger than the picture, are made by whichever thread sees it first, up to
``AT_HAND`` bytes of them together; beyond that a handle holds its picture, and ``load`` makes the
patches when the tower wants them. Thread-safe.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from unireward.ask import ImageContent, VideoContent
from unireward.engines.eyes import Eyes, Medium, Shot, Tensors
from unireward.engines.prompt import frames_of, picture_of, refusal

REMEMBERED = 100_000
"""Media whose measure is remembered (some hundred bytes each)."""


AT_HAND = 256 << 20
"""Bytes of patches that may wait for the tower."""


class Media:
    """The media of one model. ``kept(key)`` says whether a medium's features are at hand."""

    def __init__(self, eyes: Eyes, name: str, kept: Callable[[str], bool]) -> None:
        self.eyes = eyes
        self.name = name
        self.kept = kept
        self.decoded = 0
        """How many times something was really decoded."""
        self._lock = threading.Lock()
        self._flying: WeakValueDictionary[str, Pixels] = WeakValueDictionary()
        self._known: OrderedDict[str, Medium] = OrderedDict()
        self._waiting = 0
        self.freed: deque[int] = deque()
        """Bytes of patches that were let go of, to be taken off: a handle may die in the middle
        of anything, and takes no lock for it."""

    def see(self, part: ImageContent | VideoContent, alone: bool = True) -> Pixels:
        """``alone``: is it the only image of its ask?

        Raises :class:`MediaError` for what cannot be read, :class:`InputError` for what the
        processor refuses.
        """
        if not self.eyes.tells_alone():
            alone = True
        token = json.dumps([part.token(), alone])
        key = hashlib.sha256(token.encode()).hexdigest()
        with self._lock:
            pixels = self._flying.get(key)
            if pixels is None:
                pixels = self._flying[key] = Pixels(self, key, part, alone)
        pixels.ready()
        if self.waiting() < AT_HAND:
            pixels.make()
        return pixels

    def waiting(self, more: int = 0) -> int:
        """Bytes of patches that wait for the tower, with ``more`` of them."""
        with self._lock:
            self._waiting += more
            while self.freed:
                self._waiting -= self.freed.popleft()
            return self._waiting

    def count(self) -> None:
        with self._lock:
            self.decoded += 1

    def known(self, key: str) -> Medium | None:
        with self._lock:
            found = self._known.get(key)
            if found is not None:
                self._known.move_to_end(key)
            return found

    def learn(self, medium: Medium) -> None:
        with self._lock:
            self._known[medium.key] = medium
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)


class Pixels:
    """One medium in flight."""

    def __init__(
        self, media: Media, key: str, part: ImageContent | VideoContent, alone: bool
    ) -> None:
        self.key = key
        self.part = part
        self._media = media
        self._alone = alone
        self._lock = threading.Lock()
        self._medium: Medium | None = None
        self._shot: Shot | None = None
        self._tensors: Tensors | None = None
        self._size = 0

    @property
    def medium(self) -> Medium:
        assert self._medium is not None, "a handle is given out when its medium is known"
        return self._medium

    def ready(self) -> None:
        """Measured, and decoded unless its features are kept."""
        media = self._media
        with self._lock:
            if self._shot is not None or self._tensors is not None:
                return
            if self._medium is None:
                self._medium = media.known(self.key)
            if self._medium is None or not media.kept(self.key):
                self._decode()

    def make(self) -> None:
        """The tower's inputs from a decoded picture; nothing where there is none."""
        with self._lock:
            if self._shot is not None:
                self._make()

    def load(self) -> Tensors:
        """The tower's inputs. Reads the medium again where it was dropped since."""
        with self._lock:
            if self._tensors is None:
                if self._shot is None:
                    self._decode()
                self._make()
            assert self._tensors is not None
            return self._tensors

    @property
    def made(self) -> bool:
        """Are its patches at hand?"""
        return self._tensors is not None

    def drop(self) -> None:
        """Lets go of pixels; what is known of the medium stays."""
        with self._lock:
            self._shot = self._tensors = None
            size, self._size = self._size, 0
        self._media.freed.append(size)

    def __del__(self) -> None:
        if self._size:
            self._media.freed.append(self._size)

    def _make(self) -> None:
        assert self._shot is not None
        try:
            self._tensors = self._media.eyes.tensors(self._shot)
        except (ValueError, TypeError) as error:
            self._refuse(error)
        assert self._tensors is not None
        self._shot = None
        self._size = self._tensors["pixels"].nbytes
        self._media.waiting(self._size)

    def _decode(self) -> None:
        media = self._media
        part = self.part
        if isinstance(part, ImageContent):
            shot = Shot("image", [picture_of(part)], alone=self._alone)
        else:
            pictures, about = frames_of(media.eyes.processor, part, media.name)
            shot = Shot("video", pictures, about, self._alone)
        media.count()
        if self._medium is None:
            try:
                self._medium = media.eyes.measure(self.key, shot)
            except (ValueError, TypeError) as error:
                self._refuse(error)
            assert self._medium is not None
            media.learn(self._medium)
        self._shot = shot

    def _refuse(self, error: ValueError | TypeError) -> Any:
        told = refusal(self._media.name, error)
        if told is None:
            raise error
        raise told from error
