"""A training batch holds the tokens and pixels that the engine asks with, and nothing is cut."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.engines.architectures import save_checkpoint
from unireward.engines.prompt import prompt_of
from unireward.engines.sequences import Encoder, end_of_turn, stacked
from unireward.engines.transformers import TransformersEngine
from unireward.errors import InputError
from unireward.families import get_family
from unireward.families.family import Family
from unireward.files.lines import LineError, Place
from unireward.media import Image, Video
from unireward.record import Candidate, Label, Part, Record
from unireward.training.collate import Collator
from unireward.training.data_config import DataConfig
from unireward.training.examples import Example, asks_of
from unireward.training.maker import Maker, Objective

TINY = Path(__file__).parents[2] / "src/unireward/assets/tiny"
NAMES = ("qwen2_5_vl", "qwen3_vl", "qwen3_5", "llava_onevision", "gemma3", "idefics3")
NATIVE = ("qwen2_5_vl", "qwen3_vl", "qwen3_5")


@pytest.fixture(scope="module", params=NAMES)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """Six architectures; the Qwen3-VL is the shipped judge."""
    torch.set_num_threads(1)
    name = request.param
    path = TINY if name == "qwen3_vl" else save_checkpoint(name, tmp_path_factory.mktemp(name))
    made = TransformersEngine(path, device="cpu", name=name)
    yield made
    made.close()


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory):
    torch.set_num_threads(1)
    made = TransformersEngine(
        save_checkpoint("qwen2_5_vl", tmp_path_factory.mktemp("q")), device="cpu"
    )
    yield made
    made.close()


def family_of(name: str) -> Family:
    """The tiny family in a layout the model can take; pictures keep their unequal sizes."""
    spec = get_family("tiny").spec
    layouts = {"transformers": "native" if name in NATIVE else "frames"}
    return Family(
        spec.model_copy(update={"layouts": layouts, "resize": None, "frames": "linspace:3"}),
        get_family("tiny").readers,
    )


def picture(seed: int) -> Part:
    shape = (40 + 16 * (seed % 3), 56, 3)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return Part(type="image", media=Image(pixels))


def clip(seed: int) -> Part:
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 40, 56, 3), dtype=np.uint8)
    return Part(type="video", media=Video(pixels, fps=8))


def record(task: str = "image_generation", name: str = "r", seed: int = 0, **more: Any) -> Record:
    """Two candidates, ``a`` better, of whatever kind the task judges."""
    prompt: list[Part] = []
    if task == "image_editing":
        prompt.append(picture(seed + 5).model_copy(update={"role": "source"}))
    if task.endswith("understanding"):
        prompt.append(picture(seed + 5) if task.startswith("image") else clip(seed + 5))
    prompt.append(Part.of_text("two red circles left of one blue square"))
    contents = {
        "image": [picture(seed), picture(seed + 1)],
        "video": [clip(seed), clip(seed + 1)],
        "words": [Part.of_text("two circles"), Part.of_text("one large red star")],
    }["words" if "understanding" in task or task == "text" else task.split("_")[0]]
    scores = {c: {"alignment": v, "overall": v} for c, v in (("a", 4.0), ("b", 2.0))}
    label: dict[str, Any] = {
        "ranking": [["a"], ["b"]], "scores": scores, "strength": 0.5,
        "scales": {"alignment": (1, 5), "overall": (1, 5)},
    }  # fmt: skip
    return Record(
        id=name,
        task=task,
        prompt=tuple(prompt),
        candidates=tuple(
            Candidate(id=c, content=(part,)) for c, part in zip("ab", contents, strict=True)
        ),
        label=Label(**(label | more)),
    )


def examples(
    family: Family, objective: Objective, records: list[Record], **config: Any
) -> tuple[list[Example], DataConfig]:
    settings = DataConfig(sources=({"world": "all/pair"},), **config)  # pyright: ignore
    maker = Maker(settings, family, objective)
    return [e for one in records for e in maker(one).examples], settings


def collated(
    engine: TransformersEngine, objective: Objective, records: list[Record], **config: Any
):
    family = family_of(engine.name)
    found, settings = examples(family, objective, records, **config)
    # The test checkpoints have two ends of a turn; the engine's first is the tokenizer's.
    return found, Collator(engine.processor, family, settings)(found)


def forward(engine: TransformersEngine, batch: dict[str, Any]) -> torch.Tensor:
    """Log-probabilities [M, V] at the supervised positions."""
    with torch.inference_mode():
        logits = engine.model(**batch["inputs"], use_cache=False).logits
    return logits.flatten(0, 1)[batch["logits_at"]].float().log_softmax(-1)


MIXED = ["image_generation", "image_editing", "image_understanding", "video_generation"]


def test_prompts_are_the_engines_own(engine: TransformersEngine) -> None:
    records = [record(task, f"r{k}", k) for k, task in enumerate(MIXED)]
    found, batch = collated(engine, "sft", records)
    assert batch["record_ids"] == [name for k in range(4) for name in [f"r{k}"] * 2]
    family, first, patches = family_of(engine.name), 0, 0
    for row, example in enumerate(found):
        (ask,) = asks_of(example, family)
        alone = engine._inputs([engine._prepare(0, ask)])
        prompt = alone["input_ids"][0].tolist()
        ids = batch["inputs"]["input_ids"][row].tolist()
        assert ids[: len(prompt)] == prompt
        said = batch["targets"][batch["sequence"] == row].tolist()
        assert ids[len(prompt) : len(prompt) + len(said)] == said
        assert engine.processor.tokenizer.decode(said[:-1]) == "".join(example.replies[0] or ())
        assert said[-1] == engine._end_tokens()[0]
        real = batch["inputs"]["attention_mask"][row]
        assert real.tolist() == [1] * (len(prompt) + len(said)) + [0] * (
            len(ids) - len(prompt) - len(said)
        )
        for key in ("pixel_values", "pixel_values_videos"):
            if key not in alone:
                continue
            n, start = len(alone[key]), first if key == "pixel_values" else patches
            own = batch["inputs"][key][start : start + n]
            if own.shape != alone[key].shape:  # padded up to the largest of the batch
                assert own.sum() == pytest.approx(alone[key].sum().item(), abs=1e-2)
                own = own[tuple(slice(size) for size in alone[key].shape)]
            assert torch.equal(own, alone[key])
            first, patches = (first + n, patches) if key == "pixel_values" else (first, patches + n)


def test_targets_have_the_engines_log_probabilities(engine: TransformersEngine) -> None:
    """Eight sequences of unlike lengths and media in one padded batch."""
    records = [record(task, f"r{k}", k) for k, task in enumerate(MIXED)]
    found, batch = collated(engine, "sft", records)
    logs = forward(engine, batch)
    picked = logs.gather(1, batch["targets"][:, None])[:, 0]
    family = family_of(engine.name)
    for row, example in enumerate(found):
        assert example.form is not None
        ask = family.ask(example.form, example.record, example.order, "transformers", choose=True)
        choices = engine.choose([ask])[0].choices or {}
        said = picked[batch["sequence"] == row][:-1].sum().item()
        assert said == pytest.approx(choices["".join(example.replies[0] or ())], abs=1e-5)


def test_long_replies_word_by_word(engine: TransformersEngine) -> None:
    """Each token of a trace against a forward of its own, without padding or batch."""
    rows = [record("image_generation", "r0", 0), record("image_understanding", "r1", 1)]
    modes = {"pair-score": 1.0, "score": 1.0}
    for one in rows:
        assert one.label is not None
        for own in (one.label.scores or {}).values():
            own |= {"coherence": 3.0, "style": 3.5}
    found, batch = collated(engine, "sft", rows, modes=modes)
    assert len(found) == 2 * 4
    picked = forward(engine, batch).gather(1, batch["targets"][:, None])[:, 0]
    for row, example in enumerate(found):
        alone = Collator(engine.processor, family_of(engine.name), _plain())([example])
        single = forward(engine, alone).gather(1, alone["targets"][:, None])[:, 0]
        assert picked[batch["sequence"] == row].tolist() == pytest.approx(single.tolist(), abs=1e-4)
        assert len(single) >= 5


def _plain() -> DataConfig:
    return DataConfig(sources=({"world": "all/pair"},))  # pyright: ignore


def test_words_alone_beside_pictures(engine: TransformersEngine) -> None:
    """Rows without media in a batch with media, and a batch of words alone after it."""
    family = family_of(engine.name)
    settings = _plain()
    collate = Collator(engine.processor, family, settings)
    shown = examples(family, "sft", [record()])[0][0]
    text = Record(
        id="t", task="text", prompt=(Part.of_text("one star"),),
        candidates=record("text").candidates, label=record("text").label,
    )  # fmt: skip
    told = examples(family, "dpo", [text])[0][0]
    both, alone = collate([told, shown]), collate([told])
    assert set(both["sequence"].tolist()) == {0, 1, 2}
    one = forward(engine, both)[both["sequence"] < 2]
    assert torch.allclose(one, forward(engine, alone), atol=1e-4)
    assert "pixel_values" not in alone["inputs"]


def test_pairs(qwen: TransformersEngine) -> None:
    tie = record(name="t", seed=3, ranking=[["a", "b"]], tie="bad", scores=None, strength=None)
    voted = record(name="v", seed=4, ranking=None, preference={"a": 0.3, "b": 0.6, "tie": 0.1})
    found, batch = collated(qwen, "pair", [record(), tie, voted], dimensions=("overall", "style"))
    assert [example.order for example in found] == [("a", "b"), ("a", "b"), ("b", "a")]
    assert batch["rows"] == 6
    assert batch["chosen"].tolist() == [0, 2, 4]
    assert batch["rejected"].tolist() == [1, 3, 5]
    assert batch["tie"].tolist() == [False, True, False]
    assert torch.isnan(batch["share"]).tolist() == [True, False, False]
    assert batch["share"][1:].tolist() == pytest.approx([0.5, 0.65])
    assert batch["margin"].tolist() == pytest.approx([0.5, math.nan, -0.5], nan_ok=True)
    assert batch["strength"].tolist() == pytest.approx([0.5, 0, 0.5])
    assert batch["pair_weights"].tolist() == [1, 1, 1]
    expected = [[0.75, math.nan], [0.25, math.nan], *[[math.nan] * 2] * 2,
                [0.25, math.nan], [0.75, math.nan]]  # fmt: skip
    for own, wanted in zip(batch["scores"].tolist(), expected, strict=True):
        assert own == pytest.approx(wanted, nan_ok=True)
    assert batch["absolute"].tolist() == pytest.approx(
        [math.nan] * 2 + [0, 0] + [math.nan] * 2, nan_ok=True
    )
    assert "logits_at" not in batch
    # Nothing is said: the sequences end where the head reads them.
    family = family_of(qwen.name)
    for row, (example, name) in enumerate([(e, n) for e in found for n in e.order]):
        assert example.form is not None
        ask = family.ask(example.form, example.record, (name,), "transformers")
        ids = qwen._inputs([qwen._prepare(0, ask)])["input_ids"][0].tolist()
        real = batch["inputs"]["attention_mask"][row].bool()
        assert batch["inputs"]["input_ids"][row][real].tolist() == ids


def test_points_and_weights(qwen: TransformersEngine) -> None:
    _, batch = collated(
        qwen, "point", [record()], dimensions=("alignment",), score_unit="raw", threshold=0.5,
        task_weights={"image_generation": 0.25},
    )  # fmt: skip
    assert batch["scores"].tolist() == [[4.0], [2.0]]
    assert batch["absolute"].tolist() == [1, 0]
    assert batch["score_weights"].tolist() == [0.25, 0.25]


def test_groups_for_listwise_losses(qwen: TransformersEngine) -> None:
    one = record()
    three = one.model_copy(
        update={
            "candidates": (*one.candidates, Candidate(id="c", content=(picture(7),))),
            "label": Label(ranking=(("c",), ("a", "b"))),
        }
    )
    found, batch = collated(qwen, "pair", [one, three], pairs="group")
    assert [example.kind for example in found] == ["pair", "group"]
    assert found[1].order == ("c", "a", "b")
    assert batch["ranking"].tolist() == [2, 3, 4]
    assert batch["ranking_tier"].tolist() == [0, 1, 1]
    assert len(set(batch["ranking_group"].tolist())) == 1
    assert batch["chosen"].tolist() == [0]


def test_yes_no_beside_captions(qwen: TransformersEngine) -> None:
    found, batch = collated(qwen, "yes-no", [record()], caption={"ask": "image 1 : <1> describe :"})
    assert [example.kind for example in found] == ["yes-no", "yes-no", "caption"]
    answered = ~batch["yes_share"].isnan()
    assert batch["yes_share"][answered].tolist() == [0.75, 0.25]
    assert batch["targets"][answered].tolist() == [-100, -100]
    assert batch["sequence"][answered].tolist() == [0, 1]
    width = batch["inputs"]["input_ids"].shape[1]
    lengths = batch["inputs"]["attention_mask"].sum(1).tolist()
    # The position after which the answer would stand: the last of the prompt.
    assert batch["logits_at"][answered].tolist() == [lengths[0] - 1, width + lengths[1] - 1]
    said = batch["targets"][batch["sequence"] == 2].tolist()[:-1]
    assert qwen.processor.tokenizer.decode(said) == "two red circles left of one blue square"
    assert batch["yes_weights"][~answered].sum() == 0


def test_dpo_prefers_answers_after_one_prompt(qwen: TransformersEngine) -> None:
    _, batch = collated(qwen, "dpo", [record("image_understanding")])
    tokenizer = qwen.processor.tokenizer
    said = [tokenizer.decode(batch["targets"][batch["sequence"] == row][:-1]) for row in (0, 1)]
    assert said == ["two circles", "one large red star"]
    assert (batch["chosen"].tolist(), batch["rejected"].tolist()) == ([0], [1])
    ids = batch["inputs"]["input_ids"]
    prompt = int(batch["logits_at"][0]) + 1
    assert ids[0, :prompt].tolist() == ids[1, :prompt].tolist()
    assert "two red circles" in tokenizer.decode(ids[0, :prompt])
    # Each row shows its own copy of the picture.
    half = len(batch["inputs"]["pixel_values"]) // 2
    pixels = batch["inputs"]["pixel_values"]
    assert torch.equal(pixels[:half], pixels[half:])


def test_dpo_of_verdicts(qwen: TransformersEngine) -> None:
    found, batch = collated(qwen, "dpo", [record()], dpo="verdicts")
    assert [example.order for example in found] == [("a", "b"), ("b", "a")]
    said = qwen.processor.tokenizer.decode
    words = [said(batch["targets"][batch["sequence"] == row][:-1]) for row in range(4)]
    assert words == ["1", "2", "2", "1"]
    assert batch["chosen"].tolist() == [0, 2]


def test_fixed_words_weigh_less() -> None:
    from unireward.engines.processor import load_processor

    processor = load_processor(str(TINY))
    encoder = Encoder(processor, fixed_weight=0.1)
    ask = asks_of(examples(family_of("qwen3_vl"), "sft", [record()])[0][0], get_family("tiny"))
    pieces = ("alignment ", "4.25 ", "style ", "3.0")
    (row,) = encoder(ask, [pieces])
    words = [processor.tokenizer.decode([token]) for token in row.reply]
    assert words == ["alignment", "4.25", "style", "3.0", "<|end|>"]
    assert row.weights == [0.1, 1, 0.1, 1, 0.1]


# Nothing is cut, nothing is replaced ------------------------------------------------------------


def test_too_long_is_said_or_counted_and_never_cut(qwen: TransformersEngine) -> None:
    records = [record(name="short"), record("image_editing", "long", 1)]
    family = family_of(qwen.name)
    found, settings = examples(family, "sft", records, orders="given")
    lengths = [len(Collator(qwen.processor, family, settings).sequences(e)[0]) for e in found]
    limit = lengths[0]
    assert lengths[1] > limit
    strict = settings.model_copy(update={"max_tokens": limit})
    with pytest.raises(InputError, match=rf"record long: a sequence has {lengths[1]} tokens") as no:
        Collator(qwen.processor, family, strict)(found)
    assert "\n" not in str(no.value)
    lax = strict.model_copy(update={"too_long": "skip"})
    batch = Collator(qwen.processor, family, lax)(found)
    assert batch["skipped"] == {"longer than max_tokens": 1}
    assert batch["record_ids"] == ["short"]
    assert batch["inputs"]["input_ids"].shape == (1, limit)
    tight = lax.model_copy(update={"max_tokens": 5})
    nothing = Collator(qwen.processor, family, tight)(found)
    assert (nothing["rows"], nothing["inputs"], nothing["record_ids"]) == (0, {}, [])
    assert nothing["skipped"] == {"longer than max_tokens": 2}


def test_an_unreadable_picture_names_row_and_path(qwen: TransformersEngine, tmp_path: Path) -> None:
    bad = tmp_path / "torn.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\nno more")
    good = record(name="good", seed=2)
    torn = good.model_copy(
        update={
            "id": "torn",
            "candidates": (
                good.candidates[0], Candidate(id="b", content=(Part(type="image", path=str(bad)),))
            ),
        }
    )  # fmt: skip
    family = family_of(qwen.name)
    settings = DataConfig(sources=({"world": "all/pair"},), orders="given")  # pyright: ignore
    maker = Maker(settings, family, "sft")
    place = Place(Path("train.jsonl"), 90_001)
    found = [*maker(torn, place=place).examples, *maker(good).examples]
    with pytest.raises(LineError, match=r"^train\.jsonl:90001: record torn: .*torn\.png") as caught:
        Collator(qwen.processor, family, settings)(found)
    assert caught.value.line == 90_001
    lax = settings.model_copy(update={"media": "skip"})
    batch = Collator(qwen.processor, family, lax)(found)
    assert batch["skipped"] == {"media missing or unreadable": 1}
    assert batch["record_ids"] == ["good"]


def test_a_picture_the_processor_refuses(qwen: TransformersEngine) -> None:
    thin = Part(type="image", media=Image(np.zeros((2, 450, 3), np.uint8)))
    one = record(name="thin")
    one = one.model_copy(
        update={"candidates": (one.candidates[0], Candidate(id="b", content=(thin,)))}
    )
    family = family_of(qwen.name)
    found, settings = examples(family, "sft", [one, record()], orders="given")
    with pytest.raises(InputError, match=r"record thin: .* refuses this ask"):
        Collator(qwen.processor, family, settings)(found)
    lax = settings.model_copy(update={"unusable": "skip"})
    batch = Collator(qwen.processor, family, lax)(found)
    assert (batch["record_ids"], batch["skipped"]) == (["r"], {"cannot be shown": 1})


def test_native_clips_need_a_model_that_takes_them(tmp_path: Path) -> None:
    engine = TransformersEngine(save_checkpoint("llava_onevision", tmp_path), device="cpu")
    found, settings = examples(get_family("tiny"), "sft", [record("video_generation")])
    with pytest.raises(InputError, match="takes no native video here; set the family's layout"):
        Collator(engine.processor, get_family("tiny"), settings)(found)


def test_parts_hold_their_tokens_and_all_examples(qwen: TransformersEngine) -> None:
    tasks = ["image_generation", "image_editing", "video_generation", "image_understanding"]
    records = [record(task, f"r{k}", k) for k, task in enumerate(tasks)]
    family = family_of(qwen.name)
    found, settings = examples(family, "sft", records, orders="given", part_tokens=130)
    parts, skipped = Collator(qwen.processor, family, settings).parts(found)
    assert skipped == {}
    assert len(parts) > 1
    assert sorted(name for part in parts for name in part["record_ids"]) == ["r0", "r1", "r2", "r3"]
    for part in parts:
        assert part["inputs"]["input_ids"].numel() <= 130 or part["rows"] == 1
    whole = Collator(qwen.processor, family, _plain())(found)
    assert sum(len(part["targets"]) for part in parts) == len(whole["targets"])


def test_stacked_fills_with_zeros() -> None:
    out = stacked([torch.ones(2, 3, 4), torch.full((1, 5, 2), 2.0)])
    assert out.shape == (3, 5, 4)
    assert out[:2, :3].sum() == 24
    assert out[2, :, :2].sum() == 20
    assert out.sum() == 44


# The end of a turn ------------------------------------------------------------------------------


class _Talk:
    """A processor with a chat template in the manner of a published one."""

    def __init__(self, tokenizer: Any, template: str) -> None:
        self.tokenizer = tokenizer
        tokenizer.chat_template = template

    def apply_chat_template(self, turns: Any, **settings: Any) -> str:
        return self.tokenizer.apply_chat_template(turns, **settings)


PART = "{% for p in m['content'] %}{{ p['text'] }}{% endfor %}"
TEMPLATES = {
    "closes every turn (Qwen)": (
        "{% for m in messages %}<|vision_start|>{{ m['role'] }}\n" + PART + "<|vision_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|vision_start|>assistant\n{% endif %}",
        "<|vision_end|>",
    ),
    "closes what was said (Vicuna)": (
        "{% for m in messages %}{% if m['role'] == 'user' %}USER: " + PART + " ASSISTANT:"
        "{% else %}" + PART + "<end_of_utterance>{% endif %}{% endfor %}",
        "<end_of_utterance>",
    ),
    "closes nothing": ("{% for m in messages %}" + PART + "{% endfor %}", "<|end|>"),
    "asks after every turn": (
        "{% for m in messages %}" + PART + "{% endfor %}<|reply|>", "<|end|>"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TEMPLATES)
def test_end_of_turn(name: str) -> None:
    from tests.engines.architectures import words_tokenizer

    template, token = TEMPLATES[name]
    tokenizer = words_tokenizer()
    found = end_of_turn(_Talk(tokenizer, template))
    assert tokenizer.convert_ids_to_tokens(found) == token


def test_prompt_of_is_where_the_reply_begins(qwen: TransformersEngine) -> None:
    found, _ = examples(family_of(qwen.name), "sft", [record()])
    (ask,) = asks_of(found[0], family_of(qwen.name))
    prompt = prompt_of(qwen.processor, ask, "q")
    assert prompt.text.endswith("<|reply|>")
    assert len(prompt.images) == 2
