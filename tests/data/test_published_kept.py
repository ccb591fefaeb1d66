"""What the published sets become survives a file of records: bytes, ties, users, steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.data import test_edit_reward, test_genai_bench, test_pick_a_pic, test_prm_steps
from tests.data.published import records
from unireward.files import read_records, write_records
from unireward.record import Record

ROWS: dict[str, tuple[str, dict[str, Any], str]] = {
    "a tie of bad ones": (
        "genai-bench", {**test_genai_bench.IMAGE, "vote_type": "bothbad_vote"}, "parquet",
    ),
    "an edit with its source": ("edit-reward", test_edit_reward.VOTED, "parquet"),
    "a user's choice": ("pick-a-pic", test_pick_a_pic.ROW, "parquet"),
    "judged steps": ("prm-steps", test_prm_steps.TREE, "jsonl"),
}  # fmt: skip


@pytest.mark.parametrize("what", ROWS)
@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_records_read_back_as_they_were(tmp_path: Path, what: str, suffix: str):
    name, row, given = ROWS[what]
    made = records(tmp_path, name, [row], given)
    kept = tmp_path / "out" / f"records.{suffix}"
    assert write_records(kept, made) == len(made)
    assert [_told(r) for r in read_records(kept)] == [_told(r) for r in made]


def _told(record: Record) -> tuple[Any, ...]:
    """Everything of a record, its media by their bytes."""
    parts = (*record.prompt, *(p for c in record.candidates for p in c.content))
    media = [p.bytes or (Path(p.path).read_bytes() if p.path else p.text) for p in parts]
    roles = [p.role for p in parts]
    return record.id, record.task, record.label, record.context, record.meta, media, roles
