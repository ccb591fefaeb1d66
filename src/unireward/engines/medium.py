"""Media: every image and clip met so far, and handles of those whose pixels are still needed.

::

    pixels = media.see(part)        # decoded, unless its features are kept
    pixels.medium                   # what it takes in a prompt
    pixels.load()                   # the tower's inputs; let go by ``drop`` once encoded

All asks in flight that show the same medium share one handle, so that it is decoded once. After
``see`` a handle holds a picture of at most ``max_pixels``; the patches, eight times larger, are
made by ``load`` when the tower wants them. Thread-safe.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from unireward.ask import ImageContent, VideoContent
from unireward.engines.eyes import Eyes, Medium, Shot, Tensors
from unireward.engines.prompt import frames_of, picture_of, refusal

REMEMBERED = 100_000
"""Media whose measure is remembered (some hundred bytes each)."""


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
        return pixels

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

    def load(self) -> Tensors:
        """The tower's inputs. Reads the medium again where it was dropped since."""
        with self._lock:
            if self._tensors is None:
                if self._shot is None:
                    self._decode()
                assert self._shot is not None
                try:
                    self._tensors = self._media.eyes.tensors(self._shot)
                except (ValueError, TypeError) as error:
                    self._refuse(error)
                self._shot = None
            assert self._tensors is not None
            return self._tensors

    def drop(self) -> None:
        """Lets go of pixels; what is known of the medium stays."""
        with self._lock:
            self._shot = self._tensors = None

    def _decode(self) -> None:
        media = self._media
        part = self.part
        if isinstance(part, ImageContent):
            shot = Shot("image", [picture_of(part)], alone=self._alone)
        else:
            pictures, about = frames_of(media.eyes.processor, part, media.name)
            shot = Shot("video", pictures, about, self._alone)
        media.decoded += 1
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
