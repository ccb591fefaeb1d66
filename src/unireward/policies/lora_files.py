"""LoRA files: adapters of a denoiser as diffusers, peft and other trainers write them."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from unireward.engines.processor import first_line
from unireward.errors import InputError

if TYPE_CHECKING:
    from unireward.policies.pipelines.base import PipelineAdapter

PEFT_WEIGHTS, PEFT_CONFIG = "adapter_model.safetensors", "adapter_config.json"
PEFT_PREFIX = "base_model.model."
DIFFUSERS_WEIGHTS = "pytorch_lora_weights.safetensors"


@dataclass(frozen=True)
class LoraFile:
    """``tensors`` by ``LAYER.lora_A.weight``, layers as the denoiser names them; what is known of
    rank and alpha: peft's ``config``, or ``alphas`` as diffusers takes them."""

    tensors: dict[str, Tensor]
    config: dict[str, Any] | None = None
    alphas: dict[str, Any] | None = None


def read_lora(adapter: PipelineAdapter, path: str) -> LoraFile:
    """What lies at ``path``; see :func:`unireward.policies.lora.load_lora` for what that may be
    and what is raised."""
    folder = Path(path).expanduser()
    if folder.is_dir() and not (folder / DIFFUSERS_WEIGHTS).is_file():
        if (folder / PEFT_WEIGHTS).is_file() and (folder / PEFT_CONFIG).is_file():
            return _of_peft(folder)
        if not list(folder.glob("*.safetensors")):
            raise InputError(
                f"{path}: no {DIFFUSERS_WEIGHTS} and no {PEFT_WEIGHTS} with {PEFT_CONFIG}; give "
                "the folder of LoRA adapters"
            )
    elif not folder.exists() and path.startswith(("/", "./", "../", "~")):
        raise InputError(f"{path}: no such folder; give the folder of LoRA adapters")
    return _of_diffusers(adapter, path, folder)


def _of_peft(folder: Path) -> LoraFile:
    from safetensors.torch import load_file

    try:
        config = json.loads((folder / PEFT_CONFIG).read_text(encoding="utf-8"))
        tensors = load_file(folder / PEFT_WEIGHTS)
    except Exception as error:
        raise InputError(
            f"{folder}: cannot be read ({first_line(error)}); save the adapters again"
        ) from error
    return LoraFile(
        {name.removeprefix(PEFT_PREFIX): tensor for name, tensor in tensors.items()}, config
    )


def _of_diffusers(adapter: PipelineAdapter, path: str, folder: Path) -> LoraFile:
    from diffusers.utils.state_dict_utils import convert_unet_state_dict_to_peft

    reader = adapter.lora_files().lora_state_dict
    more: dict[str, Any] = {"return_lora_metadata": True, "use_safetensors": True}
    if "return_alphas" in inspect.signature(reader).parameters:
        more["return_alphas"] = True
    if adapter.denoiser_name == "unet":
        more["unet_config"] = adapter.denoiser.config
    try:
        state, *alphas, config = reader(str(folder) if folder.exists() else path, **more)
    # What other trainers write is told apart by the names of their weights, and fails as it may.
    except Exception as error:
        raise InputError(
            f"{path}: diffusers cannot read it as LoRA adapters of {adapter.pipeline_class} "
            f"({first_line(error)}); give adapters that were trained on this model"
        ) from error
    prefix = f"{adapter.denoiser_name}."
    other = next((name for name in state if not name.startswith(prefix)), None)
    if other is not None:
        raise InputError(
            f"{path}: has {other}, and only adapters of the {adapter.denoiser_name} are taken; "
            "give adapters without text encoders, or merge them with diffusers first"
        )
    tensors = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    if not any(".lora_A." in name for name in tensors):
        tensors = convert_unet_state_dict_to_peft(tensors)
    return LoraFile(
        tensors,
        {k.removeprefix(prefix): v for k, v in config.items()} if config else None,
        (alphas[0] or None) if alphas else None,
    )
