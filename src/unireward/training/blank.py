"""Blank: the model of a config without its weights, and what is counted on it.

The model is built from its ``config.json`` on PyTorch's meta device, where a tensor has a shape
and no memory; freezing, adapters and heads are put on it by the functions that training uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unireward.errors import InputError
from unireward.files.dotted import resolve
from unireward.training.parts import Parts, part_of, prepared

if TYPE_CHECKING:
    from torch import nn

    from unireward.training.model_config import LanguageConfig

ROWS = ("vision", "projector", "language", "adapters", "head", "auxiliary")
"""What weights are told by: the parts of a model, and what training adds to them."""


@dataclass(frozen=True)
class Weight:
    """One parameter: ``count`` numbers of ``width`` bytes. ``matrix``: Muon would move it;
    ``product``: a matrix product reads it; ``block``: the layer it belongs to, -1 for none."""

    name: str
    row: str
    count: int
    width: int
    trained: bool
    matrix: bool = False
    product: bool = False
    block: int = -1


@dataclass(frozen=True)
class Block:
    """The repeated layer of a part, ``layers`` of them: ``width`` of the states, ``query`` and
    ``key`` of the attention, ``inner`` of the MLP.

    ``inputs`` says how many linear layers read the normed states for the attention and for the
    MLP (3 and 2 in a language model); ``root`` whether the norms are RMS norms.
    """

    part: str
    layers: int
    width: int
    query: int
    key: int
    inner: int
    inputs: tuple[int, int]
    gated: bool
    root: bool


def blank(config: LanguageConfig, seed: int) -> tuple[Parts, Any | None, str | None]:
    """Parts on the meta device, the processor (None where the files are not there), and why not.

    A factory that cannot run there is run as it is. Raises InputError for a config that names no
    model.
    """
    import torch

    if config.factory is not None:
        parts = made_blank(config.factory, seed)
        processor, why = _drafted(parts)
    else:
        parts = Parts(_from_config(config), _no_files)
        processor, why = _processor(str(config.path))
    with torch.device("meta"):
        return prepared(parts, config, seed), processor, why


def made_blank(factory: str, seed: int) -> Any:
    """What a factory makes, on the meta device where it can run there."""
    import torch

    make = resolve(factory, "model.factory")
    try:
        with torch.device("meta"):
            return make(seed)
    except (NotImplementedError, RuntimeError):
        return make(seed)


def _no_files(folder: Path) -> None:
    raise AssertionError("a model without weights is not saved")


def _from_config(config: LanguageConfig) -> Any:
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    from unireward.engines.processor import first_line

    path = str(config.path)
    if Path(path).is_dir() and not (Path(path) / "config.json").is_file():
        raise InputError(f"{path}: no config.json; give the folder of a transformers checkpoint")
    dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}.get(config.dtype)
    try:
        found = AutoConfig.from_pretrained(path)
        dtype = dtype or getattr(found, "dtype", None) or torch.float32
        with torch.device("meta"):
            return AutoModelForImageTextToText.from_config(found, dtype=dtype)
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise InputError(
            f"model.path: {path}: transformers has no model for it ({first_line(error)}); give "
            "the folder or id of an image-text-to-text checkpoint"
        ) from error


def _processor(path: str) -> tuple[Any | None, str | None]:
    from unireward.engines.processor import load_processor

    try:
        return load_processor(path), None
    except InputError as error:
        return None, str(error)


def _drafted(parts: Parts) -> tuple[Any | None, str | None]:
    """The processor of a factory, by way of the files that it would export."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        try:
            parts.save_processor(Path(folder))
            parts.model.config.save_pretrained(folder)
        except (OSError, RuntimeError, NotImplementedError) as error:
            return None, f"model.factory: its processor cannot be written ({error})"
        return _processor(folder)


# Counted --------------------------------------------------------------------------------------


def weights_of(trainee: nn.Module) -> list[Weight]:
    """Every parameter of a trainee, tied ones once."""
    from torch import nn

    from unireward.training.optimiser import is_matrix

    products = {
        f"{name}.weight"
        for name, module in trainee.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d | nn.Conv3d)
    }
    blocks = {name: number for number, (name, _) in enumerate(blocks_in(trainee))}
    out = []
    for name, weight in trainee.named_parameters():
        home = next((blocks[at] for at in _above(name) if at in blocks), -1)
        out.append(
            Weight(
                name,
                _row_of(name),
                weight.numel(),
                weight.element_size(),
                weight.requires_grad,
                is_matrix(name, weight),
                name in products,
                home,
            )
        )
    return out


def _above(name: str) -> Iterator[str]:
    """The modules that a parameter lies in, the nearest first."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _row_of(name: str) -> str:
    if "lora_" in name:
        return "adapters"
    if name.startswith("head."):
        return "head"
    if name.startswith(("auxiliary.", "objective.")):
        return "auxiliary"
    return part_of(name)


def blocks_in(module: Any) -> list[tuple[str, Any]]:
    """The layers that are sharded and checkpointed one by one, with their names."""
    names = set(getattr(module, "_no_split_modules", None) or ())
    return [(n, m) for n, m in module.named_modules() if type(m).__name__ in names]


_INTO_ATTENTION = ("q_proj", "k_proj", "v_proj", "qkv", "query", "key", "value")
_OUT_OF_ATTENTION = ("o_proj", "out_proj", "proj", "dense")
_INTO_MLP = ("gate_proj", "up_proj", "fc1", "linear_fc1", "gate_up_proj")
_OUT_OF_MLP = ("down_proj", "fc2", "linear_fc2")


def shapes_of(trainee: Any) -> list[Block]:
    """The kinds of layers of a trainee; those whose linear layers are named in a way that is not
    known are left out (experts, state spaces)."""
    kinds: dict[tuple[str, str], list[Any]] = {}
    for name, module in blocks_in(trainee):
        kinds.setdefault((part_of(name + "."), type(module).__name__), []).append(module)
    found = [_shape(part, len(own), own[0]) for (part, _), own in kinds.items()]
    return [block for block in found if block is not None]


def _shape(part: str, layers: int, module: Any) -> Block | None:
    from torch import nn

    into: dict[str, list[Any]] = {"attention": [], "mlp": []}
    out: dict[str, Any] = {}
    for name, layer in module.named_modules():
        if not isinstance(layer, nn.Linear) or "lora_" in name:
            continue
        last = re.sub(r"\.base_layer$", "", name).rpartition(".")[2]
        if last in _INTO_ATTENTION:
            into["attention"].append(layer)
        elif last in _INTO_MLP:
            into["mlp"].append(layer)
        elif last in _OUT_OF_MLP:
            out["mlp"] = layer
        elif last in _OUT_OF_ATTENTION:
            out["attention"] = layer
    if not all(into.values()) or len(out) < 2:
        return None
    query = out["attention"].in_features
    return Block(
        part,
        layers,
        into["attention"][0].in_features,
        query,
        (sum(layer.out_features for layer in into["attention"]) - query) // 2,
        out["mlp"].in_features,
        (len(into["attention"]), len(into["mlp"])),
        sum(layer.out_features for layer in into["mlp"]) > out["mlp"].in_features,
        not any(isinstance(own, nn.LayerNorm) for own in module.modules()),
    )
