"""Replies read a second, by family, on one core: the recorded replies over and over.

Beside it, in the same run, a plain regular expression that collects every number of the reply
(what published scripts do): the ratio says what reading with care costs.

    python perf/parse_rate.py [--seconds 1.0]
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time

import unireward
import unireward.families
from unireward.families import Family, Form, get_family

FOLDERS = Path(unireward.families.__file__).parent
RESULT = Path(__file__).parent / "results" / "parse_rate.json"
TARGETS = {"unifiedreward-think": 2_000, "unifiedreward-flex": 2_000}
SHORT_TARGET = 20_000
WORDS = {
    "P": "two red circles left of a blue square", "Q": "How many circles are there?",
    "A1": "Two.", "A2": "Three.", "R": "Two.", "I": "make the circles red",
}  # fmt: skip
Item = tuple[Family, Form, str, str]


def recorded(folder: Path) -> list[Item]:
    """(family, form, reply, prompt) of each recorded reply that is read with status ok."""
    items = []
    for path in sorted(folder.glob("replies/*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            variant = [row["variant"]] if row.get("variant") else []
            family = get_family("/".join([folder.name.replace("_", "-"), *variant]))
            form = family.forms_for(
                row["task"], row["mode"], row.get("form") or None, row.get("aspect") or None
            )[0]
            prompt = re.sub(
                r"\{(P|Q|A1|A2|R|I)\}", lambda match: WORDS[match.group(1)], form.template
            )
            if family.read(form, row["reply"], "stop", prompt).status == "ok":
                items.append((family, form, row["reply"], prompt))
    return items


def unseen(items: list[Item]) -> Iterator[Item]:
    """The same replies without end, each to a prompt nobody has read before."""
    for count in itertools.count():
        family, form, reply, prompt = items[count % len(items)]
        yield family, form, reply, prompt.replace("red circles", f"red circles and {count} squares")


def fresh_rate(items: list[Item], seconds: float) -> float:
    """Replies a second where each has a prompt of its own, as in a bulk job."""
    spent, done, source = 0.0, 0, unseen(items)
    while spent < seconds:
        batch = list(itertools.islice(source, 1000))
        start = process_time()
        for item in batch:
            with_care(item)
        spent += process_time() - start
        done += len(batch)
    return done / spent


def rate(read: Callable[[Item], object], items: list[Item], seconds: float) -> float:
    """Replies a second of CPU time, whole rounds over ``items`` for at least ``seconds``."""
    for item in items:
        read(item)
    done, start = 0, process_time()
    while (spent := process_time() - start) < seconds:
        for item in items:
            read(item)
        done += len(items)
    return done / spent


def with_care(item: Item) -> object:
    family, form, reply, prompt = item
    return family.read(form, reply, "stop", prompt)


_ANY_NUMBER = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?")


def any_number(item: Item) -> object:
    return [float(number) for number in _ANY_NUMBER.findall(item[2])], "1 is better" in item[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0)
    seconds = parser.parse_args().seconds
    rows = {}
    for folder in sorted(path for path in FOLDERS.iterdir() if (path / "replies").is_dir()):
        items = recorded(folder)
        if not items:
            continue
        name = folder.name.replace("_", "-")
        ours, plain = rate(with_care, items, seconds), rate(any_number, items, seconds)
        fresh = fresh_rate(items, seconds)
        rows[name] = {
            "replies": len(items),
            "mean_characters": round(sum(len(item[2]) for item in items) / len(items)),
            "per_second": round(ours),
            "per_second_with_unseen_prompts": round(fresh),
            "target": TARGETS.get(name, SHORT_TARGET),
            "plain_regex_per_second": round(plain),
            "ratio_to_plain_regex": round(ours / plain, 4),
        }
        print(
            f"{name:24} {ours:>10,.0f} replies/s, {fresh:>10,.0f} with unseen prompts "
            f"(target {rows[name]['target']:,})"
        )
    result = {
        "what": "replies read per second of CPU time on one core",
        "unireward": unireward.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "seconds_each": seconds,
        "families": rows,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
