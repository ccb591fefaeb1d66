"""What ``doctor`` finds out."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_CORE = ("torch", "transformers", "numpy", "pillow", "av", "pydantic", "httpx", "pyarrow")
_EXTRAS = {
    "train": ("accelerate", "peft"),
    "generate": ("diffusers", "accelerate", "peft"),
    "serve": ("fastapi", "uvicorn"),
    "ray": ("ray",),
    "world": ("scikit-learn", "scikit-image"),
    "report": ("matplotlib", "jinja2"),
}


def examine(*, measure: bool = False) -> dict[str, Any]:
    """Facts by name; ``tiny`` is ``loads``, or why it does not. ``measure`` adds how much faster
    than float32 other numbers are multiplied on the best device, and what to try."""
    import unireward

    return {
        "unireward": unireward.__version__,
        "python": platform.python_version(),
        "packages": {name: _version(name) or "absent" for name in _CORE},
        "extras": {
            extra: "present" if all(map(_version, needs)) else "absent"
            for extra, needs in _EXTRAS.items()
        },
        **_torch(),
        "cache": _cache(),
        **_tiny(),
        **(_measured() if measure else {}),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _torch() -> dict[str, Any]:
    try:
        import torch
    except (ImportError, OSError) as error:
        first = (str(error).splitlines() or ["unknown"])[0]
        return {"device": f"torch does not import ({first})", "threads": 0}
    device = "cpu"
    if torch.cuda.is_available():
        device = f"cuda ({torch.cuda.get_device_name(0)})"
    elif torch.backends.mps.is_available():
        device = "mps"
    return {"device": device, "threads": torch.get_num_threads()}


def _cache() -> dict[str, Any]:
    from unireward.engines.cache import cache_folder

    folder = cache_folder()
    size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    return {"folder": str(folder), "bytes": size}


def _tiny() -> dict[str, str]:
    from unireward.rewards.load import load

    try:
        with load("tiny", cache=False) as judge:
            notes = getattr(judge.engine, "path_notes", ())
            return {"tiny": "loads", "engine": "; ".join(notes)}
    except Exception as error:  # whatever it is, it is the finding
        first = (str(error).splitlines() or [type(error).__name__])[0]
        return {"tiny": f"does not load: {first}"}


def _measured() -> dict[str, Any]:
    from unireward.engines.checkpoint import best_device
    from unireward.engines.machine import advice, product_rates

    rates = product_rates(best_device())
    shown = {
        f"{dtype} {what}": f"{ratio:.2f} x float32"
        for dtype, by_rows in rates.items()
        for what, ratio in by_rows.items()
    }
    return {"products": shown, "advice": advice(rates)}
