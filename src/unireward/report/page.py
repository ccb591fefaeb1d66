"""Page: one self-contained HTML file from sections of blocks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from unireward.errors import InputError, MissingExtraError
from unireward.report.blocks import Block, Cards, Media


@dataclass(frozen=True)
class Section:
    title: str
    blocks: Sequence[Block]
    intro: str = ""


@dataclass(frozen=True)
class Page:
    """``lead`` are the opening paragraphs, ``footer`` the small print (versions, seed, command)."""

    title: str
    lead: Sequence[str]
    sections: Sequence[Section]
    kicker: str = "unireward"
    footer: Sequence[str] = ()


def render_page(page: Page) -> str:
    """The HTML of a page. Raises MissingExtraError without jinja2 (the ``report`` extra)."""
    return _template().render(page=page)


def write_page(page: Page, path: str | Path) -> Path:
    """Write a page whole or not at all; its media must lie beside it.

    Raises InputError naming the first media file that a reader of the page would miss.
    """
    path = Path(path)
    for media in _media_of(page):
        if Path(media.src).is_absolute() or not (path.parent / media.src).is_file():
            raise InputError(
                f"{path}: the page shows {media.src}, which is no file beside it; "
                f"write the media into {path.parent} first and give its relative path"
            )
    text = render_page(page)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)
    return path


def _media_of(page: Page) -> list[Media]:
    blocks = [block for section in page.sections for block in section.blocks]
    cards = [card for block in blocks if isinstance(block, Cards) for card in block.cards]
    return [
        media
        for card in cards
        for media in (*card.about, *(m for shown in card.candidates for m in shown.media))
    ]


@lru_cache(maxsize=1)
def _template() -> Any:
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtraError('pages need jinja2: pip install "unireward[report]"') from error
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("unireward.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")
