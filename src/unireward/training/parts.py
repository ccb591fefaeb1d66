"""Parts: what a training starts from, and which of its weights learn.

A model is three parts to whoever freezes: ``vision`` (the encoder), ``projector`` (what maps its
features to the language model's width) and ``language`` (with the output layer).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unireward.errors import InputError
from unireward.rewards.heads import PARTS, freeze, part_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from unireward.training.model_config import LanguageConfig, LoraConfig

States = Callable[[Any, Mapping[str, Any]], tuple[Any, ...]]
"""``(model, inputs) -> hidden states``, a tuple of [B, L, D] with the last one last."""


@dataclass(frozen=True)
class Parts:
    """What a model factory gives: a transformers model with random or loaded weights, a function
    that writes tokenizer and processor files into a folder, and how hidden states are computed
    where it is not transformers' own forward (packed batches)."""

    model: Any
    save_processor: Callable[[Path], None]
    states: States | None = None


def with_lora(model: Any, lora: LoraConfig, seed: int) -> Any:
    """peft's LoRA on the linear layers of the language model (or on ``targets``)."""
    try:
        from peft import LoraConfig as PeftConfig
        from peft import get_peft_model
    except ImportError as error:
        from unireward.errors import MissingExtraError

        raise MissingExtraError("model.lora needs peft; install unireward[train]") from error
    import torch

    targets = lora.targets
    if targets is None:
        linear = [
            name
            for name, module in model.named_modules()
            if isinstance(module, torch.nn.Linear)
            and part_of(f"{name}.") == "language"
            and not name.endswith("lm_head")
        ]
        targets = linear
    torch.manual_seed(seed)
    config = PeftConfig(
        r=lora.r,
        lora_alpha=lora.alpha,  # pyright: ignore[reportArgumentType]
        lora_dropout=lora.dropout,
        target_modules=list(targets) if not isinstance(targets, str) else targets,
    )
    try:
        return get_peft_model(model, config)
    except (ValueError, re.error) as error:
        said = " ".join(str(error).split())[:200]
        raise InputError(f"model.lora.targets: {said}") from None


def build(config: LanguageConfig, seed: int) -> Parts:
    """The model of a config, its parts frozen and its adapters in place."""
    if config.factory is not None:
        from unireward.files.dotted import resolve

        parts = resolve(config.factory, "model.factory")(seed)
    else:
        parts = _loaded(config)
    return prepared(parts, config, seed)


def prepared(parts: Parts, config: LanguageConfig, seed: int) -> Parts:
    """``parts`` with the config's parts frozen, checkpointing on and adapters in place."""
    model = parts.model
    if config.freeze:
        try:
            freeze(model, config.freeze)
        except InputError as error:
            raise InputError(f"model.freeze: {error}") from None
    if config.gradient_checkpointing:
        how = {"use_reentrant": False}
        if hasattr(model, "activation_checkpointing_enable"):  # its newer name
            model.activation_checkpointing_enable(activation_checkpointing_kwargs=how)
        else:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=how)
        if config.lora is not None:
            model.enable_input_require_grads()
    if config.lora is not None:
        model = with_lora(model, config.lora, seed)
    return Parts(model, parts.save_processor, parts.states)


def _loaded(config: LanguageConfig) -> Parts:
    from unireward.engines.checkpoint import load_model
    from unireward.engines.processor import load_processor

    path = str(config.path)
    model = load_model(path, config.dtype, config.attention)
    processor = load_processor(path)

    def save(folder: Path) -> None:
        save_processor(processor, path, folder)

    return Parts(model, save)


def save_processor(processor: Any, path: str, folder: Path) -> None:
    """Tokenizer, image processor, chat template, and the video processor's settings as they are
    in the checkpoint at ``path``."""
    import shutil

    from transformers.utils.hub import cached_file

    folder.mkdir(parents=True, exist_ok=True)
    processor.tokenizer.save_pretrained(folder)
    processor.image_processor.save_pretrained(folder)
    names = (
        "preprocessor_config.json", "video_preprocessor_config.json", "processor_config.json",
        "chat_template.jinja", "chat_template.json",
    )  # fmt: skip
    for name in names:
        file = cached_file(path, name, _raise_exceptions_for_missing_entries=False)
        if file:
            shutil.copyfile(file, folder / name)


def count(model: nn.Module) -> dict[str, dict[str, int]]:
    """Weights by part: all of them and those that learn."""
    out = {part: {"all": 0, "trained": 0} for part in PARTS}
    weight: Tensor
    for name, weight in model.named_parameters():
        row = out[part_of(name)]
        row["all"] += weight.numel()
        row["trained"] += weight.numel() if weight.requires_grad else 0
    return out
