"""Asking: forms, placeholders, media order and layouts; families by name and by checkpoint."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from unireward.ask import ImageContent, TextContent, VideoContent
from unireward.errors import FamilyError, InputError
from unireward.families import (
    Family,
    families_that_can,
    family_of_repository,
    get_family,
    list_families,
    parse_reply,
)
from unireward.families.spec import FamilySpec, Form
from unireward.media import Image, Video
from unireward.record import Candidate, Part, Record


def picture(shade: int) -> Image:
    return Image(np.full((4, 6, 3), shade, np.uint8))


def clip(shade: int, frames: int = 32) -> Video:
    """Frame k of it is of colour (shade, 8k, 0), so that a frame says its index."""
    pixels = np.zeros((frames, 4, 6, 3), np.uint8)
    pixels[..., 0] = shade
    pixels[..., 1] = 8 * np.arange(frames, dtype=np.uint8)[:, None, None]
    return Video(pixels)


def seen(content: ImageContent) -> tuple[int, int]:
    """(shade, frame index) of a shown frame or picture."""
    red, green, _ = content.image.load().getpixel((0, 0))
    return red, green // 8


def media_part(media: Image | Video, role=None) -> Part:
    return Part(type="image" if isinstance(media, Image) else "video", media=media, role=role)


def record(task: str, *media: Image | Video, text: str = "two red circles", prompt=()) -> Record:
    return Record(
        id="r1",
        task=task,
        prompt=(Part.of_text(text), *prompt),
        candidates=tuple(
            Candidate(id=name, content=(media_part(one),)) for name, one in zip("abc", media)
        ),
    )


def answers(task: str, about: Image | Video, *texts: str) -> Record:
    return Record(
        id="r1",
        task=task,
        prompt=(media_part(about), Part.of_text("How many?")),
        candidates=tuple(
            Candidate(id=name, content=(Part.of_text(text),)) for name, text in zip("ab", texts)
        ),
    )


def ask(family: str, rec: Record, mode: str, order=("a", "b"), kind="openai", **names):
    owner = get_family(family)
    return owner.ask(owner.forms_for(rec.task, mode, **names)[0], rec, order, kind)


# Forms --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "task", "mode", "expected"),
    [
        ("unifiedreward", "image_generation", "score", ["final"]),
        ("unifiedreward-2", "image_generation", "score", ["acs"]),
        ("unifiedreward-2", "video_generation", "score", ["aps"]),
        ("unifiedreward-2", "video_generation", "pair-score", [""]),
        ("unifiedreward", "video_understanding", "rank", [""]),
    ],
)
def test_default_form(family: str, task: str, mode: str, expected: list[str]) -> None:
    assert [form.name for form in get_family(family).forms_for(task, mode)] == expected


def test_edits_are_asked_under_both_aspects_unless_one_is_named() -> None:
    family = get_family("unifiedreward-edit")
    both = family.forms_for("image_editing", "score")
    assert [form.aspect for form in both] == ["instruction", "quality"]
    (one,) = family.forms_for("image_editing", "score", aspect="quality")
    assert list(one.scales) == ["naturalness", "artifacts"]
    assert one.media == ("1",)


def test_a_form_that_is_not_the_default_is_asked_by_name() -> None:
    (form,) = get_family("unifiedreward").forms_for("image_generation", "score", form="sift")
    assert form.scales["overall"].high == 10


@pytest.mark.parametrize(
    ("family", "task", "mode", "more", "message"),
    [
        ("unifiedreward-think", "image_generation", "score", {},
         "unifiedreward-think/qwen3 has no score mode for image_generation; .*unifiedreward-2"),
        ("unifiedreward", "image_generation", "pair-score", {}, "unifiedreward-2"),
        ("unifiedreward", "image_editing", "rank", {}, "unifiedreward-edit"),
        ("unifiedreward", "interleaved", "rank", {}, "its tasks are image_generation"),
        ("unifiedreward", "image_generation", "score", {"form": "acs"},
         "no form 'acs' .*forms: final, sift, words"),
        ("unifiedreward-edit", "image_editing", "score", {"aspect": "x"},
         "no aspect 'x' .*aspects: instruction, quality"),
    ],
)  # fmt: skip
def test_what_a_family_cannot_do_names_who_can(family, task, mode, more, message) -> None:
    with pytest.raises(FamilyError, match=message) as caught:
        get_family(family).forms_for(task, mode, **more)
    assert "\n" not in str(caught.value)


def test_every_row_of_the_published_table_has_a_form() -> None:
    ours = {"tiny", "head", "two-tower", "yes-no", "checklist", "zero-shot"}
    able = {
        (task, mode): set(families_that_can(task, mode)) - ours
        for task, mode in [
            ("image_generation", "rank"), ("image_generation", "score"),
            ("image_generation", "pair-score"), ("video_generation", "rank"),
            ("video_generation", "score"), ("video_generation", "pair-score"),
            ("image_understanding", "rank"), ("image_understanding", "score"),
            ("video_understanding", "rank"), ("video_understanding", "score"),
            ("image_editing", "rank"), ("image_editing", "score"), ("image_editing", "pair-score"),
        ]
    }  # fmt: skip
    one, two, edit = "unifiedreward", "unifiedreward-2", "unifiedreward-edit"
    think, flex = "unifiedreward-think", "unifiedreward-flex"
    assert able == {
        ("image_generation", "rank"): {one, two, edit, think, flex},
        ("image_generation", "score"): {one, two, edit},
        ("image_generation", "pair-score"): {two},
        ("video_generation", "rank"): {one, two, think, flex},
        ("video_generation", "score"): {one, two},
        ("video_generation", "pair-score"): {two},
        ("image_understanding", "rank"): {one, two, think},
        ("image_understanding", "score"): {one, two},
        ("video_understanding", "rank"): {one, two, think},
        ("video_understanding", "score"): {one, two},
        ("image_editing", "rank"): {edit},
        ("image_editing", "score"): {edit},
        ("image_editing", "pair-score"): {edit},
    }


# Texts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "rec", "mode", "ending"),
    [
        ("unifiedreward", record("image_generation", picture(1), picture(2)), "rank",
         "\nText Caption: [two red circles]"),
        ("unifiedreward", record("video_generation", clip(1)), "score",
         "\nText Prompt: [two red circles]"),
        ("unifiedreward-2", record("image_generation", picture(1), picture(2)), "pair-score",
         "\nText Caption: [two red circles]"),
        ("unifiedreward", answers("image_understanding", picture(1), "Two.", "Three."), "rank",
         "\nQuestion: How many?\nAnswer 1: Two.\nAnswer 2: Three.\n"),
        ("unifiedreward", answers("image_understanding", picture(1), "Two."), "score",
         "\nQuestion: [How many?] Response: [Two.]"),
        ("unifiedreward-edit",
         record("image_editing", picture(1), picture(2), text="make it red",
                prompt=(media_part(picture(9), "source"),)), "rank",
         "\nText instruction - make it red\n"),
        ("unifiedreward-edit",
         record("image_editing", picture(1), text="make it red",
                prompt=(media_part(picture(9), "source"),)), "score",
         "\nEditing instruction:make it red\n"),
    ],
)  # fmt: skip
def test_last_lines_are_those_the_checkpoints_know(family, rec, mode, ending) -> None:
    order = tuple(candidate.id for candidate in rec.candidates)
    assert ask(family, rec, mode, order).text.endswith(ending)


def test_order_of_candidates_moves_media_and_answers() -> None:
    rec = answers("image_understanding", picture(1), "Two.", "Three.")
    assert (
        "Answer 1: Three.\nAnswer 2: Two.\n" in ask("unifiedreward", rec, "rank", ("b", "a")).text
    )
    pair = record("image_generation", picture(1), picture(2))
    shown = ask("unifiedreward", pair, "rank", ("b", "a")).media
    assert [seen(part)[0] for part in shown] == [2, 1]


def test_placeholders_in_a_caption_stay_what_they_are() -> None:
    rec = record("image_generation", picture(1), picture(2), text="a sign: {P} {Q} {A1} <1> {x}")
    text = ask("unifiedreward-2", rec, "rank").text
    assert text.endswith("Text Caption: [a sign: {P} {Q} {A1} <1> {x}]")


def test_edit_shows_source_then_edits() -> None:
    rec = record(
        "image_editing", picture(1), picture(2), prompt=(media_part(picture(9), "source"),)
    )
    shown = ask("unifiedreward-edit", rec, "rank", ("b", "a"))
    assert [seen(part)[0] for part in shown.media] == [9, 2, 1]
    assert isinstance(shown.messages[0].content[-1], TextContent)


# Layouts ------------------------------------------------------------------------------------


def test_frames_as_images_video_one_before_video_two() -> None:
    rec = record("video_generation", clip(1), clip(2))
    shown = ask("unifiedreward-2", rec, "rank", kind="openai").media
    uniform = [0, 4, 8, 12, 16, 20, 24, 28]
    assert [seen(part) for part in shown] == [(1, k) for k in uniform] + [(2, k) for k in uniform]


def test_frames_follow_the_rule_of_the_form_and_family() -> None:
    rec = record("video_generation", clip(1))
    sixteen = ask("unifiedreward-2", rec, "score", ("a",)).media
    assert [seen(part)[1] for part in sixteen] == list(range(0, 32, 2))
    ends = ask("unifiedreward", rec, "score", ("a",)).media
    assert [seen(part)[1] for part in ends] == [0, 4, 8, 13, 17, 22, 26, 31]


def test_native_layout_hands_videos_over_whole() -> None:
    rec = record("video_generation", clip(1), clip(2))
    shown = ask("unifiedreward", rec, "rank", kind="transformers").media
    assert [type(part) for part in shown] == [VideoContent, VideoContent]
    assert [str(part.rule) for part in shown] == ["linspace:8", "linspace:8"]


def test_llava_layout_puts_image_tokens_into_the_text() -> None:
    rec = record("image_generation", picture(1), picture(2))
    owner = get_family("unifiedreward/llava")
    (form,) = owner.forms_for("image_generation", "rank")
    shown = owner.ask(form, rec, ("a", "b"), "transformers")
    system, user = shown.messages
    assert (system.role, system.text) == ("system", "You are a helpful assistant.")
    kinds = [part.text if isinstance(part, TextContent) else "<image>" for part in user.content]
    assert "".join(kinds).startswith("<image>\n <image>\nYou are")


def test_llava_frames_are_512_square() -> None:
    rec = record("video_generation", clip(1), clip(2))
    owner = get_family("unifiedreward/llava")
    (form,) = owner.forms_for("video_generation", "rank")
    shown = owner.ask(form, rec, ("a", "b"), "transformers").media
    assert [part.image.size for part in shown] == [(512, 512)] * 16
    assert [seen(part)[1] for part in shown[:8]] == [0, 4, 8, 13, 17, 22, 26, 31]


def test_inline_media_stand_at_their_marks() -> None:
    form = Form(
        task="image_generation", mode="rank", template="One <1> two <2> for {P}",
        media=("1", "2"), media_place="inline", reader="rank_image",
    )  # fmt: skip
    owner = Family(FamilySpec(name="x", forms=(form,)), get_family("unifiedreward").readers)
    rec = record("image_generation", picture(1), picture(2), text="<1>")
    (user,) = owner.ask(form, rec, ("b", "a")).messages
    told = [part.text if isinstance(part, TextContent) else seen(part)[0] for part in user.content]
    assert told == ["One ", 2, " two ", 1, " for <1>"]


def test_asks_are_greedy_and_carry_choices_only_when_told() -> None:
    owner = get_family("unifiedreward")
    (form,) = owner.forms_for("image_generation", "rank")
    rec = record("image_generation", picture(1), picture(2))
    plain = owner.ask(form, rec, ("a", "b"))
    assert plain.sampling.deterministic
    assert plain.choices == ()
    assert owner.ask(form, rec, ("a", "b"), choose=True).choices == (
        "Image 1 is better", "Image 2 is better", "Both images are equally good",
    )  # fmt: skip


@pytest.mark.parametrize("family", [f for f in list_families() if f.name != "tiny"], ids=repr)
def test_a_choice_is_read_as_what_it_says(family: Family) -> None:
    for form in family.spec.forms:
        for choice, verdict in zip(form.choices, ("1", "2", "tie")):
            if form.mode == "rank" and "{" not in choice and not choice.startswith("<think"):
                assert family.read(form, choice).preference[verdict] == 1.0, (form.address, choice)


def test_qwen35_turns_thinking_off() -> None:
    rec = record("image_generation", picture(1), picture(2))
    assert ask("unifiedreward-2/qwen3.5", rec, "rank").extra == (
        ("chat_template_kwargs", {"enable_thinking": False}),
    )
    assert ask("unifiedreward-2", rec, "rank").extra == ()


# Bad records --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "rec", "mode", "message"),
    [
        ("unifiedreward", record("image_generation", picture(1), picture(2), text="  "), "rank",
         "r1: prompt is empty"),
        ("unifiedreward", record("image_generation", picture(1), picture(2), text="x" * 100_000),
         "rank", "r1: prompt has 100,000 characters, the limit is 50,000"),
        ("unifiedreward-edit", record("image_editing", picture(1), picture(2)), "rank",
         "r1: prompt has no image with role 'source'"),
        ("unifiedreward", answers("image_generation", picture(1), "a.png", "b.png"), "rank",
         "r1: candidate 'a' has no image or video"),
        ("unifiedreward", record("image_understanding", picture(1), picture(2),
                                 prompt=(media_part(picture(3)),)), "rank",
         "r1: candidate 'a' has no text"),
        ("unifiedreward", record("image_understanding", picture(1), picture(2)), "rank",
         "r1: prompt has no image or video"),
    ],
)  # fmt: skip
def test_a_record_that_cannot_be_asked_about(family, rec, mode, message) -> None:
    with pytest.raises(InputError, match=message) as caught:
        ask(family, rec, mode)
    assert "\n" not in str(caught.value)


# Names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("repository", "family"),
    [
        ("CodeGoat24/UnifiedReward-7b", "unifiedreward/llava"),
        ("CodeGoat24/UnifiedReward-7b-v1.5", "unifiedreward/llava"),
        ("codegoat24/unifiedreward-qwen-32b", "unifiedreward/qwen"),
        ("CodeGoat24/UnifiedReward-2.0-qwen-72b", "unifiedreward-2/qwen"),
        ("CodeGoat24/UnifiedReward-2.0-qwen3vl-8b", "unifiedreward-2/qwen"),
        ("CodeGoat24/UnifiedReward-2.0-qwen35-9b", "unifiedreward-2/qwen3.5"),
        ("/models/UnifiedReward-2.0-qwen3vl-8b-AWQ/", "unifiedreward-2/qwen"),
        ("CodeGoat24/UnifiedReward-Think-7b", "unifiedreward-think/llava"),
        ("CodeGoat24/UnifiedReward-Think-qwen-7b", "unifiedreward-think/qwen2.5"),
        ("CodeGoat24/UnifiedReward-Think-qwen3vl-2b", "unifiedreward-think/qwen3"),
        ("CodeGoat24/UnifiedReward-Edit-qwen3vl-4b", "unifiedreward-edit/qwen"),
        ("CodeGoat24/UnifiedReward-Edit-qwen35-9b", "unifiedreward-edit/qwen3.5"),
        ("CodeGoat24/UnifiedReward-Flex-qwen3vl-8b", "unifiedreward-flex"),
    ],
)
def test_checkpoints_carry_their_family(repository: str, family: str) -> None:
    assert family_of_repository(repository) == family
    assert get_family(repository).id == family


@pytest.mark.parametrize("name", ["Qwen/Qwen3-VL-8B", "UnifiedRewardish-7b", "", "x/reward-7b"])
def test_other_checkpoints_carry_none(name: str) -> None:
    assert family_of_repository(name) is None
    with pytest.raises(FamilyError, match=r"use one of .*unifiedreward-flex"):
        get_family(name)


def test_an_unknown_variant_lists_the_known() -> None:
    with pytest.raises(FamilyError, match=r"no variant 'gemma'; use one of qwen, llava"):
        get_family("unifiedreward/gemma")


def test_prompt_ids_are_of_the_texts() -> None:
    family = get_family("unifiedreward-2")
    (form,) = family.forms_for("image_generation", "rank")
    digest = hashlib.sha256(b"\0" + form.template.encode()).hexdigest()[:8]
    assert family.form_prompt_id(form) == f"own:{digest}"
    official = form.model_copy(update={"origin": "official", "template": "{P}"})
    other = Family(family.spec.model_copy(update={"forms": (official,)}), family.readers)
    assert other.prompt_id.startswith("official:")
    assert other.prompt_id != family.prompt_id


def test_parse_reply_reads_by_the_first_variant_form_and_aspect() -> None:
    reading = parse_reply("unifiedreward-edit", '{"score": [25, 0]}', "image_editing", "score")
    assert reading.dimensions == {"success": {"1": 25.0}, "overedit": {"1": 0.0}}
    cut = parse_reply(
        "unifiedreward", "Image 1", "image_generation", "rank", finish_reason="length"
    )
    assert cut.status == "truncated"
