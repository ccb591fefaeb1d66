"""Small records for the tests of this folder."""

from __future__ import annotations

from unireward.record import Candidate, Context, Label, Part, Record, User


def pair(id="r1", prompt="two red circles", a="one", b="two", winner="a", **more):
    """A pair of answers; ``winner`` is a, b, tie or None (no label)."""
    ranking = {"a": [["a"], ["b"]], "b": [["b"], ["a"]], "tie": [["a", "b"]]}.get(winner)
    values = {
        "id": id,
        "task": "text",
        "prompt": [Part.of_text(prompt)],
        "candidates": [
            Candidate(id=name, content=[text if isinstance(text, Part) else Part.of_text(text)])
            for name, text in (("a", a), ("b", b))
        ],
        "label": Label(ranking=ranking) if ranking else None,
    }
    return Record(**{**values, **more})


def scored(id="r1", prompt="two red circles", answer="one", **scores):
    """One answer with scores by dimension."""
    return Record(
        id=id,
        task="text",
        prompt=[Part.of_text(prompt)],
        candidates=[Candidate(id="a", content=[Part.of_text(answer)])],
        label=Label(scores={"a": scores}) if scores else None,
    )


def of_user(user, **more):
    return pair(context=Context(user=User(id=user)), **more)
