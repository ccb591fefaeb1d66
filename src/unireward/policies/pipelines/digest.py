"""Digests: what tells a generator's weights from every other's, for jobs that go on later."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from unireward.engines.identity import weights_digest

if TYPE_CHECKING:
    from unireward.policies.pipelines.base import PipelineAdapter


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """sha256 over names, types, shapes and values, in the order of the names."""
    whole = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        whole.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().flatten()
        whole.update(flat.view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()


def trained_tensors(adapter: PipelineAdapter) -> dict[str, Tensor]:
    """What training could change, as it is in memory now."""
    return {
        f"{part}.{name}": tensor
        for part, module in adapter.trained().items()
        for name, tensor in module.state_dict().items()
    }


def pipeline_identity(path: str, folder: Path, adapter: PipelineAdapter) -> str:
    """Of a hub id with its commit (the name of the hub's snapshot), else the digest of the
    folders of all the pipeline's parts."""
    if folder != Path(path).expanduser():
        return f"{path}@{folder.name}"
    from unireward.engines.cache import cache_folder

    memo = cache_folder() / "weights.json"
    whole = hashlib.sha256((folder / "model_index.json").read_bytes())
    for name in sorted(adapter.pipeline.components):
        if (folder / name).is_dir():
            whole.update(f"{name}:{weights_digest(folder / name, memo)}\n".encode())
    return whole.hexdigest()
