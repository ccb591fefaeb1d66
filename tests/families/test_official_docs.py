"""The table of docs/families.md is what the specs say.

``python tests/families/test_official_docs.py`` writes it anew.
"""

from __future__ import annotations

import re
from pathlib import Path

from unireward.families import Family, list_families
from unireward.families.spec import Form

DOC = Path(__file__).parents[2] / "docs" / "families.md"
BEGIN, END = "<!-- table: generated -->\n", "<!-- end of table -->"


def _form(form: Form) -> str:
    parts = [f"`{form.name or form.aspect}`"] if form.name or form.aspect else []
    ranges = {(s.low, s.high) for name, s in form.scales.items() if name != "overall"}
    ranges = ranges or {(s.low, s.high) for s in form.scales.values()}
    if len(ranges) == 1 and form.mode != "rank":
        ((low, high),) = ranges
        names = [name for name in form.scales if name != "overall" or len(form.scales) == 1]
        parts.append(f"{', '.join(names)} {low:g}-{high:g}")
    if not form.default:
        parts.append("(on request)")
    return " ".join(parts)


def _cell(family: Family, task: str) -> str:
    out = []
    for mode in family.modes(task):
        forms = [f for f in family.spec.forms if (f.task, f.mode) == (task, mode)]
        told = "; ".join(text for text in map(_form, forms) if text)
        out.append(f"**{mode}**" + (f": {told}" if told else ""))
    return "<br>".join(out)


def table() -> str:
    """One row for each family and task; variants that do the same share it."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for family in list_families():
        for task in family.tasks:
            key = (family.name, task, _cell(family, task))
            rows.setdefault(key, []).append(family.spec.variant)
    lines = ["| family | variants | task | modes and forms |", "|---|---|---|---|"]
    for (name, task, cell), variants in rows.items():
        shown = ", ".join(f"`{variant}`" for variant in variants if variant)
        lines.append(f"| `{name}` | {shown} | {task} | {cell} |")
    return "\n".join(lines) + "\n"


def test_the_table_is_up_to_date() -> None:
    text = DOC.read_text(encoding="utf-8")
    found = re.search(re.escape(BEGIN) + "(.*?)" + re.escape(END), text, re.DOTALL)
    assert found is not None
    assert found.group(1) == table(), f"run: python {Path(__file__).name}"


if __name__ == "__main__":
    old = DOC.read_text(encoding="utf-8")
    start, stop = old.index(BEGIN) + len(BEGIN), old.index(END)
    DOC.write_text(old[:start] + table() + old[stop:], encoding="utf-8")
