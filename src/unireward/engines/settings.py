"""Settings: in what numbers a local model computes, and whether it is compiled.

>>> Settings(dtype="bfloat16").apply(model)
>>> Settings(quantise="int8", compile=True).apply(model)

None of it is on by default: each changes numbers, and what it gains depends on the machine
(``unireward doctor --measure`` says by how much here, ``perf/settings.py`` on whole judgments).
"""

from __future__ import annotations

from typing import Any, Literal

from unireward.errors import UsageError
from unireward.files.validate import validate
from unireward.record import Row

DTYPES = ("auto", "float32", "bfloat16", "float16")
QUANTISED = ("int8", "int8-weights")


class Settings(Row):
    """``dtype`` of the weights (``auto``: as they are stored). ``quantise`` takes the linear layers
    of the language half to 8 bits: ``int8`` weights and activations (measured as they come: fast),
    ``int8-weights`` weights alone (half or a quarter of the memory). On a processor ``int8`` is
    PyTorch's own (:mod:`unireward.engines.int8`); all else needs torchao.
    ``compile`` has torch compile the decoder layers once for all lengths."""

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    quantise: Literal["int8", "int8-weights"] | None = None
    compile: bool = False

    @classmethod
    def of(
        cls, dtype: str = "auto", quantise: str | None = None, compile: bool = False
    ) -> Settings:
        """UsageError naming what there is instead."""
        if dtype not in DTYPES:
            raise UsageError(f"dtype is {dtype!r}; use {', '.join(DTYPES)}")
        if quantise is not None and quantise not in QUANTISED:
            raise UsageError(f"quantise is {quantise!r}; use {', '.join(QUANTISED)}")
        return validate(cls, {"dtype": dtype, "quantise": quantise, "compile": compile})

    @property
    def tag(self) -> str:
        """What tells replies computed so from others in the cache; empty for the defaults."""
        parts = [] if self.dtype == "auto" else [self.dtype]
        parts += [self.quantise] if self.quantise else []
        parts += ["compiled"] if self.compile else []
        return "".join(f"+{part}" for part in parts)

    def apply(self, model: Any) -> None:
        """Quantise and compile ``model`` in place (its dtype is set as it is loaded).

        Raises UsageError where torchao is needed and not installed, or no decoder layers are found.
        """
        if self.quantise:
            _quantise(_language(model), self.quantise)
        if self.compile:
            for layer in _layers(model):
                layer.compile(dynamic=True)


def _language(model: Any) -> Any:
    """The language half of a model that has one apart, else the whole."""
    inner = getattr(model, "model", model)
    return getattr(inner, "language_model", inner)


def _layers(model: Any) -> Any:
    layers = getattr(_language(model), "layers", None)
    if layers is None:
        raise UsageError(
            f"{type(model).__name__}: no decoder layers found to compile; leave compile out"
        )
    return layers


def _quantise(model: Any, kind: str) -> None:
    from unireward.engines import int8

    if kind == "int8" and next(model.parameters()).device.type == "cpu" and int8.known():
        int8.to_int8(model)
        return
    try:
        import torchao.quantization as ao  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise UsageError(
            f"quantise {kind} needs torchao; pip install 'unireward[quantise]', or leave it out"
        ) from None
    config = {
        "int8": ao.Int8DynamicActivationInt8WeightConfig,
        "int8-weights": ao.Int8WeightOnlyConfig,
    }[kind]
    ao.quantize_(model, config())
