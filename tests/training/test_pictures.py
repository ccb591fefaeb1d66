"""What a generator is fed: which candidates, which pixels, which captions, which noise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

from tests.training.generators import body
from unireward.errors import InputError
from unireward.media import Image
from unireward.record import Candidate, Label, Part, Record
from unireward.training.candidate_maker import CandidateMaker, PictureContent, answer_of
from unireward.training.candidates_config import AnswersData, PicturesData
from unireward.training.config import parse_config
from unireward.training.generator_trainee import GeneratorTrainee, drawn
from unireward.training.picture_collate import PictureCollator, fitted, share_of
from unireward.training.right import right_record
from unireward.training.share import Share
from unireward.training.subjects import subject_of
from unireward.training.subjects.generator import GeneratorSubject
from unireward.world.write import write_world

SOURCES = [{"records": "unread.jsonl"}]


def pixels(grey: int, size: tuple[int, int] = (16, 16)) -> Part:
    return Part.of_media(np.full((*size, 3), grey, np.uint8))


def record(*candidates: Part, **more: Any) -> Record:
    label = more.pop("label", None)
    return Record(
        id="r", task=more.pop("task", "image_generation"),
        prompt=(Part.of_text("two red circles"),),
        candidates=tuple(Candidate(id=chr(97 + k), content=(part,))
                         for k, part in enumerate(candidates)),
        label=Label.model_validate(label) if label is not None else None, **more,
    )  # fmt: skip


def maker(objective: Any = "sft", **options: Any) -> CandidateMaker:
    config = PicturesData.model_validate({"sources": SOURCES, **options})
    return CandidateMaker(config, objective, PictureContent("image_generation", lambda text: None))


THREE = (pixels(1), pixels(2), pixels(3))
SCORED = {"ranking": [["c"], ["a"], ["b"]], "scales": {"overall": [1, 5]},
          "scores": {"a": {"overall": 3}, "b": {"overall": 1}, "c": {"overall": 4}}}  # fmt: skip


@pytest.mark.parametrize(
    ("label", "learn", "expected"),
    [
        (SCORED, "best", {"c": 1.0}),
        (SCORED, "all", {"a": 1.0, "b": 1.0, "c": 1.0}),
        (SCORED, "weighted", {"a": 0.5, "c": 0.75}),
        ({"ranking": [["a", "b"], ["c"]]}, "best", {"a": 1.0, "b": 1.0}),
        ({"ranking": [["a", "b"], ["c"]], "tie": "bad"}, "best", {}),
        ({"ranking": [["b"], ["a"], ["c"]]}, "weighted", {"a": 0.5, "b": 1.0}),
        ({"preference": {"a": 0.5, "b": 0.3, "c": 0.2}}, "weighted", {"a": .5, "b": .3, "c": .2}),
        (None, "all", {"a": 1.0, "b": 1.0, "c": 1.0}),
        (None, "best", {}),
    ],
)  # fmt: skip
def test_which_candidates_are_learned(
    label: dict[str, Any] | None, learn: str, expected: dict[str, float]
) -> None:
    made = maker(learn=learn)(record(*THREE, label=label))
    assert {example.order[0]: example.weight for example in made.examples} == expected
    assert bool(made.left_out) == (not expected)


def test_a_single_picture_needs_no_label() -> None:
    (example,) = maker()(record(pixels(5))).examples
    assert (example.order, example.weight) == (("a",), 1.0)


def test_pairs_bring_their_margin_and_score() -> None:
    label = {**SCORED, "strength": 0.5}
    weighed = maker("dpo", pair_score="meta.how.frequent", pairs="best-worst",
                    task_weights={"image_generation": 2.0})  # fmt: skip
    made = weighed(record(*THREE, label=label, meta={"how": {"frequent": 0.72}}))
    (example,) = made.examples
    assert (example.order, example.weight) == (("c", "b"), 2.0)
    assert (example.margin, example.strength, example.pair_score) == (0.75, 0.5, 0.72)
    with pytest.raises(InputError, match=r"meta.x is 'often'; give a number above 0"):
        maker("dpo", pair_score="meta.x")(record(*THREE, label=label, meta={"x": "often"}))
    tied = maker("dpo")(record(pixels(1), pixels(2), label={"ranking": [["a", "b"]]}))
    assert (tied.examples, dict(tied.left_out)) == ([], {"tie": 1})


def test_candidates_of_another_kind_are_named() -> None:
    clip = Part.of_media(np.zeros((4, 16, 16, 3), np.uint8))
    for bad, said in (
        (record(Part.of_text("a red circle")), "candidate 'a' is text; give one image"),
        (record(clip), "candidate 'a' is video; give one image"),
        (record(pixels(1), task="image_editing"), "is of image_editing, the generator of"),
    ):
        with pytest.raises(InputError, match=said):
            maker()(bad)
    config = AnswersData.model_validate({"sources": SOURCES})
    with pytest.raises(InputError, match="candidate 'a' has no text, and answers are words"):
        CandidateMaker(config, "sft", answer_of)(record(pixels(1)))


# Pixels ----------------------------------------------------------------------------------------


def test_a_picture_covers_the_size_and_is_cut_in_the_middle() -> None:
    """Three stripes of 8 pixels, twice as wide as what is wanted: the middle half stays."""
    wide = np.zeros((8, 16, 3), np.uint8)
    wide[:, 4:8, 0], wide[:, 8:12, 1] = 200, 100
    found = fitted(Image(wide), (8, 8))
    assert found.tolist() == wide[:, 4:12].tolist()
    large = np.kron(wide, np.ones((4, 4, 1), np.uint8))
    inner = fitted(Image(large), (8, 8))[:, [1, 2, 5, 6]].astype(int)
    assert np.abs(inner - wide[:, [5, 6, 9, 10]]).max() < 10


def collated(records: list[Record], objective: str = "sft", **options: Any) -> dict[str, Any]:
    from dataclasses import replace

    config = PicturesData.model_validate({"sources": SOURCES, **options})
    make = maker(objective, **options)
    examples = [replace(example, turn=100 + k) for k, own in enumerate(records)
                for example in make(own).examples]  # fmt: skip
    (part,), skipped = PictureCollator(config, 8, 8).parts(examples)
    assert not skipped
    return part


def test_a_batch_is_pixels_captions_seeds_and_weights() -> None:
    part = collated([record(pixels(7)), record(pixels(9))])
    assert part["inputs"]["pixels"].shape == (2, 3, 8, 8)
    assert part["inputs"]["pixels"].dtype == torch.uint8
    assert part["inputs"]["pixels"][1].unique().tolist() == [9]
    assert part["prompts"] == ["two red circles"] * 2
    assert part["seeds"].tolist() == [100, 101]
    assert part["error_weights"].tolist() == [1.0, 1.0]
    assert "chosen" not in part


def test_a_pair_is_two_rows_of_one_seed_the_better_one_learned() -> None:
    part = collated([record(*THREE, label=SCORED)], "dpo", pairs="best-worst", pair_score="meta.x")
    assert part["inputs"]["pixels"][:, 0, 0, 0].tolist() == [3, 2]
    assert part["seeds"].tolist() == [100, 100]
    assert part["error_weights"].tolist() == [1.0, 0.0]
    assert (part["chosen"].tolist(), part["rejected"].tolist()) == ([0], [1])
    assert part["pair_score"].isnan().all()


def test_captions_are_dropped_by_their_share_and_their_own_draw() -> None:
    records = [record(pixels(1))] * 400
    prompts = collated(records, drop_caption=0.25)["prompts"]
    dropped = [k for k, prompt in enumerate(prompts) if not prompt]
    # 400 draws of a quarter: five deviations are 43.
    assert abs(len(dropped) - 100) < 43
    assert dropped == [k for k in range(400) if share_of(100 + k, "caption") < 0.25]


def test_frames_of_a_clip_are_taken_by_the_rule() -> None:
    subject = built("clip", frames="linspace:4")
    assert str(subject.frames) == "linspace:4"
    part = first(subject, [{"world": "video_generation/right", "level": 1}])
    assert part["inputs"]["pixels"].shape == (2, 4, 3, 16, 16)
    expected = right_record("video_generation", 1, 0, 1, 16).candidates[0].content[0].load()
    taken = np.stack([np.asarray(one.load()) for one in expected.frames("linspace:4")])  # type: ignore[union-attr]
    names = list(part["record_ids"])
    at = names.index("video_generation-right-000000")
    assert np.array_equal(part["inputs"]["pixels"][at].movedim(1, -1).numpy(), taken)


def built(factory: str, **drawing: Any) -> GeneratorSubject:
    model = {"factory": f"tests.training.generators:{factory}", "generator": drawing}
    subject = subject_of(parse_config(body(Path("unwritten"), model=model)))
    assert isinstance(subject, GeneratorSubject)
    subject.build(first=True)
    return subject


def first(subject: GeneratorSubject, sources: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """The one part of the first step of two examples."""
    stage = subject.config.stages[0].model_copy(update={"data": {"sources": sources, **more}})
    item = subject.data(stage, Share(steps=1, size=2, seed=1))[0]
    (part,) = item["parts"]
    return part


# Files -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    write_world("image_generation", 6, 3, folder, level=1)
    return folder / "records.jsonl"


def test_records_of_a_file_are_resized_and_one_that_is_missing_is_named(
    pairs: Path, tmp_path: Path
) -> None:
    subject = built("picture")
    part = first(subject, [{"records": str(pairs)}])
    assert part["inputs"]["pixels"].shape == (2, 3, 16, 16)
    rows = [json.loads(line) for line in pairs.read_text().splitlines()]
    for row in rows:
        for candidate in row["candidates"]:
            path = str(pairs.parent / candidate["content"][0]["path"])
            candidate["content"][0]["path"] = path
    rows[1]["candidates"][0]["content"][0]["path"] = "gone.png"
    (tmp_path / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n0000")
    for candidate in rows[2]["candidates"]:
        candidate["content"][0]["path"] = "cut.png"
    file = tmp_path / "records.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(InputError, match=r"records.jsonl:2: record .*gone.png: no such file"):
        first(subject, [{"records": str(file)}], learn="all")
    stage = subject.config.stages[0].model_copy(update={"data": {
        "sources": [{"records": str(file)}], "media": "skip", "learn": "all",
        "unusable": "skip"}})  # fmt: skip
    with pytest.raises(InputError, match="are the same; leave one out"):
        subject.data(stage, Share(steps=1, size=12, seed=1))
    PILImage.new("RGB", (9, 9), (1, 2, 3)).save(tmp_path / "whole.png")
    rows[2]["candidates"][1]["content"][0]["path"] = "whole.png"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    dataset = subject.data(stage, Share(steps=1, size=10, seed=1))
    assert dataset.counts == {"media missing or unreadable": 1}
    item = dataset[0]
    assert item["skipped"] == {"media missing or unreadable": 1}
    assert len(item["record_ids"]) == 9


# Noise -----------------------------------------------------------------------------------------


def test_a_row_is_made_noisy_alike_whatever_its_batch() -> None:
    seeds = torch.tensor([5, 2**62 + 1, 5])
    u, noise = drawn(seeds, (3, 4, 4))
    alone, own = drawn(seeds[1:2], (3, 4, 4))
    assert torch.equal(u[1:2], alone)
    assert torch.equal(noise[1:2], own)
    assert torch.equal(noise[0], noise[2])
    assert not torch.equal(noise[0], noise[1])
    many, _ = drawn(torch.arange(2000), (1,))
    assert 0 < many.min() < many.max() < 1
    assert many.mean().item() == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("factory", ["picture", "chain", "clip"])
def test_errors_are_those_of_the_path_by_hand(factory: str) -> None:
    trainee = built(factory).trainee
    assert isinstance(trainee, GeneratorTrainee)
    adapter = trainee.adapter
    shape = (3, 4, 3, 16, 16) if factory == "clip" else (3, 3, 16, 16)
    batch = {
        "inputs": {"pixels": torch.randint(256, shape).to(torch.uint8)},
        "prompts": ["two red circles", "", "two red circles"],
        "seeds": torch.tensor([3, 4, 3]),
    }
    with torch.no_grad():
        errors = trainee(batch).errors
        u, noise = drawn(batch["seeds"], adapter.latent_shape(16, 16, 4 if len(shape) == 5 else 1))
        times = adapter.path.times(u)
        clean = adapter.encode(batch["inputs"]["pixels"] / 255)
        said = adapter.predict(
            adapter.path.noisy(clean, noise, times), times, adapter.conditions(batch["prompts"])
        )
    off = (said - adapter.path.target(clean, noise, times)).double().numpy() ** 2
    assert errors is not None
    np.testing.assert_allclose(errors.numpy(), off.reshape(3, -1).mean(1), rtol=1e-5)


def test_only_the_named_times_are_trained() -> None:
    trainee = built("chain", times=[2, 7]).trainee
    batch = {
        "inputs": {"pixels": torch.zeros(40, 3, 16, 16)}, "prompts": [""] * 40,
        "seeds": torch.arange(40),
    }  # fmt: skip
    times = trainee.prepared(batch)["times"].tolist()
    assert set(times) == {2, 7}
    assert 8 < times.count(2) < 32


def test_words_learn_unless_they_are_frozen() -> None:
    for freeze, learns in ((["words"], False), ([], True)):
        trainee = built("picture", freeze=freeze).trainee
        batch = {"inputs": {"pixels": torch.zeros(1, 3, 16, 16)}, "prompts": ["two red circles"],
                 "seeds": torch.tensor([1])}  # fmt: skip
        trainee(batch).errors.sum().backward()
        found = {name for name, weight in trainee.named_parameters() if weight.grad is not None}
        assert any("denoiser" in name for name in found)
        assert any("words" in name for name in found) == learns
        assert (trainee.prepared(batch)["conditions"] is None) == learns


def test_the_world_draws_what_is_right_and_never_what_is_held_out() -> None:
    from unireward.world.words import HELD_OUT

    texts = set()
    for index in range(100):
        made = right_record("image_generation", 5, index, 1, 16)
        assert made == right_record("image_generation", 5, index, 1, 16)
        texts.add(made.text)
        assert not any(f"{colour} {shape}" in made.text for colour, shape in HELD_OUT)
    assert len(texts) > 60
