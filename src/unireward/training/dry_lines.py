"""How a dry run reads on a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from unireward.training.memory import KINDS, Memory

if TYPE_CHECKING:
    from unireward.training.dry_run import DryRun, StageFound

WIDTH, LABEL = 80, 11
MIB, GIB = 1 << 20, 1 << 30
ESTIMATED = ("activations", "logits")
NAMES = {"zero2": "ZeRO-2", "zero3": "ZeRO-3", "fsdp": "FSDP"}


def lines(found: DryRun) -> list[str]:
    """The whole of it: model, stages, memory of the largest, what was found."""
    out = [
        *_said("model", f"{found.model}, {_asked(found)}"),
        *_parameters(found),
    ]
    for stage in found.stages:
        out += _stage(stage, found.gpus)
    out += _memory(found)
    if not found.problems:
        return [*out, *_said("found", "nothing that stands in the way")]
    out += ["", "found"]
    for problem in found.problems:
        out += _folded(f"  {'error  ' if problem.fatal else 'note   '} ", problem.text)
    return out


def _asked(found: DryRun) -> str:
    if found.family is not None:
        return f"asked as {found.family}"
    return {"generator": "a generator", "policy": "asked by its prompts as they stand"}[found.what]


def _folded(head: str, text: str) -> list[str]:
    from textwrap import wrap

    rest = " " * len(head)
    return wrap(
        " ".join(text.split()), WIDTH, initial_indent=head, subsequent_indent=rest,
        break_on_hyphens=False,
    )  # fmt: skip


def _said(label: str, text: str) -> list[str]:
    return _folded(f"{label:{LABEL}}", text)


def _parameters(found: DryRun) -> Iterator[str]:
    yield f"{'':{LABEL}}{'':12}{'parameters':>16}{'that learn':>16}"
    for part, row in found.parameters.items():
        yield f"{'':{LABEL}}{part:12}{row['all']:>16,}{row['trained']:>16,}"


def _stage(stage: StageFound, gpus: int) -> list[str]:
    where = "1 device" if gpus == 1 else f"{gpus} devices"
    examples = stage.steps * stage.size
    out = [
        "",
        *_said(
            "stage",
            f"{stage.name}: {stage.steps:,} steps of {stage.size:,} examples on {where}, "
            f"{examples:,} in all, the rate rising over {stage.warmup:,} steps",
        ),
    ]
    if stage.terms:
        told = ", ".join(
            f"{t['name']}{'' if t['name'] == t['kind'] else ' (' + t['kind'] + ')'}"
            f" x {t['weight']:g}"
            for t in stage.terms
        )
        out += _said("objective", told)
    data = stage.data
    if data is None:
        return [*out, *_said("data", f"not measured: {stage.not_measured}")]
    held = "drawn without end, or of an unknown number"
    if data.available is not None:
        held = f"{data.available:,}, each used {examples / data.available:.3g} times"
    out += _said("data", f"examples: {held}")
    for label, text in data.told():
        out += _said(label, text)
    return out


def _memory(found: DryRun) -> list[str]:
    if not any(stage.memory for stage in found.stages):
        return []
    worst = max(found.stages, key=lambda stage: max(one.total for one in stage.memory))
    ways = worst.memory
    most = max(one.total for one in ways)
    name, unit = ("GiB", GIB) if most >= GIB else ("MiB", MIB)
    title = f"{name} a device"
    heads = "".join(f"{_way(one):>10}" for one in ways)
    out = [""]
    if len(found.stages) > 1:
        out += _said("memory", f"of stage {worst.name}, which takes the most")
    label = "memory" if len(found.stages) == 1 else ""
    out.append(f"{label:{LABEL}}{title:24}{heads}")
    for kind in KINDS:
        if not any(kind in one.held for one in ways):
            continue
        shown = f"{kind} (estimate)" if kind in ESTIMATED else kind
        cells = "".join(f"{_in(unit, one.held.get(kind)):>10}" for one in ways)
        out.append(f"{'':{LABEL}}{shown:24}{cells}")
    out.append(f"{'':{LABEL}}{'total':24}" + "".join(f"{_in(unit, one.total):>10}" for one in ways))
    notes = []
    if found.not_estimated is not None:
        notes.append(f"not in it, and not estimated: {found.not_estimated}")
    elif any("activations" not in one.held for one in ways):
        notes.append("activations are not in it (not measured, or nothing before a head learns)")
    notes.append("about 1 GiB of the process itself, and fragments, come on top")
    if found.device_memory is not None:
        notes.append(f"the device here has {_in(GIB, found.device_memory)} GiB")
    if found.gpus == 1 and ways[0].strategy == "ddp":
        notes.append("--gpus N says how it is shared out")
    return [*out, *_folded(" " * LABEL, "; ".join(notes))]


def _way(one: Memory) -> str:
    if one.strategy == "ddp":
        return "DDP" if one.devices > 1 else "alone"
    return NAMES[one.strategy]


def _in(unit: int, amount: int | None) -> str:
    return "-" if amount is None else f"{amount / unit:,.2f}"
