"""Adapters of diffusers pipelines by the pipeline's class: ``adapter_of(pipeline)``.

To add a family: a file with one subclass of
:class:`~unireward.policies.pipelines.base.PipelineAdapter`, and its line in ``ADAPTERS``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from unireward.errors import InputError

if TYPE_CHECKING:
    from unireward.policies.pipelines.base import PipelineAdapter

ADAPTERS = {
    "FluxPipeline": "flux:FluxAdapter",
    "LTXPipeline": "ltx:LTXAdapter",
    "TinyPipeline": "tiny:TinyAdapter",
    "QwenImagePipeline": "qwen_image:QwenImageAdapter",
    "StableDiffusion3Pipeline": "sd3:SD3Adapter",
    "StableDiffusionPipeline": "stable_diffusion:StableDiffusionAdapter",
    "StableDiffusionXLPipeline": "sdxl:SDXLAdapter",
    "WanPipeline": "wan:WanAdapter",
    "ZImagePipeline": "z_image:ZImageAdapter",
}
"""Class name in ``model_index.json`` -> file of this folder and class in it."""


def adapter_class(name: str, where: str) -> type[PipelineAdapter]:
    """The adapter for a pipeline's class name; ``where`` is for the message.

    Raises :class:`InputError` for an unknown one.
    """
    if name not in ADAPTERS:
        raise InputError(
            f"{where}: pipeline class {name!r} is not supported; use one of {', '.join(ADAPTERS)}"
        )
    module, attribute = ADAPTERS[name].split(":")
    return getattr(import_module(f"{__name__}.{module}"), attribute)


def adapter_of(pipeline: Any) -> PipelineAdapter:
    """The adapter around a loaded pipeline. Its frozen parts stop taking gradients."""
    name = type(pipeline).__name__
    return adapter_class(name, name)(pipeline)
