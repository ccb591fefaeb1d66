"""Files of a reward model: how one is saved and loaded.

A folder holds the backbone under transformers' own tensor names, tokenizer and processor files, and
``judge.json`` with a ``head`` section. A linear head on the last token is saved as serving engines
know it: ``score.weight`` [K, D] among the backbone's weights, and in ``config.json`` the class
``...ForSequenceClassification``, the names as ``id2label``, and ``problem_type`` "regression",
for which recent versions of vLLM leave the numbers as they are. Any other head is
``head.safetensors``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from unireward.engines.checkpoint import best_device
from unireward.engines.processor import first_line
from unireward.errors import InputError
from unireward.rewards.heads import make_head
from unireward.rewards.heads.linear import LinearHead
from unireward.rewards.heads.stored import (
    HEAD_FILE,
    SCORE,
    find_head,
    known_name,
)
from unireward.rewards.reward_folder import replaced, settle

if TYPE_CHECKING:
    from unireward.families.family import Family
    from unireward.rewards.reward_model import RewardModel

SIDE_FILES = (
    "tokenizer*", "*preprocessor_config.json", "processor_config.json", "special_tokens_map.json",
    "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt", "*.model", "chat_template*",
    "generation_config.json",
)  # fmt: skip
WEIGHT_FILES = ("*.safetensors", "*.bin", "*.safetensors.index.json", "*.bin.index.json")


# Saving -------------------------------------------------------------------------------------


def save(
    model: RewardModel,
    folder: Path,
    *,
    family: Family | str,
    judge: str | None,
    meta: Mapping[str, Any] | None,
    state: Mapping[str, torch.Tensor] | None,
) -> Path:
    """See :meth:`RewardModel.save`."""
    from safetensors import SafetensorError

    from unireward.families import get_family
    from unireward.families.judge_json import save_judge_json

    chosen = get_family(family) if isinstance(family, str) else family
    weights = dict(state) if state is not None else dict(model.state_dict())
    _check_savable(weights, folder)
    head = {name: weights[f"head.{name}"] for name in model.head.state_dict()}
    backbone = {
        name.removeprefix("backbone."): value
        for name, value in weights.items()
        if name.startswith("backbone.")
    }
    served = isinstance(model.head, LinearHead) and model.head.served
    try:
        with replaced(folder, stale=WEIGHT_FILES) as draft:
            _write_backbone(model, backbone, head if served else None, draft)
            _write_side_files(model, draft)
            if not served:
                _write_head(head, draft / HEAD_FILE)
            section = {
                "hidden_size": model.head.hidden_size,
                "model_type": model.backbone.config.model_type,
                "file": SCORE if served else HEAD_FILE,
                **({"frozen": list(model.frozen)} if model.frozen else {}),
                **model.head.config(),
            }
            save_judge_json(draft, chosen, judge=judge, meta=dict(meta or {}), head=section)
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"{folder}: cannot be saved ({first_line(error)}); free space or give another folder "
            "(what it held before is untouched)"
        ) from error
    return folder


def _check_savable(weights: Mapping[str, torch.Tensor], folder: Path) -> None:
    for name, value in weights.items():
        if "lora_" in name or ".base_layer." in name:
            raise InputError(
                f"{folder}: {name} is an adapter's; merge the adapters into the backbone first"
            )
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise InputError(
                f"{folder}: {name} is not finite, so nothing was saved; go back to the last good "
                "checkpoint and lower the learning rate"
            )


def _write_backbone(
    model: RewardModel,
    weights: dict[str, torch.Tensor],
    score: dict[str, torch.Tensor] | None,
    draft: Path,
) -> None:
    """The backbone under published names; with ``score`` as a sequence classifier."""
    from unireward.engines.states import has_output_layer

    whole = model.backbone
    if hasattr(whole, "get_base_model"):
        whole = whole.get_base_model()
        weights = {name.removeprefix("base_model.model."): v for name, v in weights.items()}
    bare = not has_output_layer(whole)
    if bare:
        whole, weights = _shell(whole), {f"model.{name}": v for name, v in weights.items()}
    if score is not None:
        # The class has no output layer, and neither does any engine read it.
        weights = {name: v for name, v in weights.items() if name.startswith("model.")}
        weights |= {SCORE: score[SCORE].to(torch.float32)}
    with quiet():
        whole.save_pretrained(draft, state_dict=weights)
    file = draft / "config.json"
    config = json.loads(file.read_text("utf-8"))
    plain = config["architectures"][0]
    if score is not None:
        config["architectures"] = [served_class(plain)]
        config["id2label"] = {str(k): name for k, name in enumerate(model.head.names)}
        config["label2id"] = {name: k for k, name in enumerate(model.head.names)}
        config["num_labels"] = len(model.head.names)
        config["problem_type"] = "regression"
    elif bare:
        config["architectures"] = [type(model.backbone).__name__]
    file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")


def _shell(bare: Any) -> Any:
    """The whole class around a model without an output layer, so that names come out as those of
    published checkpoints."""
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    for auto in (AutoModelForImageTextToText, AutoModelForCausalLM):
        known: Any = auto._model_mapping
        if type(bare.config) in known.keys():  # noqa: SIM118  (a lazy mapping has no `in`)
            with torch.device("meta"):
                whole = known[type(bare.config)](bare.config)
            whole.model = bare
            return whole
    raise InputError(
        f"{type(bare).__name__}: transformers has no whole model of its kind; "
        "give an image-text-to-text model as the backbone"
    )


def served_class(name: str) -> str:
    """The sequence classifier's class name of a model's class name, as engines call it."""
    for ending in ("ForConditionalGeneration", "ForCausalLM", "ForImageTextToText", "Model"):
        if name.endswith(ending):
            return name.removesuffix(ending) + "ForSequenceClassification"
    return (
        name if name.endswith("ForSequenceClassification") else f"{name}ForSequenceClassification"
    )


def _write_head(tensors: dict[str, torch.Tensor], file: Path) -> None:
    from safetensors.torch import save_file

    save_file({n: t.detach().cpu().contiguous() for n, t in tensors.items()}, file)


def _write_side_files(model: RewardModel, draft: Path) -> None:
    if model.source is not None:
        source = fetch(model.source)
        for file in sorted({f for pattern in SIDE_FILES for f in source.glob(pattern)}):
            if file.is_file() and not (draft / file.name).exists():
                shutil.copyfile(file, draft / file.name)
    if model.tokenizer is not None:
        model.tokenizer.save_pretrained(draft)


# Loading ------------------------------------------------------------------------------------


def load(
    cls: type[RewardModel], path: str | Path, *, device: str | None, dtype: str
) -> RewardModel:
    """See :meth:`RewardModel.load`."""
    folder = fetch(path)
    section = _section(folder)
    config = _config(folder)
    width = config.get_text_config().hidden_size
    stored = find_head(folder, section, width, config)
    told = (section or {}).get("model_type", config.model_type)
    if told != config.model_type:
        raise InputError(
            f"{folder / 'judge.json'}: head is for a {told} backbone, config.json says "
            f"{config.model_type}; put the head beside its own backbone"
        )
    backbone = load_backbone(folder, dtype, stored.names)
    head = make_head(stored.config, width)
    head.load_state_dict(stored.tensors)
    model = cls(backbone, head, source=folder)
    model.freeze((section or {}).get("frozen", ()))
    return model.to(device or best_device()).eval()


def fetch(path: str | Path) -> Path:
    """The folder at ``path``; a repository of the hub is brought to its cache first."""
    folder = Path(path).expanduser()
    settle(folder)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise InputError(
                f"{path}: no config.json; give the folder of a transformers checkpoint"
            )
        return folder
    if folder.exists() or folder.is_absolute() or str(path).count("/") != 1:
        raise InputError(f"{path}: is no folder; give the folder of a transformers checkpoint")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return Path(snapshot_download(str(path), ignore_patterns=["*.gguf", "*.onnx", "*.pth"]))
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise InputError(
            f"{path}: is no folder here, and the hub does not give it ({first_line(error)}); "
            "give the folder of a checkpoint"
        ) from None


def _section(folder: Path) -> dict[str, Any] | None:
    from unireward.families.judge_json import load_judge_json

    return load_judge_json(folder).head if (folder / "judge.json").is_file() else None


def _config(folder: Path) -> Any:
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder / 'config.json'}: transformers cannot read it ({first_line(error)}); "
            "give a checkpoint of a known model type"
        ) from error


def load_backbone(folder: Path, dtype: str, head: Mapping[str, Any]) -> Any:
    """The model without its output layer, every tensor of it found, of the right shape, finite."""
    from safetensors import SafetensorError
    from transformers import AutoModel

    try:
        with quiet():
            model, found = AutoModel.from_pretrained(
                folder, dtype=dtype, output_loading_info=True, ignore_mismatched_sizes=True
            )
    except (OSError, ValueError, ImportError, RuntimeError, SafetensorError) as error:
        raise InputError(
            f"{folder}: transformers cannot load it ({first_line(error)}); "
            "give a whole checkpoint of a model that transformers has"
        ) from error
    for name, *shapes in found["mismatched_keys"]:
        has, wants = (list(shape) for shape in shapes[:2])
        raise InputError(
            f"{folder}: {name} is {has}, config.json asks for {wants}; "
            "the weights are another model's"
        )
    for name in sorted(found["missing_keys"]):
        raise InputError(f"{folder}: has no tensor {name}; the checkpoint is not whole, or the "
                         "weights are of another architecture")  # fmt: skip
    for name in sorted(found["unexpected_keys"]):
        if name not in head and not known_name(name):
            raise InputError(
                f"{folder}: tensor {name} is no part of a {type(model).__name__}; the weights "
                "are of another architecture, or of a head that judge.json does not name"
            )
    for name, value in model.state_dict().items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise InputError(
                f"{folder}: tensor {name} has NaN or infinity; give another checkpoint"
            )
    return model


@contextmanager
def quiet() -> Iterator[None]:
    """Neither bars nor load reports: what a report would say is checked here."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
