"""Loading: a pipeline of diffusers from a folder or the hub, in its adapter.

::

    adapter = load_adapter("runs/t2i")                          # on the CPU, float32
    adapter = load_adapter(folder_of("owner/name"), "bfloat16")

The class in ``model_index.json`` chooses the adapter. Weights are safetensors, and no code of a
repository is run. The VAE stays float32 whatever the rest is in: SDXL's overflows in halves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unireward.engines.checkpoint import quiet
from unireward.engines.processor import first_line
from unireward.errors import InputError, MissingExtraError, UsageError
from unireward.policies.pipelines import adapter_class

if TYPE_CHECKING:
    from unireward.policies.pipelines.base import PipelineAdapter

DTYPES = ("auto", "float32", "bfloat16", "float16")
"""``auto``: as the denoiser is stored."""
_STORED = {"BF16": "bfloat16", "F16": "float16"}


def load_adapter(folder: str | Path, dtype: str = "float32") -> PipelineAdapter:
    """The adapter around the pipeline in a local folder, on the CPU.

    Raises :class:`InputError` for a folder that is none, a pipeline class that is not known, and
    whatever diffusers cannot load; UsageError for another ``dtype`` than ``DTYPES``;
    MissingExtraError where diffusers is not installed.
    """
    folder = Path(folder)
    if dtype not in DTYPES:
        raise UsageError(f"dtype is {dtype!r}; use {', '.join(DTYPES)}")
    _, adapter = index_of(folder)
    import torch
    from diffusers.utils import logging

    # Over the handful of parts; the bars of long downloads stay.
    with plain_errors(folder), quiet(logging):
        stored = dtype if dtype != "auto" else _stored(folder / adapter.denoiser_name)
        pipeline = adapter.pipeline_type().from_pretrained(
            folder,
            dtype={"default": getattr(torch, stored), "vae": torch.float32},
            use_safetensors=True,
        )
    pipeline.set_progress_bar_config(disable=True)
    return adapter(pipeline)


def index_of(folder: Path) -> tuple[dict[str, Any], type[PipelineAdapter]]:
    """What ``model_index.json`` says, and the adapter that its class chooses."""
    diffusers = _diffusers()
    index = folder / "model_index.json"
    if not index.is_file():
        raise InputError(f"{folder}: no model_index.json; give the folder of a diffusers pipeline")
    with plain_errors(folder):
        told = diffusers.DiffusionPipeline.load_config(folder)
    return told, adapter_class(str(told.get("_class_name")), str(index))


def folder_of(path: str) -> Path:
    """The folder itself, or the hub's snapshot of a repository."""
    folder = Path(path).expanduser()
    if folder.is_dir():
        return folder
    if path.startswith(("/", "./", "../", "~")):
        raise InputError(f"{path}: no such folder; give the folder of a diffusers pipeline")
    diffusers = _diffusers()
    with plain_errors(path):
        told = diffusers.DiffusionPipeline.load_config(path)
        name = str(told.get("_class_name"))
        return adapter_class(name, f"{path}/model_index.json").fetched(path)


def _stored(folder: Path) -> str:
    """The type of the first matrix in a part's weights."""
    from safetensors import safe_open

    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as weights:
            for name in weights.keys():  # noqa: SIM118 (no mapping)
                part = weights.get_slice(name)
                if len(part.get_shape()) > 1:
                    return _STORED.get(part.get_dtype(), "float32")
    return "float32"


@contextmanager
def plain_errors(where: object) -> Iterator[None]:
    """What diffusers raises, as an InputError in one line."""
    try:
        yield
    except (OSError, ValueError, TypeError, AttributeError, ImportError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{where}: diffusers cannot load it ({first_line(error)}); give a folder in diffusers' "
            "layout, or a hub id, with safetensors weights"
        ) from error


def _diffusers() -> Any:
    try:
        import diffusers
    except ImportError as error:
        raise MissingExtraError("generators need diffusers; install unireward[generate]") from error
    return diffusers
