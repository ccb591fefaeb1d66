"""Any function as a policy: what it is called with, what it may give, what is said of the rest."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

import unireward as ur
from unireward.errors import UsageError
from unireward.policies import FunctionPolicy, seed_of
from unireward.prompt import Prompt
from unireward.record import Part


def prompt(name: str = "p", task: str = "image_generation", words: str = "two circles") -> Prompt:
    return Prompt(id=name, task=task, prompt=(Part.of_text(words),))


def pixels(value: int = 0) -> np.ndarray:
    """A picture with some of everything in it."""
    return np.random.default_rng(value).integers(0, 256, (8, 8, 3), dtype=np.uint8)


def one(item: Any, task: str = "image_generation") -> tuple[Part, ...] | str:
    """What becomes of one thing that a function gives."""
    (found,) = FunctionPolicy(lambda prompts, n, seed: [[item]]).sample([prompt(task=task)], 1, 0)
    return found.candidates[0].content if found.candidates else found.left_out["a"]


# What it is called with ---------------------------------------------------------------------


def test_one_prompt_at_a_time_with_a_seed_of_its_own() -> None:
    calls: list[Any] = []

    def answer(prompts: list[str], n: int, seed: int) -> list[list[str]]:
        calls.append((prompts, n, seed))
        return [[f"{text} {seed} {k}" for k in range(n)] for text in prompts]

    policy = FunctionPolicy(answer, name="mine")
    asked = [prompt(f"p{k}", "text", f"question {k}") for k in range(3)]
    found = policy.sample(asked, 2, seed=9)
    assert calls == [([f"question {k}"], 2, seed_of(9, f"p{k}", 0)) for k in range(3)]
    for k, sampled in enumerate(found):
        own = seed_of(9, f"p{k}", 0)
        assert sampled.seeds == {"a": own, "b": own}
        assert [c.text for c in sampled.candidates] == [f"question {k} {own} {j}" for j in (0, 1)]
    # In other company and order the same.
    assert policy.sample([asked[2], asked[0]], 2, seed=9) == [found[2], found[0]]


def test_several_prompts_at_a_time_where_the_function_wants_them() -> None:
    calls: list[Any] = []

    def answer(prompts: list[str], n: int, seed: int) -> list[list[str]]:
        calls.append((len(prompts), seed))
        return [[text] * n for text in prompts]

    asked = [prompt(f"p{k}", "text", f"question {k}") for k in range(7)]
    found = FunctionPolicy(answer, batch=3).sample(asked, 2, seed=9)
    assert calls == [(3, 9), (3, 9), (1, 9)]
    assert [s.candidates[1].text for s in found] == [f"question {k}" for k in range(7)]
    assert found[0].seeds == {"a": 9, "b": 9}


def test_a_function_may_look_at_whole_prompts() -> None:
    seen: list[Any] = []
    shown = Prompt(
        id="q", task="image_understanding",
        prompt=(Part(type="image", media=ur.Image(pixels())), Part.of_text("what")),
    )  # fmt: skip
    asked = [prompt("p", "text"), shown, prompt("r", "text")]

    def answer(prompts: list[Any], n: int, seed: int) -> list[list[str]]:
        seen.append(prompts)
        return [["x"] * n for _ in prompts]

    FunctionPolicy(answer, whole=True, batch=3).sample(asked, 1, 0)
    assert seen.pop() == asked
    found = FunctionPolicy(answer, batch=3).sample(asked, 2, 0)
    assert seen.pop() == ["two circles", "two circles"]
    why = "the prompt has pictures, and this function reads words alone"
    assert [one.left_out for one in found] == [{}, dict.fromkeys("ab", why), {}]
    assert FunctionPolicy(answer).sample([shown], 2, 0)[0].left_out == found[1].left_out
    assert seen == []


def test_it_is_called_as_its_samples_are_taken() -> None:
    calls: list[str] = []
    policy = FunctionPolicy(lambda p, n, s: calls.extend(p) or [["x"]])
    stream = policy.sample_stream((prompt(f"p{k}", "text", str(k)) for k in range(9)), 1, 0)
    assert [next(stream).prompt.id for _ in range(2)] == ["p0", "p1"]
    assert calls == ["0", "1"]


# What it may give ---------------------------------------------------------------------------


def drawn(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    PILImage.fromarray(pixels()).save(path)
    return path


MAKERS: dict[str, Callable[[Path], Any]] = {
    "array": lambda tmp: pixels(),
    "floats": lambda tmp: pixels() / 255,
    "tensor": lambda tmp: torch.from_numpy(pixels()),
    "learning": lambda tmp: torch.from_numpy(pixels() / 255).requires_grad_(),
    "pil": lambda tmp: PILImage.fromarray(pixels()),
    "image": lambda tmp: ur.Image(pixels()),
    "path": drawn,
    "text path": lambda tmp: str(drawn(tmp)),
    "bytes": lambda tmp: drawn(tmp).read_bytes(),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_pictures_of_every_kind(kind: str, tmp_path: Path) -> None:
    content = one(MAKERS[kind](tmp_path))
    assert not isinstance(content, str), content
    (part,) = content
    assert part.type == "image"
    media = part.load()
    assert isinstance(media, ur.Image)
    assert np.array_equal(np.asarray(media.load()), pixels())
    if "path" in kind:
        assert part.path == str(tmp_path / "a.png")


@pytest.mark.parametrize("make", [np.asarray, list, partial(ur.Video, fps=8)])
def test_clips_of_every_kind(make: Callable[[Any], Any]) -> None:
    frames = np.stack([pixels(k) for k in range(3)])
    content = one(make(frames), "video_generation")
    assert not isinstance(content, str), content
    media = content[0].load()
    assert isinstance(media, ur.Video)
    assert [np.array_equal(np.asarray(i.load()), f) for i, f in zip(media.images or (), frames)]


def test_grey_and_deep_arrays() -> None:
    grey = pixels()[:, :, 0]
    for item in (grey, grey.astype(np.uint16) * 257, grey / 255, grey[:, :, None]):
        content = one(item)
        assert not isinstance(content, str), content
        shown = np.asarray(content[0].load().load())  # pyright: ignore
        assert np.array_equal(shown, np.repeat(grey[:, :, None], 3, axis=2))


def test_an_array_of_all_candidates() -> None:
    stack = np.stack([pixels(k) for k in range(4)])
    (found,) = FunctionPolicy(lambda p, n, s: stack[None]).sample([prompt()], 4, 0)
    shown = [np.asarray(c.content[0].load().load()) for c in found.candidates]
    assert np.array_equal(np.stack(shown), stack)


def test_strings_are_answers_where_words_are_wanted() -> None:
    for task in ("text", "image_understanding", "interleaved", "mine"):
        content = one(" a.png\n", task)
        assert content == (Part.of_text("a.png"),)
    assert one(" \n", "text") == "empty"


# What is left out ---------------------------------------------------------------------------


def spoilt(value: float) -> np.ndarray:
    out = pixels() / 255
    out[2, 3, 1] = value
    return out


@pytest.mark.parametrize(
    ("item", "task", "reason"),
    [
        (None, "text", "none was made"),
        (spoilt(np.nan), "image_generation", "not finite"),
        (spoilt(np.inf), "image_generation", "not finite"),
        (np.zeros((8, 8, 3), np.uint8), "image_generation", "black"),
        (PILImage.new("RGB", (8, 8)), "image_generation", "black"),
        (np.full((8, 8, 3), 0.5), "image_generation", "flat"),
        (spoilt(np.nan)[:, :, 1], "image_generation", "must be finite"),
        (np.stack([pixels(), pixels() * 0, pixels()]), "video_generation", "black frame 1"),
        (np.stack([pixels() / 255, spoilt(np.nan)]), "video_generation", "not finite"),
        (spoilt(1.5), "image_generation", "float pixels must be finite and in 0..1"),
        (pixels().transpose(2, 0, 1), "image_generation", "is no picture"),
        ("no.png", "image_generation", "no.png: no such file"),
        (b"nothing", "image_generation", "holds text, not an image or video"),
        (pixels(), "video_generation", "is image, and video_generation wants video"),
        (pixels(), "text", "is image, and text wants text"),
    ],
)
def test_what_is_no_candidate_is_left_out(item: Any, task: str, reason: str) -> None:
    assert reason in str(one(item, task))


def test_the_others_of_a_prompt_are_kept() -> None:
    items = [pixels(), None, np.zeros((8, 8, 3)), pixels(1)]
    (found,) = FunctionPolicy(lambda p, n, s: [items]).sample([prompt()], 4, 0)
    assert [c.id for c in found.candidates] == ["a", "d"]
    assert found.left_out == {"b": "none was made", "c": "black"}


# Mistakes of the function -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "gave a NoneType for the prompts; give a list of 1"),
        ("text", "gave a str for the prompts; give a list of 1"),
        ({"p": []}, "gave a dict for the prompts"),
        ([], "gave 0 for 1 prompts; give a list of 1"),
        ([["x"], ["y"]], "gave 2 for 1 prompts"),
        (["ab"], "gave a str for the candidates of prompt p; give a list of 2"),
        ([["x"]], "gave 1 for 2 candidates of prompt p; give a list of 2, with None where"),
        ([[1.5, "x"]], "gave a float for prompt p; give text, a path"),
        ([[{}, "x"]], "gave a dict for prompt p"),
        (PILImage.new("RGB", (8, 8)), "gave a Image for the prompts"),
        ([ur.Image(pixels())], "gave a Image for the candidates of prompt p"),
    ],
)
def test_a_wrong_shape_is_said(given: Any, message: str) -> None:
    policy = FunctionPolicy(lambda prompts, n, seed: given, name="mine")
    with pytest.raises(UsageError, match="mine " + message):
        policy.sample([prompt(task="text")], 2, 0)


def test_what_the_function_raises_goes_through_after_what_was_before() -> None:
    def answer(prompts: list[str], n: int, seed: int) -> list[list[str]]:
        if prompts == ["third"]:
            raise ZeroDivisionError("its own")
        return [["x"] * n for _ in prompts]

    asked = [prompt(f"p{k}", "text", text) for k, text in enumerate(("first", "second", "third"))]
    stream = FunctionPolicy(answer).sample_stream(asked, 1, 0)
    assert [next(stream).prompt.text, next(stream).prompt.text] == ["first", "second"]
    with pytest.raises(ZeroDivisionError, match="its own"):
        next(stream)


def test_wrong_use() -> None:
    with pytest.raises(UsageError, match=r"3 is no function; give f\(prompts, n, seed\)"):
        FunctionPolicy(3)  # pyright: ignore
    with pytest.raises(UsageError, match="batch is 0; set it to 1 or more prompts"):
        FunctionPolicy(print, batch=0)
    with pytest.raises(UsageError, match="n is 0"):
        FunctionPolicy(print).sample([], 0, 0)


def test_its_name_and_identity() -> None:
    plain = FunctionPolicy(prompt)
    assert plain.name == f"{__name__}:prompt"
    assert plain.identity == f"function:{plain.name}"
    assert FunctionPolicy(prompt, identity="weights 3").identity == "weights 3"
    assert FunctionPolicy(partial(prompt, "x")).name == "functools:partial"
