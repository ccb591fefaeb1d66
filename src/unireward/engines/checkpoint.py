"""A checkpoint's model, the device it runs on, and the identity that its replies are cached by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from unireward.engines.identity import weights_digest
from unireward.engines.processor import first_line
from unireward.errors import InputError

SMALL = 500_000_000
"""Bytes of weights under which loading shows no progress bar."""


def best_device() -> str:
    """``cuda``, else ``mps``, else ``cpu``: the first that this machine has."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def load_model(path: str, dtype: str, attention: str | None = None) -> Any:
    """The image-text-to-text model of a folder or repository id, under its official class.

    ``attention`` is transformers' ``attn_implementation`` (None: its own choice).

    Raises :class:`InputError` for a folder that is not there, one without a config, and for
    whatever transformers cannot load as such a model.
    """
    from transformers import AutoModelForImageTextToText

    if path.startswith(("/", "./", "../", "~")) and not Path(path).is_dir():
        raise InputError(f"{path}: no such folder; give the folder of a transformers checkpoint")
    more = {} if attention is None else {"attn_implementation": attention}
    if Path(path).is_dir() and not (Path(path) / "config.json").is_file():
        raise InputError(f"{path}: no config.json; give the folder of a transformers checkpoint")
    try:
        with quiet_if_small(_bytes_in(Path(path))):
            return AutoModelForImageTextToText.from_pretrained(path, dtype=dtype, **more)
    except (OSError, ValueError, ImportError) as error:
        raise InputError(
            f"{path}: transformers cannot load it ({first_line(error)}); "
            "give an image-text-to-text checkpoint, or the URL of a server that runs it"
        ) from error


def quiet_if_small(weights: int | None) -> AbstractContextManager[None]:
    """No progress bar for weights (bytes; None unknown) that are loaded or saved at once."""
    from transformers.utils import logging

    return nullcontext() if weights is None or weights >= SMALL else quiet(logging)


@contextmanager
def quiet(logging: Any) -> Iterator[None]:
    """No progress bar; ``logging`` is that of transformers or of diffusers."""
    if not logging.is_progress_bar_enabled():
        yield
        return
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.enable_progress_bar()


def _bytes_in(folder: Path) -> int | None:
    if not folder.is_dir():
        return None
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def identity_of(path: str, model: Any, memo: Path | None) -> str:
    """The weights' digest for a folder; repository id and commit for a hub checkpoint."""
    if Path(path).is_dir():
        return weights_digest(Path(path), memo)
    return f"{path}@{getattr(model.config, '_commit_hash', None)}"
