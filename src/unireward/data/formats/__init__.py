"""The formats, each a module that calls :func:`unireward.data.converter.register` at import.

A module is imported when its format is first asked for.
"""

from __future__ import annotations

from importlib import import_module

# By name of the format; one module may hold several.
MODULES = {
    "diffusion-dpo": "diffusion_dpo",
    "dpo": "chosen_rejected",
    "llama-factory": "llama_factory",
    "llava": "llava",
    "ms-swift": "ms_swift",
    "think": "think",
    "trl": "trl",
    "unifiedreward": "unifiedreward",
    "video-dpo": "video_dpo",
}


def load(name: str) -> None:
    """Import the module of a format, which registers it."""
    import_module(f"unireward.data.formats.{MODULES[name]}")
