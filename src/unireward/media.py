"""Image and Video: lazy handles that hash by content and decode within bounds.

API (contract; being implemented):
  Image(source: str|Path|bytes|PIL.Image|ndarray)  .path .digest .size .load()->PIL RGB .png()->bytes
  Video(source: str|Path|bytes|Sequence[Image|path|PIL|ndarray]|ndarray[T,H,W,3], start, end, fps)
       .path .is_cut .digest .info() .frames(rule) -> Frames
  FrameRule.parse("uniform:8" | "linspace:8" | "fps:2")
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class FrameRule:
    kind: str = "linspace"
    value: float = 8

    @classmethod
    def parse(cls, text: str) -> FrameRule:
        kind, _, value = text.partition(":")
        return cls(kind, float(value))

    def __str__(self) -> str:
        return f"{self.kind}:{self.value:g}"


class Image:
    def __init__(self, source: Any) -> None:
        self.source = source

    path: Path | None
    digest: str
    size: tuple[int, int]

    def load(self) -> Any: ...


class Video:
    def __init__(self, source: Any, start: Any = None, end: Any = None, fps: Any = None) -> None:
        self.source = source

    path: Path | None
    is_cut: bool
    digest: str

    def frames(self, rule: FrameRule) -> Any: ...


def media_of(source: Any) -> Image | Video: ...
