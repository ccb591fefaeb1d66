"""The same records judged over HTTP and in process: the same judgments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from unireward.ask import Ask, ImageContent, Reply
from unireward.engines.openai import OpenAIEngine
from unireward.engines.scripted import ScriptedEngine
from unireward.engines.serve_scripted import ScriptedServer
from unireward.record import Candidate, Part, Record
from unireward.rewards.judge import Judge

VERDICTS = ("Image 1 is better", "Image 2 is better", "Both images are equally good")


def brightness(ask: Ask) -> list[float]:
    # A JPEG keeps brightness to far within the steps of 20 between our pictures.
    return [
        round(float(np.asarray(part.image.load()).mean()) / 10) / 2
        for part in ask.media
        if isinstance(part, ImageContent)
    ]


def brighter(ask: Ask) -> Any:
    """A judge that likes bright pictures, is cut off by one caption and declines another."""
    if "cut" in ask.text:
        return Reply(text="Image 1 is", finish_reason="length", tokens=3)
    if "declined" in ask.text:
        return Reply(text="", finish_reason="content_filter")
    if "babble" in ask.text:
        return "I like them both, in their ways."
    light = brightness(ask)
    if len(light) == 1:
        score = 1 + light[0] / 4
        return "\n".join(
            f"{name} Score (1-5): {score:.2f}" for name in ("Alignment", "Coherence", "Style")
        )
    lead = (light[0] - light[1]) / 5
    masses = np.exp([lead, -lead, -abs(lead)])
    return dict(zip(VERDICTS, np.log(masses / masses.sum()).tolist()))


@pytest.fixture
def records(tmp_path) -> list[Record]:
    made = []
    for number in range(12):
        caption = {5: "cut ", 7: "declined ", 9: "babble "}.get(number, "") + f"picture {number}"
        candidates = []
        for name, light in (("a", 20 * number), ("b", 20 * ((number * 5) % 12))):
            path = tmp_path / f"{number}{name}.png"
            PILImage.new("RGB", (16, 16), (light, light, light)).save(path)
            candidates.append(Candidate(id=name, content=(Part.of_media(path),)))
        made.append(
            Record(
                id=f"r{number}",
                task="image_generation",
                prompt=(Part.of_text(caption),),
                candidates=tuple(candidates),
            )
        )
    return made


@pytest.mark.parametrize("mode", ["rank", "score"])
@pytest.mark.parametrize("capabilities", [("generate", "choose", "image"), ("generate", "image")])
def test_over_http_and_in_process(records, mode, capabilities) -> None:
    scripted = ScriptedEngine(brighter, capabilities=capabilities)
    near = Judge(scripted, "unifiedreward-2")(records, mode)
    with ScriptedServer(scripted) as server, OpenAIEngine(server.url, concurrency=5) as engine:
        far = Judge(engine, "unifiedreward-2")(records, mode)
    assert [j.status for j in near].count("ok") == 9
    assert {j.status for j in near} == {"ok", "truncated", "refused", "unparsed"}
    for one, other in zip(near, far):
        same(one.to_dict(), other.to_dict(), one.record)


def same(one: Any, other: Any, where: str) -> None:
    """Equal but for what may differ: seconds, notes on the wire, floats within 1e-4."""
    if isinstance(one, dict):
        skipped = {"seconds", "notes"}
        assert one.keys() == other.keys(), where
        for key in one.keys() - skipped:
            same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for index, pair in enumerate(zip(one, other)):
            same(*pair, f"{where}[{index}]")
    elif isinstance(one, float) and isinstance(other, float):
        assert one == pytest.approx(other, abs=1e-4), where
    else:
        assert one == other, where
