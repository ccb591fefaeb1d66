"""A config checked without weights: counts by hand, memory against what PyTorch really keeps."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image

from tests.training.runs import body
from unireward.cli import main
from unireward.errors import InputError
from unireward.training.blank import shapes_of, weights_of
from unireward.training.config import LoraConfig, TrainConfig, parse_config
from unireward.training.dry_run import DryRun, dry_run
from unireward.training.memory import Load, Setting, memory, per_token
from unireward.training.optimiser import make_optimiser
from unireward.training.parts import with_lora
from unireward.training.trainee import Trainee

# The published sizes of Qwen2.5-VL-7B-Instruct.
WIDTH, INNER, LAYERS, VOCABULARY, KEY = 3584, 18944, 28, 152064, 512
SEEN, SEEN_INNER, SEEN_LAYERS = 1280, 3420, 32


def qwen_config(text: dict[str, Any], vision: dict[str, Any]) -> Any:
    from transformers import Qwen2_5_VLConfig

    return Qwen2_5_VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=False)


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the config.json of a 7B model and nothing else."""
    folder = tmp_path_factory.mktemp("seven")
    sections = [16, 24, 24]
    text = {
        "vocab_size": VOCABULARY, "hidden_size": WIDTH, "intermediate_size": INNER,
        "num_hidden_layers": LAYERS, "num_attention_heads": 28, "num_key_value_heads": 4,
        "max_position_embeddings": 128000,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": sections},
    }  # fmt: skip
    vision = {
        "depth": SEEN_LAYERS, "hidden_size": SEEN, "intermediate_size": SEEN_INNER,
        "num_heads": 16, "out_hidden_size": WIDTH,
    }  # fmt: skip
    qwen_config(text, vision).save_pretrained(folder)
    return folder


def seven_config(folder: Path, out: Path, **given: Any) -> TrainConfig:
    model = {"path": str(folder), "family": "unifiedreward-2", "dtype": "bfloat16"}
    return parse_config(
        {
            "output": str(out),
            "model": {**model, **given.pop("model", {})},
            "data": {"sources": [{"world": "image_generation/pair"}]},
            "objective": {"sft": {}},
            "steps": 1000,
            "batch": {"size": 64, "accumulation": 4},
            "precision": "bfloat16",
            **given,
        }
    )


def by_hand() -> dict[str, int]:
    layer = (
        2 * WIDTH  # norms
        + WIDTH * WIDTH + WIDTH + 2 * (WIDTH * KEY + KEY) + WIDTH * WIDTH
        + 3 * WIDTH * INNER
    )  # fmt: skip
    seen = (
        2 * SEEN
        + SEEN * 3 * SEEN + 3 * SEEN + SEEN * SEEN + SEEN
        + 3 * SEEN * SEEN_INNER + 2 * SEEN_INNER + SEEN
    )  # fmt: skip
    merged = 4 * SEEN
    return {
        "language": LAYERS * layer + 2 * VOCABULARY * WIDTH + WIDTH,
        "vision": SEEN_LAYERS * seen + 3 * 2 * 14 * 14 * SEEN,
        "projector": SEEN + merged * merged + merged + merged * WIDTH + WIDTH,
    }


def test_a_7b_model_is_counted_without_its_weights(seven: Path, tmp_path: Path) -> None:
    found = dry_run(seven_config(seven, tmp_path / "out"), gpus=8)
    expected = by_hand()
    assert {part: found.parameters[part]["all"] for part in expected} == expected
    assert found.parameters["total"]["all"] == sum(expected.values()) == 8_292_166_656
    assert found.parameters["total"]["trained"] == 8_292_166_656
    assert [way.strategy for way in found.stages[0].memory] == ["ddp", "zero2", "zero3", "fsdp"]
    ddp, zero2, zero3, fsdp = (way.held for way in found.stages[0].memory)
    n = 8_292_166_656
    assert ddp["weights"] == ddp["gradients"] == 2 * n
    assert zero2["weights"] == 2 * n
    assert zero2["masters"] + zero2["optimiser"] == 12 * n // 8
    assert zero3["weights"] + zero3["gradients"] == 4 * n // 8
    assert fsdp["weights"] + fsdp["gradients"] + fsdp["optimiser"] == 16 * n // 8
    assert not found.ok  # there is no tokenizer
    assert any("no processor" in problem.text for problem in found.problems)
    assert any("no float32 master" in problem.text for problem in found.problems)
    assert all(len(line) <= 80 for line in found.lines())


def test_lora_and_a_frozen_part_are_counted_by_hand(seven: Path, tmp_path: Path) -> None:
    given = {"lora": {"r": 16}, "head": {"kind": "linear"}, "freeze": ["vision"]}
    found = dry_run(seven_config(seven, tmp_path / "out", model=given))
    wide = [(WIDTH, WIDTH), (WIDTH, KEY), (WIDTH, KEY), (WIDTH, WIDTH),
            (WIDTH, INNER), (WIDTH, INNER), (INNER, WIDTH)]  # fmt: skip
    adapters = LAYERS * sum(16 * (a + b) for a, b in wide)
    assert found.parameters["adapters"] == {"all": adapters, "trained": adapters}
    assert found.parameters["head"]["trained"] == WIDTH
    assert found.parameters["vision"]["trained"] == found.parameters["language"]["trained"] == 0
    (alone,) = found.stages[0].memory
    # The adapters and the head are float32 beside a bfloat16 model.
    assert alone.held["weights"] == 2 * 8_292_166_656 + 4 * (adapters + WIDTH)
    assert alone.held["gradients"] == 4 * (adapters + WIDTH)
    tensors = 2 * 7 * LAYERS + 1
    assert alone.held["optimiser"] == 8 * (adapters + WIDTH) + 4 * tensors


def test_without_a_processor_the_longest_sequences_are_taken(seven: Path, tmp_path: Path) -> None:
    given = {
        "data": {"sources": [{"world": "image_generation/pair"}], "max_tokens": 4096},
        "model": {"gradient_checkpointing": True},
    }
    found = dry_run(seven_config(seven, tmp_path / "out", **given), gpus=8)
    assert "sequences of max_tokens" in str(found.stages[0].not_measured)
    held = found.stages[0].memory[0].held["activations"]
    # Two sequences a micro-batch: each layer's input, and one layer with two norms (float32 and
    # bfloat16), five inputs, query, key, value, result, four of the MLP, and a row of the mask.
    layer = 2 * (4 + 2) * WIDTH + 2 * (2 + 4) * WIDTH + 2 * 4 * INNER + 2 * 4096
    assert held == 2 * 4096 * (LAYERS * 2 * WIDTH + layer)


def test_a_frozen_model_with_nothing_to_train_is_said(seven: Path, tmp_path: Path) -> None:
    given = {"freeze": ["vision", "projector", "language"]}
    found = dry_run(seven_config(seven, tmp_path / "out", model=given))
    assert any("nothing is left to train" in problem.text for problem in found.problems)
    with pytest.raises(InputError, match=r"no config\.json"):
        dry_run(seven_config(tmp_path, tmp_path / "out"))


# Memory against what is kept -------------------------------------------------------------------

SMALL_TEXT = {
    "vocab_size": 100, "hidden_size": 64, "intermediate_size": 160, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 4096, "pad_token_id": 0,
    "bos_token_id": 1, "eos_token_id": 2,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 3, 3]},
}  # fmt: skip
SMALL_VISION = {"depth": 1, "hidden_size": 32, "intermediate_size": 80, "num_heads": 2,
                "out_hidden_size": 64}  # fmt: skip
ROWS, LENGTH = 2, 256


def small(layers: int, dtype: torch.dtype, lora: bool, freeze: bool) -> Trainee:
    from transformers import AutoModelForImageTextToText

    config = qwen_config({**SMALL_TEXT, "num_hidden_layers": layers}, SMALL_VISION)
    model = AutoModelForImageTextToText.from_config(config, dtype=dtype)
    if freeze:
        model.requires_grad_(False)
        model.model.language_model.embed_tokens.requires_grad_(True)
    if lora:
        model = with_lora(model, LoraConfig(r=8), 0)
    return Trainee(model)


def kept(trainee: Trainee, half: bool, padded: bool) -> tuple[int, int]:
    """Bytes of activations that autograd keeps of a forward pass: states, and copies of weights."""
    ids = torch.ones(ROWS, LENGTH, dtype=torch.long)
    mask = torch.ones_like(ids)
    if padded:
        mask[0, -7:] = 0
    shapes = {tuple(w.shape) for w in trainee.parameters()}
    shapes |= {shape[::-1] for shape in shapes}
    own = {weight.untyped_storage().data_ptr() for weight in trainee.parameters()}
    states: dict[int, torch.Tensor] = {}
    copies: dict[int, torch.Tensor] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        place = tensor.untyped_storage().data_ptr()
        if place not in own:
            (copies if tuple(tensor.shape) in shapes else states)[place] = tensor
        return tensor

    inner = trainee.language_model.model
    cast = torch.autocast("cpu", torch.bfloat16) if half else nullcontext()
    with cast, torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        inner(input_ids=ids, attention_mask=mask)

    def total(of: dict[int, torch.Tensor]) -> int:
        return sum(tensor.untyped_storage().nbytes() for tensor in of.values())

    return total(states), total(copies)


CASES = {
    "float32": (torch.float32, False, False, False, False),
    "padded": (torch.float32, False, False, False, True),
    "autocast": (torch.float32, True, False, False, True),
    "bfloat16": (torch.bfloat16, False, False, False, True),
    "bfloat16-autocast": (torch.bfloat16, True, False, False, False),
    "lora": (torch.float32, False, True, False, False),
    "lora-bfloat16": (torch.bfloat16, False, True, False, False),
    "lora-autocast": (torch.bfloat16, True, True, False, True),
    "frozen": (torch.float32, False, False, True, False),
    "frozen-autocast": (torch.bfloat16, True, False, True, False),
}


@pytest.mark.parametrize("name", CASES)
def test_activations_of_a_layer_are_what_autograd_keeps(name: str) -> None:
    dtype, half, lora, freeze, padded = CASES[name]
    pair = [small(layers, dtype, lora, freeze) for layers in (1, 2)]
    one, two = (kept(trainee, half, padded)[0] for trainee in pair)
    measured = (two - one) / (ROWS * LENGTH)
    weights = weights_of(pair[1])
    (block,) = [block for block in shapes_of(pair[1]) if block.part == "language"]
    load = Load(ROWS * LENGTH, LENGTH, padded)
    told = per_token(block, weights, Setting(half=half, rank=8 if lora else 0), load)
    # Beside the estimate stand the norms' deviations and the softmax's sums: 8 bytes, 4 a head.
    assert measured - told == 8 + 4 * 4


def test_autocast_copies_are_what_autograd_keeps() -> None:
    pair = [small(layers, torch.float32, False, False) for layers in (1, 2)]
    one, two = (kept(trainee, True, False)[1] for trainee in pair)
    products = [w for w in weights_of(pair[1]) if w.product and "layers.1." in w.name]
    assert two - one == sum(2 * w.count for w in products) == 2 * (2 * 64 * 64 + 2 * 64 * 32
                                                                 + 3 * 64 * 160)  # fmt: skip


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_weights_gradients_and_states_of_the_tiny_judge_are_exact(name: str) -> None:
    from recipes.tiny_judge.model import build
    from unireward.training.config import OptimiserConfig

    trainee = Trainee(build(0).model, auxiliary={"score": 4})
    optimiser = make_optimiser(trainee, OptimiserConfig(name=name))  # pyright: ignore[reportArgumentType]
    for weight in trainee.parameters():
        weight.grad = torch.zeros_like(weight)
    optimiser.step()
    inner = getattr(optimiser, "parts", [optimiser])
    tensors = [value for part in inner for state in part.state.values() for value in state.values()]
    held = memory(weights_of(trainee), [], Setting(muon=name == "muon"), None, "ddp", 1).held
    assert held["weights"] == sum(weight.nbytes for weight in trainee.parameters())
    assert held["gradients"] == held["weights"]
    assert held["optimiser"] == sum(tensor.nbytes for tensor in tensors)


def test_checkpointing_keeps_a_layers_input_and_one_layer() -> None:
    trainee = small(2, torch.float32, False, False)
    weights, blocks = weights_of(trainee), shapes_of(trainee)
    load = Load(1000, 500, False)
    held = memory(weights, blocks, Setting(checkpointing=True), load, "ddp", 1).held
    (block,) = [block for block in blocks if block.part == "language"]
    one = per_token(block, weights, Setting(), load)
    assert held["activations"] == 1000 * (2 * 4 * 64 + one)


# The data --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny judge's config and processor, without weights."""
    from recipes.tiny_judge.model import build

    folder = tmp_path_factory.mktemp("tiny")
    build(0).save_processor(folder)
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    rows = []
    for number in range(6):
        for name in "ab":
            Image.new("RGB", (64, 64), (40 * number, 0, 0)).save(folder / f"{number}{name}.png")
        sides = [
            {"id": name, "content": [{"type": "image", "path": f"{number}{name}.png"}]}
            for name in "ab"
        ]
        rows.append(
            {"schema": 1, "id": f"r{number}", "task": "image_generation", "candidates": sides,
             "prompt": [{"type": "text", "text": "two red circles"}],
             "label": {"ranking": [["a"], ["b"]]}}
        )  # fmt: skip
    file = folder / "pairs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def pairs_config(checkpoint: Path, records: Path, out: Path, **given: Any) -> TrainConfig:
    return parse_config(
        {
            "output": str(out),
            "model": {"path": str(checkpoint), "family": "tiny"},
            "data": {"sources": [{"records": str(records)}]},
            "objective": {"sft": {}},
            "steps": 30,
            "schedule": {"warmup": 0.1},
            "batch": {"size": 8, "accumulation": 2},
            "device": "cpu",
            **given,
        }
    )


def test_the_first_examples_are_read(checkpoint: Path, pairs: Path, tmp_path: Path) -> None:
    found = dry_run(pairs_config(checkpoint, pairs, tmp_path / "out"), gpus=2)
    assert found.ok
    (stage,) = found.stages
    data = stage.data
    assert data is not None
    assert (stage.warmup, stage.to_dict()["examples"]) == (3, 240)
    assert data.available == 12  # six pairs in both orders
    assert data.media.mean == data.media.max == 32  # two pictures of sixteen tokens
    assert data.tokens.max > 32
    # All questions are as long as each other, so no token is padding.
    assert data.micro_batch.mean == 2 * data.tokens.mean == data.step / 4
    assert data.load is not None
    assert data.load.patches == 2 * 32
    assert data.load.positions == 2 * data.replies.max
    text = "\n".join(found.lines())
    assert "12, each used 20 times" in text
    assert max(map(len, text.splitlines())) <= 80


def problems(found: DryRun) -> str:
    return "\n".join(problem.text for problem in found.problems)


def test_what_stands_in_the_way_is_said(checkpoint: Path, pairs: Path, tmp_path: Path) -> None:
    given = {
        "evaluation": {"every": 50, "records": str(tmp_path / "none.jsonl"), "keep": "last"},
        "trainer": {"fsdp": True, "bogus": 1},
        "optimiser": {"name": "muon"},
    }
    config = pairs_config(checkpoint, pairs, tmp_path / "out", **given)
    found = dry_run(config, gpus=3)
    said = problems(found)
    assert not found.ok
    assert "trainer.bogus" in said
    assert "do not divide by 3 devices x 2" in said
    assert "sharded are not judged in the loop" in said
    assert "none.jsonl" in said
    assert "nothing is judged" in said
    assert [way.strategy for way in found.stages[0].memory] == ["fsdp"]
    said = problems(dry_run(config, gpus=8))
    assert "leave some empty" in said


def test_a_deepspeed_file_is_read(checkpoint: Path, pairs: Path, tmp_path: Path) -> None:
    file = tmp_path / "zero.json"
    file.write_text(json.dumps({"zero_optimization": {"stage": 3}}))
    given = {"trainer": {"deepspeed": str(file)}, "optimiser": {"name": "muon"}}
    found = dry_run(pairs_config(checkpoint, pairs, tmp_path / "out", **given), gpus=4)
    assert [way.strategy for way in found.stages[0].memory] == ["zero3"]
    assert "the weights are sharded; use adamw" in problems(found)
    file.write_text("{")
    found = dry_run(pairs_config(checkpoint, pairs, tmp_path / "out", **given), gpus=4)
    assert "cannot be read" in problems(found)


def test_bad_data_is_said_and_the_rest_told(checkpoint: Path, pairs: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.jsonl"
    torn.write_text(pairs.read_text() + '{"schema": 1, "id": "x"}\n')
    found = dry_run(pairs_config(checkpoint, torn, tmp_path / "out"))
    assert "torn.jsonl" in problems(found)
    assert found.parameters["total"]["all"] > 1_000_000
    assert found.stages[0].not_measured is not None
    given = {"objective": {"words": {"wrong": "wrong", "right": "umbrella"}}}
    found = dry_run(pairs_config(checkpoint, pairs, tmp_path / "out", **given))
    assert "umbrella" in problems(found)


def test_a_sequence_longer_than_the_model_knows(
    checkpoint: Path, pairs: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "short"
    folder.mkdir()
    for file in checkpoint.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    said = json.loads((folder / "config.json").read_text())
    said["text_config"]["max_position_embeddings"] = 40
    (folder / "config.json").write_text(json.dumps(said))
    assert "max_position_embeddings" in problems(
        dry_run(pairs_config(folder, pairs, tmp_path / "out"))
    )


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(body(tmp_path / "out")))
    return file


def test_the_command_writes_nothing(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["train", str(recipe), "--dry-run", "--gpus", "2", "--json"])
    assert left.value.code in (0, None)
    found = json.loads(capsys.readouterr().out)
    assert found["parameters"]["total"]["all"] == 1_641_732
    assert found["stages"][0]["data"]["sequences"] == 16
    assert not (tmp_path / "out").exists()
