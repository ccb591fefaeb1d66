"""The pipeline of a config without its weights: every module on PyTorch's meta device, schedulers
and tokenizers as they are."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unireward.engines.checkpoint import quiet
from unireward.policies.pipelines.loading import index_of, plain_errors
from unireward.training.blank import made_blank
from unireward.training.config import GeneratorConfig

if TYPE_CHECKING:
    from unireward.policies.pipelines.base import PipelineAdapter

_WEIGHTS = ["*.safetensors", "*.bin", "*.ckpt", "*.pt", "*.pth", "*.onnx*", "*.msgpack", "*.h5"]


def blank_adapter(config: GeneratorConfig, seed: int) -> PipelineAdapter:
    """The adapter around it. A factory that cannot run on the meta device is run as it is.

    Raises :class:`InputError` for a config that names no pipeline.
    """
    import torch

    from unireward.policies.pipelines import adapter_of
    from unireward.policies.pipelines.base import PipelineAdapter

    if config.factory is not None:
        made = made_blank(config.factory, seed)
        return made if isinstance(made, PipelineAdapter) else adapter_of(made)
    folder = _settings_of(str(config.path))
    told, kind = index_of(folder)
    from diffusers.utils import logging

    with plain_errors(f"model.path: {folder}"), quiet(logging):
        dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[config.dtype]
        parts = dict(_modules(folder, told, dtype))
        return kind(kind.pipeline_type().from_pretrained(folder, **parts))


def _settings_of(path: str) -> Path:
    """The folder, or the hub's snapshot of everything but the weights."""
    if Path(path).expanduser().is_dir() or path.startswith(("/", "./", "../", "~")):
        return Path(path).expanduser()
    from huggingface_hub import snapshot_download

    with plain_errors(f"model.path: {path}"):
        return Path(snapshot_download(path, ignore_patterns=_WEIGHTS))


def _modules(folder: Path, told: dict[str, Any], dtype: Any) -> Iterator[tuple[str, Any]]:
    """The parts of ``model_index.json`` that have weights, without them."""
    import torch
    from diffusers.models.modeling_utils import ModelMixin
    from transformers import AutoConfig, PreTrainedModel

    for name, where in told.items():
        if not isinstance(where, list) or where[0] is None:
            continue
        kind = _class_of(*where)
        # The VAE's type is its own, as where it is loaded.
        own = torch.float32 if name == "vae" else dtype
        with torch.device("meta"):
            if issubclass(kind, ModelMixin):
                settings: Any = kind
                made = settings.from_config(settings.load_config(folder / name))
            elif issubclass(kind, PreTrainedModel):
                made = kind(AutoConfig.from_pretrained(folder / name))
            else:
                continue
            # PyTorch's own, since diffusers' has something to say about types.
            yield name, torch.nn.Module.to(made, own)


def _class_of(library: str, name: str) -> Any:
    """Of diffusers, transformers, a module of its own, or a folder of diffusers' pipelines."""
    try:
        return getattr(import_module(library), name)
    except (ImportError, AttributeError):
        return getattr(import_module(f"diffusers.pipelines.{library}"), name)
