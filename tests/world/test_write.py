"""The world on disk: equal bytes for equal seeds, readable by everything else."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from unireward.errors import InputError
from unireward.files import read_records
from unireward.media import FrameRule
from unireward.media.mp4 import mp4
from unireward.record import Label
from unireward.world.sample import TASKS, sample_record
from unireward.world.truth import label_of, overall
from unireward.world.write import write_world


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_same_seed_gives_the_same_bytes_and_another_other_ones(tmp_path):
    for name, seed in (("one", 3), ("same", 3), ("other", 4)):
        assert write_world("all", 15, seed, tmp_path / name) == 15
    assert files(tmp_path / "one") == files(tmp_path / "same")
    one, other = files(tmp_path / "one"), files(tmp_path / "other")
    assert one["records.jsonl"] != other["records.jsonl"]


def test_tasks_share_the_items_evenly_and_levels_take_turns(tmp_path):
    write_world("all", 17, 0, tmp_path)
    records = list(read_records(tmp_path / "records.jsonl"))
    counts = Counter(record.task for record in records)
    assert [counts[task] for task in TASKS] == [4, 4, 3, 3, 3]
    assert [r.meta["level"] for r in records if r.task == "image_generation"] == [1, 2, 3, 1]


def test_a_record_s_candidates_have_files_of_one_length(tmp_path):
    write_world(("image_generation", "video_generation", "image_editing"), 30, 9, tmp_path)
    for record in read_records(tmp_path / "records.jsonl"):
        paths = [Path(c.content[0].path) for c in record.candidates]
        assert len({path.stat().st_size for path in paths}) == 1
        assert len({path.read_bytes() for path in paths}) == 2


def test_pictures_come_back_to_the_pixel_and_clips_nearly(tmp_path):
    write_world(("image_editing", "video_generation"), 6, 5, tmp_path)
    records = {record.id: record for record in read_records(tmp_path / "records.jsonl")}
    for index in range(3):
        item = sample_record("image_editing", 5, index=index)
        record = records[item.record.id]
        source = np.asarray(record.source.load().load())
        assert (source == item.prompt_media[0]).all()
        for candidate in record.candidates:
            pixels = np.asarray(candidate.content[0].load().load())
            assert (pixels == item.media[candidate.id]).all()
        clip = sample_record("video_generation", 5, index=index)
        for candidate in records[clip.record.id].candidates:
            frames = candidate.content[0].load().frames(FrameRule.parse("linspace:8"))
            pixels = np.stack([np.asarray(image.load()) for image in frames.images])
            assert pixels.shape == (8, 96, 96, 3)
            gap = np.abs(pixels.astype(int) - clip.media[candidate.id])
            # Colours survive; only chroma at edges is lost to 4:2:0.
            assert gap.mean() < 3
            assert frames.times[-1] == pytest.approx(7 / 8)


def test_paths_are_relative_and_say_nothing_but_record_and_candidate(tmp_path):
    write_world("all", 20, 1, tmp_path)
    for line in (tmp_path / "records.jsonl").read_text().splitlines():
        row = json.loads(line)
        for candidate in row["candidates"]:
            for part in candidate["content"]:
                if part["type"] != "text":
                    suffix = "png" if part["type"] == "image" else "mp4"
                    assert part["path"] == f"media/{row['id']}-{candidate['id']}.{suffix}"
        assert set(row["meta"]) == {"source", "level", "split"}


def test_wrong_arguments_leave_nothing_behind(tmp_path):
    for arguments, message in (
        (("audio", 3, 0), "set task to"),
        (("all", 0, 0), "items is 0"),
        (("all", 3, -1), "seed is -1"),
    ):
        with pytest.raises(InputError, match=message):
            write_world(*arguments, tmp_path / "world")
        assert not (tmp_path / "world").exists()
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file; name a folder"):
        write_world("all", 3, 0, tmp_path / "file")


def test_clips_encode_to_equal_bytes_every_time():
    frames = sample_record("video_generation", 7, index=2).media["b"]
    assert len({mp4(frames, 8) for _ in range(25)}) == 1


def test_labels_rank_by_overall_and_tie_within_the_stated_difference():
    def truth(value: float) -> dict[str, float]:
        return {"alignment": value, "overall": value}

    label = label_of({"a": truth(2.0), "b": truth(4.0), "c": truth(3.95), "d": truth(2.05)})
    assert label.ranking == (("b", "c"), ("a", "d"))
    assert label.strength == 1.0
    assert label.scales == {"alignment": (1.0, 5.0), "overall": (1.0, 5.0)}
    assert label_of({"a": truth(3.0), "b": truth(3.4)}) == Label(
        ranking=(("b",), ("a",)),
        strength=0.2,
        scores={"a": truth(3.0), "b": truth(3.4)},
        scales={"alignment": (1.0, 5.0), "overall": (1.0, 5.0)},
    )
    assert label_of({"a": truth(3.0)}).ranking is None


def test_overall_is_the_weighted_mean():
    assert overall("image_generation", {"alignment": 4.0, "coherence": 5.0, "style": 1.0}) == 3.6
    assert overall("video_generation", {"alignment": 5, "coherence": 3, "physics": 1}) == 3.7
