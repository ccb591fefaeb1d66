"""LoRA: adapters of low rank on a generator's denoiser, by peft, in files that others load.

::

    add_lora(adapter, r=16, alpha=32, seed=0)
    with without_adapters(adapter):
        reference = adapter.predict(noisy, times, conditions)      # the model as it was
    save_lora(adapter, "runs/dpo/lora")
    load_lora(other, "runs/dpo/lora")

The folder has ``pytorch_lora_weights.safetensors`` for diffusers
(``pipeline.load_lora_weights(folder)``, or
``transformer.load_lora_adapter(folder, use_safetensors=True)``) and ``adapter_model.safetensors``
with ``adapter_config.json`` for peft (``PeftModel.from_pretrained(transformer, folder)``).

The layers are put into the denoiser in place (no wrapper), their weights are float32 parameters
of its own, so that an optimiser and an average of the weights see them as any other. Text
encoders get none: a file that has them is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unireward.engines.processor import first_line
from unireward.errors import InputError, MissingExtraError
from unireward.policies.lora_files import PEFT_PREFIX, PEFT_WEIGHTS, read_lora
from unireward.policies.pipelines.base import PipelineAdapter

NAME = "default"
"""peft's name of the adapter in the model; there is one."""


def add_lora(
    adapter: PipelineAdapter,
    *,
    r: int = 16,
    alpha: float = 32.0,
    dropout: float = 0.0,
    targets: Sequence[str] | str | None = None,
    seed: int = 0,
) -> None:
    """New adapters that change nothing yet, the only weights of the denoiser that learn.

    ``targets`` are peft's ``target_modules`` (None: the family's attention and feed-forward
    layers). The same ``seed`` gives the same weights. arXiv 2106.09685: ``W + alpha / r B A``.

    Raises :class:`InputError` for targets that no layer has, and where adapters are there already.
    """
    peft = _peft()
    if has_adapters(adapter):
        raise InputError("lora: the denoiser has adapters already; merge them first")
    wanted = adapter.lora_targets if targets is None else targets
    config = peft.LoraConfig(
        r=r, lora_alpha=alpha, lora_dropout=dropout, init_lora_weights="gaussian",
        target_modules=wanted if isinstance(wanted, str) else list(wanted),
    )  # fmt: skip
    adapter.denoiser.requires_grad_(False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            adapter.denoiser.add_adapter(config, NAME)
        except (ValueError, re.error) as error:
            said = first_line(error)
            raise InputError(f"lora.targets: no layer has them ({said}); mend them") from error
    _as_float32(adapter)


def has_adapters(adapter: PipelineAdapter) -> bool:
    return next(_layers(adapter.denoiser), None) is not None


@contextmanager
def without_adapters(adapter: PipelineAdapter) -> Iterator[None]:
    """Within: the denoiser as it is without them. Nothing stays changed."""
    layers = list(_layers(adapter.denoiser))
    learning = {id(p): p for layer in layers for p in layer.parameters() if p.requires_grad}
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)
            # peft switches gradients on; adapters that were only loaded have none.
            for weight in layer.parameters():
                weight.requires_grad_(id(weight) in learning)


def lora_tensors(adapter: PipelineAdapter) -> dict[str, Tensor]:
    """The adapters' weights by name, ``LAYER.lora_A.weight`` [r, in] and ``.lora_B.`` [out, r]."""
    return _peft().get_peft_model_state_dict(adapter.denoiser, adapter_name=NAME)


def merge_lora(adapter: PipelineAdapter) -> None:
    """The adapters into the weights, for good."""
    adapter.denoiser.fuse_lora()
    adapter.denoiser.unload_lora()


def save_lora(adapter: PipelineAdapter, folder: str | Path) -> None:
    """The adapters alone, float32 as they are trained, as the module docstring says."""
    from safetensors.torch import save_file

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    config = adapter.denoiser.peft_config[NAME]
    tensors = {name: t.detach().cpu().contiguous() for name, t in lora_tensors(adapter).items()}
    part = adapter.denoiser_name
    told = {k: sorted(v) if isinstance(v, set) else v for k, v in config.to_dict().items()}
    adapter.lora_files().save_lora_weights(
        folder, **{f"{part}_lora_layers": tensors, f"{part}_lora_adapter_metadata": told}
    )
    save_file(
        {f"{PEFT_PREFIX}{name}": tensor for name, tensor in tensors.items()},
        folder / PEFT_WEIGHTS,
        metadata={"format": "pt"},
    )
    config.save_pretrained(folder)


def load_lora(adapter: PipelineAdapter, path: str | Path, *, trained: bool = False) -> None:
    """Adapters from a folder of ours, of plain peft, a file or hub id that diffusers reads.

    ``trained`` lets them learn on, and nothing else of the denoiser.

    Raises :class:`InputError` for a folder without weights, adapters on other parts than the
    denoiser, and those of another model, naming the first key or shape that does not fit.
    """
    _peft()
    if has_adapters(adapter):
        raise InputError(f"{path}: the denoiser has adapters already; merge them first")
    found = read_lora(adapter, str(path))
    _check_fit(adapter, found.tensors, str(path))
    part = adapter.denoiser_name
    adapter.denoiser.load_lora_adapter(
        _prefixed(found.tensors, part),
        prefix=part,
        network_alphas=found.alphas,
        metadata=_prefixed(found.config, part) if found.config else None,
        adapter_name=NAME,
    )
    _as_float32(adapter)
    if trained:
        adapter.denoiser.requires_grad_(False)
    for layer in _layers(adapter.denoiser):
        for name, weight in layer.named_parameters():
            weight.requires_grad_(trained and "lora_" in name)


def _check_fit(adapter: PipelineAdapter, tensors: dict[str, Tensor], where: str) -> None:
    """Each matrix against the layer that it is of."""
    layers = dict(adapter.denoiser.named_modules())
    kind = type(adapter.denoiser).__name__
    for name, tensor in tensors.items():
        place, kept, side = name.removesuffix(".weight").rpartition(".lora_")
        layer = layers.get(place)
        if not kept or layer is None or not hasattr(layer, "weight"):
            raise InputError(
                f"{where}: does not fit, {kind} has no layer for {name}; give adapters that were "
                f"trained on this model ({adapter.pipeline_class})"
            )
        out, into = layer.weight.shape[:2]
        of_layer, of_tensor = (into, tensor.shape[1]) if side == "A" else (out, tensor.shape[0])
        if of_layer != of_tensor:
            raise InputError(
                f"{where}: does not fit, {name} is {list(tensor.shape)} and its layer in this "
                f"{kind} {list(layer.weight.shape)}; give adapters that were trained on this model"
            )


def _prefixed(values: dict[str, Any], part: str) -> dict[str, Any]:
    return {f"{part}.{name}": value for name, value in values.items()}


def _layers(module: nn.Module) -> Iterator[Any]:
    """The layers that peft has put adapters on."""
    return (layer for layer in module.modules() if hasattr(layer, "lora_A"))


def _as_float32(adapter: PipelineAdapter) -> None:
    """Adapters of a model in halves would not move under small steps."""
    for layer in _layers(adapter.denoiser):
        for name, weight in layer.named_parameters():
            if "lora_" in name:
                weight.data = weight.data.float()


def _peft() -> Any:
    try:
        import peft
    except ImportError as error:
        raise MissingExtraError("lora needs peft; install unireward[generate]") from error
    return peft
