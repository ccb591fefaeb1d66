"""Pages are parsed back: nothing is fetched, everything is escaped, everything has its words."""

import re
from html.parser import HTMLParser

import pytest

from unireward.errors import InputError
from unireward.report import (
    Bar,
    BarGroup,
    Card,
    Cards,
    Columns,
    Figure,
    Media,
    Page,
    Points,
    Prose,
    Score,
    Section,
    Shown,
    Table,
    Tile,
    Tiles,
    Verdict,
    accuracy_bars,
    render_page,
    write_page,
)  # fmt: skip
from unireward.stats import Estimate

EVIL = '<script>alert("x")</script> & "quotes"'
VOID = {"meta", "img", "br", "line", "rect", "circle", "polyline"}


class Reader(HTMLParser):
    """Collects tags and text, and holds that every tag is closed in order."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words, self.open = [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def page():
    chart = accuracy_bars([BarGroup(EVIL, [Bar("judge", Estimate(0.9, 0.8, 1, 9), True)])], EVIL)
    card = Card(
        prompt=EVIL,
        kicker="image generation",
        candidates=[
            Shown(
                "a",
                [Media("image", "m/a.png", "the first")],
                "",
                [Score("alignment", "4.2", "5")],
                True,
            ),
            Shown("b", [Media("video", "m/b.mp4", "candidate b")]),
            Shown("c", text=EVIL),
        ],
        verdict=Verdict("The judge prefers a", "wrong", "confidence 0.93"),
        about=[Media("image", "m/q.png", "what is asked about")],
        rationale=EVIL,
    )
    blocks = [
        Prose([EVIL]),
        Points([EVIL]),
        Tiles([Tile("91.3 %", "accuracy", "n = 600")]),
        Columns([[Figure(chart, EVIL)], [Table(["task", "n"], [[EVIL, "600"]], EVIL, (1,))]]),
        Cards([card]),
    ]
    return Page(EVIL, [EVIL], [Section(EVIL, blocks, EVIL)], footer=[EVIL])


def test_every_word_is_escaped_and_shown():
    read = Reader(render_page(page()))
    assert [tag for tag, _ in read.tags].count("script") == 1
    assert sum(EVIL in words for words in read.words) >= 14
    assert {"91.3 %", "4.2", "600", "n = 600"} <= {words.strip() for words in read.words}


def test_nothing_is_fetched_and_everything_has_words():
    html = render_page(page())
    read = Reader(html)
    sources = [attrs[k] for _, attrs in read.tags for k in ("src", "href", "srcset") if k in attrs]
    assert sorted(sources) == ["m/a.png", "m/b.mp4", "m/q.png"]
    assert not re.search(r"@import|url\(|https?://(?!www\.w3\.org/2000/svg)", html)
    assert all(attrs.get("alt") for tag, attrs in read.tags if tag == "img")
    assert all(attrs.get("aria-label") for tag, attrs in read.tags if tag == "video")
    video = next(attrs for tag, attrs in read.tags if tag == "video")
    assert {"muted", "loop", "playsinline"} <= set(video)
    assert "prefers-color-scheme: dark" in html


def contrast(one, other):
    """WCAG 2 contrast ratio of two #rrggbb colours."""

    def luminance(code):
        parts = [int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_words_stand_out_in_light_and_dark():
    themes = re.findall(r":root \{(.*?)\}", render_page(page()), re.S)
    assert len(themes) == 2
    for theme in themes:
        colours = dict(re.findall(r"--(\w+): (#\w{6})", theme))
        for ground in ("bg", "paper", "tint"):
            for words in ("ink", "muted", "accent", "right", "wrong"):
                assert contrast(colours[words], colours[ground]) >= 4.5, (words, ground)


def test_a_page_is_written_only_with_its_media(tmp_path):
    target = tmp_path / "demo" / "index.html"
    with pytest.raises(InputError, match=r"shows m/q\.png, which is no file beside it"):
        write_page(page(), target)
    assert not target.exists()
    (target.parent / "m").mkdir(parents=True)
    for name in ("a.png", "b.mp4", "q.png"):
        (target.parent / "m" / name).write_bytes(b"x")
    assert write_page(page(), target).read_text(encoding="utf-8") == render_page(page())
    assert sorted(p.name for p in target.parent.iterdir()) == ["index.html", "m"]


def test_an_absolute_path_is_no_path_beside_the_page(tmp_path):
    picture = tmp_path / "a.png"
    picture.write_bytes(b"x")
    shown = Shown("a", [Media("image", str(picture), "a")])
    card = Card("p", "k", [shown], Verdict("v", "open"))
    with pytest.raises(InputError, match="relative path"):
        write_page(Page("t", [], [Section("s", [Cards([card])])]), tmp_path / "index.html")
