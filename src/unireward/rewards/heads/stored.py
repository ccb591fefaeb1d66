"""Heads as they are stored: ours, those of serving engines, and those of other trainers.

=====================================  ========================================================
``head.safetensors``                   ours, named in ``judge.json``
``score.weight`` (``classifier``,      ``*ForSequenceClassification`` of transformers; OpenRLHF's
``value_head``, ``rm_head``, ...)      ``value_head_prefix`` of ``config.json``
``v_head.summary.weight`` / ``bias``   TRL, LLaMA-Factory, ms-swift: in the weights, or beside
                                       them in ``value_head.safetensors`` or ``value_head.bin``
=====================================  ========================================================

Nothing is unpickled: ``.bin`` files are read with ``weights_only``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unireward.errors import InputError
from unireward.rewards.heads.base import make_head

HEAD_FILE = "head.safetensors"
SCORE = "score.weight"
LINEAR = ("score", "v_head.summary", "classifier", "value_head", "reward_head", "rm_head", "v_head")
"""Modules that hold one linear layer, in the order they are looked for."""
BESIDE = ("value_head.safetensors", "value_head.bin")
ABOUT = ("hidden_size", "model_type", "file", "frozen")
"""Keys of the ``head`` section that are no options of the head."""
OUTPUT_LAYERS = ("lm_head.", "language_model.lm_head.", "v_head.dropout")


@dataclass(frozen=True)
class StoredHead:
    """A head's config, its tensors under our names, and the names they have in the files."""

    config: dict[str, Any]
    tensors: dict[str, Tensor]
    names: dict[str, Path]


def find_head(
    folder: Path, section: Mapping[str, Any] | None, hidden_size: int, config: Any
) -> StoredHead:
    """The head of a checkpoint: of ``judge.json``'s ``head`` section, else by its tensors' names.

    Raises InputError naming file and tensor for a missing or extra tensor, another size, NaN.
    """
    if section is None:
        return _foreign(folder, hidden_size, config)
    told = {k: v for k, v in section.items() if k not in ABOUT}
    width = section.get("hidden_size", hidden_size)
    if width != hidden_size:
        raise InputError(
            f"{folder / 'judge.json'}: head is for a hidden size of {width}, config.json says "
            f"{hidden_size}; put the head beside its own backbone"
        )
    where = section.get("file", HEAD_FILE)
    try:
        wanted = make_head(told, hidden_size).state_dict()
    except InputError as error:
        raise InputError(f"{folder / 'judge.json'}: {error}") from None
    if where == SCORE:
        files = tensor_files(folder)
        if SCORE not in files:
            raise InputError(f"{folder}: has no tensor {SCORE}, which judge.json names; "
                             "the checkpoint is not whole")  # fmt: skip
        found = {SCORE: read_tensors(files[SCORE], [SCORE])[SCORE]}
        names, file = {SCORE: files[SCORE]}, files[SCORE]
    else:
        file = folder / Path(where).name
        found = read_tensors(file)
        names = dict.fromkeys(found, file)
    _check(file, wanted, found)
    return StoredHead(told, {n: found[n].float() for n in wanted}, names)


def _check(file: Path, wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    for name in wanted:
        if name not in found:
            raise InputError(f"{file}: has no tensor {name}, which the head has; save it again")
    for name in found:
        if name not in wanted:
            raise InputError(f"{file}: tensor {name} is no part of the head that judge.json names")
    for name, value in found.items():
        if value.shape != wanted[name].shape:
            raise InputError(
                f"{file}: {name} is {list(value.shape)}, the head that judge.json names has "
                f"{list(wanted[name].shape)}; put the head beside its own backbone"
            )
        _finite(file, name, value)


def _foreign(folder: Path, hidden_size: int, config: Any) -> StoredHead:
    """A linear head on the last token, of another trainer."""
    files = tensor_files(folder)
    for name in BESIDE:
        if (folder / name).is_file():
            files |= dict.fromkeys(read_tensors(folder / name), folder / name)
    prefix = getattr(config, "value_head_prefix", None)
    for module in (*([prefix] if isinstance(prefix, str) else []), *LINEAR):
        name = f"{module}.weight"
        if name not in files:
            continue
        weight = read_tensors(files[name], [name])[name]
        if weight.ndim != 2 or weight.shape[1] != hidden_size:
            raise InputError(
                f"{files[name]}: {name} is {list(weight.shape)}, the backbone has a hidden size "
                f"of {hidden_size}; put the head beside its own backbone"
            )
        tensors, names = {SCORE: weight}, {name: files[name]}
        if (bias := f"{module}.bias") in files:
            names[bias] = files[bias]
            tensors["score.bias"] = read_tensors(files[bias], [bias])[bias].reshape(-1)
        for title, value in zip(names, tensors.values()):
            _finite(names[title], title, value)
        told: dict[str, Any] = {"kind": "linear", "names": _labels(config, len(weight))}
        if "score.bias" in tensors:
            told["bias"] = True
        return StoredHead(told, {n: t.float() for n, t in tensors.items()}, names)
    raise InputError(
        f"{folder}: has no judge.json with a head, and no head among its {len(files)} tensors "
        f"(such as {SCORE} or v_head.summary.weight); give a reward model's folder"
    )


def _labels(config: Any, count: int) -> list[str]:
    labels = [str(label) for _, label in sorted((getattr(config, "id2label", None) or {}).items())]
    if len(labels) == count and len(set(labels)) == count and labels != ["LABEL_0"]:
        return labels
    return ["score"] if count == 1 else [f"score_{k}" for k in range(count)]


def known_name(name: str) -> bool:
    """May a tensor stand in a reward model's weights without being read?"""
    return name.startswith(OUTPUT_LAYERS)


def tensor_files(folder: Path) -> dict[str, Path]:
    """Which file of the checkpoint's weights has each tensor."""
    for index in ("model.safetensors.index.json", "pytorch_model.bin.index.json"):
        if (folder / index).is_file():
            try:
                listed = json.loads((folder / index).read_text("utf-8"))["weight_map"]
                return {name: folder / Path(file).name for name, file in listed.items()}
            except (ValueError, KeyError, TypeError, AttributeError):
                raise InputError(f"{folder / index}: is no index of weights; mend it") from None
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).is_file():
            return dict.fromkeys(_names(folder / name), folder / name)
    raise InputError(f"{folder}: has no model.safetensors; give a whole checkpoint")


def _names(file: Path) -> list[str]:
    if file.suffix == ".bin":
        return list(read_tensors(file))
    return list(_open(file).keys())


def read_tensors(file: Path, names: list[str] | None = None) -> dict[str, Tensor]:
    """Tensors of a ``.safetensors`` or ``.bin`` file, all or the ``names``, on the CPU.

    Raises InputError for a file that cannot be read, or lacks one of them.
    """
    if file.suffix == ".bin":
        try:
            found = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # of pickle, zip or torch: whatever the bytes provoke
            raise InputError(f"{file}: cannot be read as weights ({type(error).__name__}); "
                             "save it again as safetensors") from None  # fmt: skip
        if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
            raise InputError(f"{file}: holds no table of tensors; save it again as safetensors")
    else:
        opened = _open(file)
        present = set(opened.keys())
        found = {n: opened.get_tensor(n) for n in (names or sorted(present)) if n in present}
    for name in names or ():
        if name not in found:
            raise InputError(f"{file}: has no tensor {name}; the checkpoint is not whole")
    return {name: found[name] for name in names or found}


def _open(file: Path) -> Any:
    from safetensors import SafetensorError, safe_open

    try:
        return safe_open(file, "pt")  # pyright: ignore[reportCallIssue]
    except (OSError, SafetensorError) as error:
        said = " ".join(str(error).split())[:200]
        raise InputError(f"{file}: cannot be read ({said}); save it again") from None


def _finite(file: Path, name: str, value: Tensor) -> None:
    if not value.is_floating_point() or not torch.isfinite(value).all():
        raise InputError(f"{file}: {name} has NaN or infinity; give another checkpoint")
