"""The pipeline of a config without its weights: every module on PyTorch's meta device, schedulers
and tokenizers as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unireward.engines.processor import first_line
from unireward.errors import InputError
from unireward.files.dotted import resolve
from unireward.training.config import GeneratorConfig

if TYPE_CHECKING:
    from unireward.policies.pipelines.base import PipelineAdapter

_WEIGHTS = ["*.safetensors", "*.bin", "*.ckpt", "*.pt", "*.pth", "*.onnx*", "*.msgpack", "*.h5"]


def blank_adapter(config: GeneratorConfig, seed: int) -> PipelineAdapter:
    """The adapter around it. A factory that cannot run on the meta device is run as it is.

    Raises :class:`InputError` for a config that names no pipeline.
    """
    import torch

    from unireward.policies.pipelines import adapter_class, adapter_of
    from unireward.policies.pipelines.base import PipelineAdapter

    if config.factory is not None:
        make = resolve(config.factory, "model.factory")
        try:
            with torch.device("meta"):
                made = make(seed)
        except (NotImplementedError, RuntimeError):
            made = make(seed)
        return made if isinstance(made, PipelineAdapter) else adapter_of(made)
    folder = _settings_of(str(config.path))
    index = folder / "model_index.json"
    if not index.is_file():
        raise InputError(f"{folder}: no model_index.json; give the folder of a diffusers pipeline")
    with _plain_errors(folder), _quiet():
        told = json.loads(index.read_text(encoding="utf-8"))
        kind = adapter_class(str(told.get("_class_name")), str(index))
        dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[config.dtype]
        parts = dict(_modules(folder, told, dtype))
        return kind(kind.pipeline_type().from_pretrained(folder, **parts))


def _settings_of(path: str) -> Path:
    """The folder, or the hub's snapshot of everything but the weights."""
    if Path(path).expanduser().is_dir() or path.startswith(("/", "./", "../", "~")):
        return Path(path).expanduser()
    from huggingface_hub import snapshot_download

    with _plain_errors(path):
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


@contextmanager
def _quiet() -> Iterator[None]:
    """No bar over parts that are not loaded."""
    from diffusers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


@contextmanager
def _plain_errors(where: object) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, TypeError, AttributeError, ImportError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"model.path: {where}: diffusers has no pipeline for it ({first_line(error)}); give a "
            "folder in diffusers' layout, or a hub id"
        ) from error
