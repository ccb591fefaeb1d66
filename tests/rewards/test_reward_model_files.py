"""Checkpoints of reward models: the same scores by every loader, and never half a folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from tests.full_disk import python_on_full_disk
from tests.rewards.reward_backbones import batch_of, checkpoint, scores
from unireward.errors import InputError
from unireward.families.judge_json import load_judge_json
from unireward.rewards.reward_folder import replaced, settle
from unireward.rewards.reward_model import RewardModel

FAMILY = "unifiedreward-2"
HEADS: dict[str, dict[str, Any]] = {
    "linear": {"kind": "linear", "names": ["helpful", "correct"]},
    "mark": {"kind": "linear", "pool": "mark", "marks": {".": None}},
    "mlp": {"kind": "mlp", "depth": 3, "activation": "tanh"},
    "mean-pool": {"kind": "mean-pool"},
    "gaussian": {"kind": "gaussian"},
    "multi-output": {"kind": "multi-output", "names": ["a", "b"], "mean": [0.3, 0.1],
                     "std": [0.1, 7.0], "weights": [1.0, 2.0]},
    "gated": {"kind": "gated", "aspects": {"x": ["a", "b"], "y": ["c"]}, "gate_width": 8},
    "attention-pool": {"kind": "attention-pool", "layers": [1, -1], "heads": 4},
    "ridge": {"kind": "ridge", "alpha": 1.0},
}  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    torch.set_num_threads(1)
    names = ("qwen2_5_vl", "qwen3_vl", "llava_onevision", "gemma3", "qwen3_5")
    return {name: checkpoint(name, tmp_path_factory.mktemp(name)) for name in names}


@pytest.fixture
def base(folders: dict[str, Path]) -> Path:
    return folders["qwen2_5_vl"]


@pytest.fixture
def saved(base: Path, tmp_path: Path) -> Path:
    started(base, HEADS["linear"]).save(tmp_path / "saved", family=FAMILY)
    return tmp_path / "saved"


def started(folder: Path, head: dict[str, Any], seed: int = 0) -> RewardModel:
    return RewardModel.start(folder, head, device="cpu", seed=seed).eval()


def loaded(folder: Path) -> RewardModel:
    return RewardModel.load(folder, device="cpu")


# The same scores ----------------------------------------------------------------------------


@pytest.mark.parametrize("head", HEADS)
def test_what_is_loaded_scores_as_what_was_saved(base: Path, tmp_path: Path, head: str):
    model = started(base, HEADS[head])
    out = model.save(tmp_path / "out", family=FAMILY, judge="mine@1", meta={"steps": 3})
    again = loaded(out)
    assert not again.training
    batch = batch_of(out, [0, 1])
    with torch.no_grad():
        one, two = model(batch), again(batch)
    assert torch.equal(one.scores, two.scores)
    assert (one.sigma is None) == (two.sigma is None) == (head != "gaussian")
    assert again.head.names == model.head.names
    said = load_judge_json(out)
    assert (said.judge, said.meta, said.family) == ("mine@1", {"steps": 3}, "unifiedreward-2/qwen")
    assert said.head is not None
    assert {k: said.head[k] for k in ("kind", "hidden_size", "model_type", "file")} == {
        "kind": model.head.kind, "hidden_size": 32, "model_type": "qwen2_5_vl",
        "file": "score.weight" if head == "linear" else "head.safetensors",
    }  # fmt: skip
    assert (out / "head.safetensors").exists() == (head != "linear")


@pytest.mark.parametrize("name", ["qwen2_5_vl", "qwen3_vl", "llava_onevision", "gemma3", "qwen3_5"])
def test_a_linear_head_is_the_base_times_score_weight(
    folders: dict[str, Path], tmp_path: Path, name: str
):
    """By hand with plain transformers, from the files alone: what an engine computes."""
    model = started(folders[name], HEADS["linear"])
    out = model.save(tmp_path / "out", family=FAMILY)
    config = json.loads((out / "config.json").read_text())
    weights = load_file(out / "model.safetensors")
    published = {n for n in load_file(folders[name] / "model.safetensors") if "lm_head" not in n}
    assert set(weights) == published | {"score.weight"}
    assert weights["score.weight"].shape == (2, 32)
    whole = transformers.AutoConfig.from_pretrained(folders[name]).architectures[0]
    assert config["architectures"] == [
        whole.replace("ForConditionalGeneration", "ForSequenceClassification")
    ]
    assert config["id2label"] == {"0": "helpful", "1": "correct"}
    assert config["problem_type"] == "regression"
    assert transformers.AutoConfig.from_pretrained(out).num_labels == 2

    plain = transformers.AutoModel.from_pretrained(out).eval()
    batch = batch_of(folders[name], [1])
    with torch.no_grad():
        state = plain(**batch, return_dict=True).last_hidden_state[0, -1]
    expected = weights["score.weight"] @ state
    torch.testing.assert_close(scores(loaded(out), batch)[0], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("gemma3", "Gemma3ForSequenceClassification"),
        ("qwen3_5", "Qwen3_5ForSequenceClassification"),
    ],
)
@pytest.mark.parametrize("images", [True, False])
def test_transformers_own_classifier_gives_the_same(
    folders: dict[str, Path], tmp_path: Path, name: str, cls: str, images: bool
):
    out = started(folders[name], HEADS["linear"]).save(tmp_path / "out", family=FAMILY)
    found, told = transformers.AutoModelForSequenceClassification.from_pretrained(
        out, output_loading_info=True
    )
    assert type(found).__name__ == cls
    assert not told["missing_keys"]
    assert not told["unexpected_keys"]
    batch = batch_of(out, [0, 1], "right", images=images)
    with torch.no_grad():
        logits = found.eval()(**batch).logits
    torch.testing.assert_close(scores(loaded(out), batch), logits, atol=1e-5, rtol=1e-5)


def test_a_checkpoint_of_transformers_own_classifier_is_read(
    folders: dict[str, Path], tmp_path: Path
):
    config = transformers.AutoConfig.from_pretrained(folders["qwen3_5"])
    config.id2label = {0: "safe", 1: "kind"}
    theirs = transformers.AutoModelForSequenceClassification.from_config(config).eval()
    theirs.save_pretrained(tmp_path)
    model = loaded(tmp_path)
    assert model.head.names == ("safe", "kind")
    batch = batch_of(folders["qwen3_5"], [0, 2], "right", images=False)
    with torch.no_grad():
        logits = theirs(**batch).logits
    torch.testing.assert_close(scores(model, batch), logits, atol=1e-5, rtol=1e-5)


def test_a_whole_backbone_keeps_its_output_layer_beside_a_richer_head(base: Path, tmp_path: Path):
    whole = transformers.AutoModelForImageTextToText.from_pretrained(base)
    head = started(base, HEADS["mlp"]).head
    model = RewardModel(whole, head, source=base).eval()
    out = model.save(tmp_path / "out", family=FAMILY)
    again = transformers.AutoModelForImageTextToText.from_pretrained(out)
    assert torch.equal(again.lm_head.weight, whole.lm_head.weight)
    batch = batch_of(out, [0])
    assert torch.equal(scores(loaded(out), batch), scores(model, batch))


def test_a_new_mark_is_in_the_saved_tokenizer(base: Path, tmp_path: Path):
    head = {"kind": "gaussian", "pool": "mark", "marks": {"<|Reward|>": None}}
    model = started(base, head)
    out = model.save(tmp_path / "out", family=FAMILY)
    tokenizer = transformers.AutoTokenizer.from_pretrained(out)
    number = tokenizer.convert_tokens_to_ids("<|Reward|>")
    assert number == model.head.marks["<|Reward|>"] == len(tokenizer) - 1
    assert tokenizer("one <|Reward|>", add_special_tokens=False).input_ids[-1] == number
    assert loaded(out).head.marks == {"<|Reward|>": number}


def test_dtype_frozen_parts_and_side_files_stay(base: Path, tmp_path: Path):
    model = started(base, HEADS["mlp"])
    model.backbone.to(torch.bfloat16)
    model.freeze(["vision"])
    out = model.save(tmp_path / "out", family=FAMILY)
    again = loaded(out)
    assert next(again.backbone.parameters()).dtype == torch.bfloat16
    assert next(again.head.parameters()).dtype == torch.float32
    assert again.frozen == ("vision",)
    assert not again.backbone.visual.blocks[0].attn.qkv.weight.requires_grad
    for name in ("tokenizer.json", "preprocessor_config.json", "video_preprocessor_config.json",
                 "chat_template.jinja"):  # fmt: skip
        assert (out / name).read_bytes() == (base / name).read_bytes()


def test_a_state_gathered_elsewhere_is_what_is_saved(base: Path, tmp_path: Path):
    model, other = started(base, HEADS["mlp"]), started(base, HEADS["mlp"], seed=5)
    out = model.save(tmp_path / "out", family=FAMILY, state=other.state_dict())
    batch = batch_of(base, [0])
    assert torch.equal(scores(loaded(out), batch), scores(other, batch))


# What does not fit --------------------------------------------------------------------------


def rewritten(folder: Path, file: str, change: Any) -> None:
    tensors = load_file(folder / file)
    change(tensors)
    save_file(tensors, folder / file, metadata={"format": "pt"})


def told(folder: Path, **head: Any) -> None:
    body = json.loads((folder / "judge.json").read_text())
    body["head"] |= head
    (folder / "judge.json").write_text(json.dumps(body))


def refused(folder: Path, said: str) -> None:
    with pytest.raises(InputError) as raised:
        loaded(folder)
    assert said in str(raised.value)
    assert str(folder) in str(raised.value)
    assert "\n" not in str(raised.value)


def drop(name: str) -> Any:
    return lambda tensors: tensors.pop(name)


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("head.safetensors", drop("net.2.bias"), "head.safetensors: has no tensor net.2.bias"),
        ("head.safetensors", lambda t: t.update(more=torch.ones(1)), "tensor more is no part of"),
        ("head.safetensors", lambda t: t.update({"net.0.weight": torch.ones(32, 16)}),
         "net.0.weight is [32, 16], the head that judge.json names has [32, 32]"),
        ("head.safetensors", lambda t: t["net.0.bias"].fill_(float("nan")),
         "net.0.bias has NaN or infinity"),
        ("model.safetensors", drop("model.layers.1.mlp.up_proj.weight"),
         "has no tensor language_model.layers.1.mlp.up_proj.weight"),
        ("model.safetensors", lambda t: t.update({"model.more.weight": torch.ones(2)}),
         "tensor model.language_model.more.weight is no part of a Qwen2_5_VLModel"),
        ("model.safetensors", lambda t: t.update({"model.norm.weight": torch.ones(16)}),
         "language_model.norm.weight is [16], config.json asks for [32]"),
        ("model.safetensors", lambda t: t["model.norm.weight"].fill_(float("inf")),
         "tensor language_model.norm.weight has NaN or infinity"),
    ],
)  # fmt: skip
def test_tensors_that_do_not_fit_are_named(
    base: Path, tmp_path: Path, file: str, change: Any, said: str
):
    out = started(base, HEADS["mlp"]).save(tmp_path / "out", family=FAMILY)
    rewritten(out, file, change)
    refused(out, said)


def test_a_served_head_that_does_not_fit(saved: Path):
    told(saved, hidden_size=64)
    refused(saved, "head is for a hidden size of 64, config.json says 32")
    told(saved, hidden_size=32, model_type="qwen2_vl")
    refused(saved, "head is for a qwen2_vl backbone, config.json says qwen2_5_vl")
    told(saved, model_type="qwen2_5_vl", names=["one"])
    refused(saved, "score.weight is [2, 32], the head that judge.json names has [1, 32]")
    told(saved, kind="liner")
    refused(saved, "judge.json: head: kind is 'liner'")
    told(saved, kind="linear", names=["a", "b"])
    rewritten(saved, "model.safetensors", drop("score.weight"))
    refused(saved, "has no tensor score.weight, which judge.json names")


def test_files_that_cannot_be_read(saved: Path, base: Path, tmp_path: Path):
    with pytest.raises(InputError, match=r"nowhere: is no folder"):
        loaded(tmp_path / "nowhere")
    (saved / "model.safetensors").write_bytes(b"\x10" * 100)
    refused(saved, "model.safetensors: cannot be read")
    (saved / "config.json").write_text("{")
    refused(saved, "config.json")
    (saved / "config.json").unlink()
    refused(saved, "no config.json")


def test_another_architecture_is_refused(saved: Path, folders: dict[str, Path]):
    (saved / "judge.json").unlink()
    shutil.copyfile(folders["llava_onevision"] / "config.json", saved / "config.json")
    with pytest.raises(InputError, match=r"has no tensor|is no part of|asks for"):
        loaded(saved)


def test_what_must_not_be_saved(base: Path, saved: Path):
    before = {f.name: f.read_bytes() for f in saved.iterdir()}
    model = started(base, HEADS["linear"])
    with torch.no_grad():
        model.backbone.visual.blocks[0].mlp.up_proj.weight[0, 0] = float("nan")
    with pytest.raises(InputError, match=r"backbone.visual\S+ is not finite, so nothing was saved"):
        model.save(saved, family=FAMILY)
    weights = dict(started(base, HEADS["linear"]).state_dict())
    weights["backbone.x.lora_A.weight"] = torch.ones(1)
    with pytest.raises(InputError, match="merge the adapters"):
        model.save(saved, family=FAMILY, state=weights)
    assert {f.name: f.read_bytes() for f in saved.iterdir()} == before


# Whole or not at all ------------------------------------------------------------------------

SAVING = """
import sys
from pathlib import Path
from unireward.errors import InputError
from unireward.rewards.reward_model import RewardModel
model = RewardModel.start(sys.argv[1], {"kind": "mlp"}, device="cpu")
try:
    model.save(Path(sys.argv[2]), family="unifiedreward-2")
except InputError as error:
    print(error)
"""


def test_a_disk_that_fills_leaves_the_last_good_checkpoint(base: Path, saved: Path):
    before = {f.name: f.read_bytes() for f in saved.iterdir()}
    done = python_on_full_disk(20_000, "-c", SAVING, str(base), str(saved))
    assert f"{saved}: cannot be saved" in done.stdout
    assert "untouched" in done.stdout
    assert done.stdout.count("\n") == 1
    assert {f.name: f.read_bytes() for f in saved.iterdir()} == before
    assert [f.name for f in saved.parent.iterdir()] == [saved.name]
    assert loaded(saved).head.names == ("helpful", "correct")


def test_saving_again_replaces_weights_and_keeps_what_is_not_ours(base: Path, saved: Path):
    (saved / "README.md").write_text("mine")
    (saved / "logs").mkdir()
    (saved / "logs" / "a.txt").write_text("log")
    (saved / "model-00001-of-00002.safetensors").write_bytes(b"old shard")
    model = started(base, HEADS["gaussian"])
    model.save(saved, family=FAMILY)
    assert (saved / "README.md").read_text() == "mine"
    assert (saved / "logs" / "a.txt").read_text() == "log"
    assert not list(saved.glob("*-of-*"))
    assert not (saved / ".stale").exists()
    assert loaded(saved).head.kind == "gaussian"
    loaded(saved).save(saved, family=FAMILY)  # over the folder that it came from
    batch = batch_of(saved, [0])
    assert torch.equal(scores(loaded(saved), batch), scores(model, batch))


WRITER = """
import sys
from pathlib import Path
from unireward.rewards.reward_folder import replaced
for k in range(1000):
    print(k, flush=True)
    with replaced(Path(sys.argv[1]), stale=["part-*"]) as draft:
        for n in range(5):
            (draft / f"part-{n}").write_text(str(k) * 10_000)
"""


@pytest.mark.parametrize("lines", range(2, 12))
def test_a_writer_killed_anywhere_leaves_one_whole_folder(tmp_path: Path, lines: int):
    folder = tmp_path / "out"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline().strip() for _ in range(lines)]
        writer.kill()
    settle(folder)
    parts = {f.name: f.read_text() for f in folder.iterdir() if f.name != ".stale"}
    assert sorted(parts) == [f"part-{n}" for n in range(5)]
    assert len(set(parts.values())) == 1
    # A version whose successor had begun: it was all there before that one was.
    number = parts["part-0"][: len(parts["part-0"]) // 10_000]
    assert int(number) >= int(said[-1]) - 1


def old_and_new(tmp_path: Path) -> tuple[Path, Path]:
    folder, before = tmp_path / "out", tmp_path / ".out.before"
    for place, text in ((folder, "new"), (before, "old")):
        place.mkdir()
        (place / "part-0").write_text(text)
    (before / "part-1").write_text("old")
    (before / "mine").write_text("mine")
    return folder, before


def test_an_exchange_cut_between_its_renames_is_taken_back(tmp_path: Path):
    folder, before = old_and_new(tmp_path)
    shutil.rmtree(folder)
    settle(folder)
    assert sorted(f.name for f in folder.iterdir()) == ["mine", "part-0", "part-1"]
    assert not before.exists()


def test_an_exchange_cut_after_its_renames_is_finished(tmp_path: Path):
    folder, before = old_and_new(tmp_path)
    (folder / ".stale").write_text("part-*\n*.bin")
    settle(folder)
    assert {f.name: f.read_text() for f in folder.iterdir()} == {"part-0": "new", "mine": "mine"}
    assert not before.exists()


def test_an_error_in_the_draft_leaves_the_folder(tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("a")
    with pytest.raises(FileNotFoundError), replaced(tmp_path / "out") as draft:
        (draft / "a").write_bytes((draft / "b").read_bytes())
    assert [f.name for f in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "a").read_text() == "a"
    with pytest.raises(InputError, match="is a file"), replaced(tmp_path / "out" / "a"):
        pass
