"""Charts are read back as XML: the marks must stand where the numbers say."""

import xml.etree.ElementTree as ET

import pytest

from unireward.report import Bar, BarGroup, accuracy_bars, reliability_curve
from unireward.stats import Estimate, reliability

SVG = "{http://www.w3.org/2000/svg}"


def marks(drawing, name):
    return [element.attrib for element in ET.fromstring(drawing).iter(SVG + name)]


def texts(drawing):
    return [element.text for element in ET.fromstring(drawing).iter(SVG + "text")]


GROUPS = [
    BarGroup(
        "images & <clips>",
        [
            Bar("judge", Estimate(0.9, 0.85, 0.95, 200), True),
            Bar("coin", Estimate(0.5, 0.4, 0.6, 200)),
        ],
    )
]


def test_bars_are_as_long_as_their_values():
    drawing = accuracy_bars(GROUPS, "Accuracy")
    bars = [r for r in marks(drawing, "rect") if r.get("rx")]
    lengths = [float(bar["width"]) for bar in bars]
    assert lengths[0] / lengths[1] == pytest.approx(0.9 / 0.5, abs=1e-3)
    whisker = [w for w in marks(drawing, "line") if w["y1"] == w["y2"]]
    spans = [(float(w["x2"]) - float(w["x1"])) / lengths[0] * 0.9 for w in whisker]
    assert spans == pytest.approx([0.1, 0.2], abs=1e-3)
    assert "90 %" in texts(drawing)


def test_words_are_escaped_and_the_description_tells_the_numbers():
    drawing = accuracy_bars(GROUPS, 'A "quoted" <title>')
    root = ET.fromstring(drawing)
    assert root.find(SVG + "title").text == 'A "quoted" <title>'
    assert root.find(SVG + "desc").text == (
        "images & <clips>: judge 90 % (85 % to 95 %), coin 50 % (40 % to 60 %)"
    )
    assert root.attrib["role"] == "img"


def test_a_calibrated_judge_lies_on_the_diagonal():
    confidence = [0.25] * 4 + [0.75] * 4
    drawing = reliability_curve(reliability(confidence, [1, 0, 0, 0, 1, 1, 1, 0]), "Reliability")
    dashed = next(m for m in marks(drawing, "line") if m.get("stroke-dasharray"))
    x0, y0, x1, y1 = (float(dashed[k]) for k in ("x1", "y1", "x2", "y2"))
    points = [(float(c["cx"]), float(c["cy"])) for c in marks(drawing, "circle")]
    assert len(points) == 2
    for x, y in points:
        assert (x - x0) / (x1 - x0) == pytest.approx((y - y0) / (y1 - y0), abs=1e-3)


def test_a_bin_of_few_verdicts_is_hollow_and_off_the_line():
    bins = reliability([0.05] + [0.75] * 80 + [0.95] * 80, [1] + [1, 0] * 80)
    drawing = reliability_curve(bins, "Reliability")
    hollow = [m for m in marks(drawing, "circle") if "stroke" in m]
    assert len(hollow) == 1
    assert float(hollow[0]["cx"]) == min(float(m["cx"]) for m in marks(drawing, "circle"))
    (joined,) = marks(drawing, "polyline")
    assert len(joined["points"].split()) == 2


def test_an_empty_curve_still_draws():
    assert marks(reliability_curve([], "Reliability"), "circle") == []
