"""Shards: written and read back equal, resumed after a kill, divided without overlap."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PILImage

from tests.data.samples import pair
from unireward.data.shards import (
    assigned,
    parse_size,
    read_manifest,
    read_shards,
    verify_shards,
    write_shards,
)
from unireward.errors import InputError, UsageError
from unireward.files import read_records, write_records
from unireward.media import Image, Video
from unireward.record import Candidate, Part, Record

KINDS = ["webdataset", "parquet"]


@pytest.fixture
def media(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for k in range(6):
        pixels = rng.integers(0, 255, (16, 12, 3), dtype=np.uint8)
        PILImage.fromarray(pixels).save(folder / f"{k}.{'jpg' if k % 2 else 'png'}")
    return folder


def drawn(folder: Path, number: int, first: int = 0, second: int = 1) -> Record:
    names = [f"{k}.{'jpg' if k % 2 else 'png'}" for k in (first, second)]
    return pair(
        id=f"r{number}",
        prompt=f"picture {number}",
        a=Part(type="image", path=str(folder / names[0])),
        b=Part(type="image", path=str(folder / names[1])),
        meta={"source": "mine", "n": number},
    )


def shown(part: Part):
    """A medium by its pixels: what was in memory comes back as a file."""
    media = part.load()
    if isinstance(media, Image):
        return Image(media.load()).digest
    frames = media.frames("all")
    return [Image(f.load()).digest for f in frames], frames.times, media.start, media.fps


def payload(record: Record) -> dict:
    """A record with its media as digests: what must survive."""
    row = record.model_dump(exclude={"prompt", "candidates"})
    for where, parts in (
        ("prompt", record.prompt),
        *((c.id, c.content) for c in record.candidates),
    ):
        row[f"parts {where}"] = [
            (p.type, p.role, p.turn, p.text if p.text is not None
             else p.path if "://" in (p.path or "") else shown(p))
            for p in parts
        ]  # fmt: skip
    return row


def odd_records(folder: Path) -> list[Record]:
    """One of each kind of medium: files, bytes, pixels, cut clips, frames, addresses."""
    frames = [str(folder / f"{k}.png") for k in (0, 2, 4)]
    pixels = [Image((folder / "0.png").read_bytes()).load(), PILImage.new("RGB", (5, 7), "red")]
    contents = [
        [Part(type="image", path=str(folder / "1.jpg")), Part.of_text("and words")],
        [Part(type="image", bytes=(folder / "2.png").read_bytes(), role="reference")],
        [Part(type="video", frames=tuple(frames), fps=2.0, start=0.5)],
        [Part(type="image", path="https://example.org/x.png")],
        [Part.of_media(pixels[1])],
        [Part(type="video", media=Video([Image(f) for f in frames]))],
    ]
    return [
        Record(
            id=f"odd/{i} ü",
            task="interleaved",
            prompt=[Part(type="image", path=str(folder / "0.png"), role="source", turn=1),
                    Part.of_text("prompt\nof two lines")],
            candidates=[Candidate(id="x.y/z", content=content)],
        )
        for i, content in enumerate(contents)
    ]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_comes_back(tmp_path, media, kind):
    records = odd_records(media) + [drawn(media, n) for n in range(5)]
    done = write_shards(records, tmp_path / "out", format=kind, size=2000)
    assert done.complete
    assert done.records == len(records)
    assert len(done.shards) > 2
    back = list(read_shards(tmp_path / "out"))
    assert [payload(r) for r in back] == [payload(r) for r in records]
    assert verify_shards(tmp_path / "out") == read_manifest(tmp_path / "out")
    for shard in done.shards:
        data = (tmp_path / "out" / shard.name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (shard.bytes, shard.sha256)


def test_a_tar_is_what_the_webdataset_library_expects(tmp_path, media):
    """Members of a sample stand together and share their name up to the first dot."""
    write_shards([drawn(media, n) for n in range(3)], tmp_path / "out")
    with tarfile.open(tmp_path / "out" / "shard-000000.tar") as tar:
        names = tar.getnames()
        row = json.load(tar.extractfile("000000001.json"))
        assert all((m.mtime, m.uid, m.uname) == (0, 0, "") for m in tar.getmembers())
        assert tar.extractfile("000000001.c0.0.png").read() == (media / "0.png").read_bytes()
    assert names[:3] == ["000000000.json", "000000000.c0.0.png", "000000000.c1.0.jpg"]
    keys = [name.partition(".")[0] for name in names]
    assert keys == sorted(keys)
    assert row["candidates"][0]["content"] == [{"type": "image", "path": "000000001.c0.0.png"}]
    assert (row["id"], row["label"]) == ("r1", {"ranking": [["a"], ["b"]]})


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_whose_media_are_gone_is_named_and_the_rest_kept(tmp_path, media, kind):
    records, size = [drawn(media, n) for n in range(6)], 8000 if kind == "webdataset" else 3000
    bad = pair(id="bad", a=Part(type="image", path=str(media / "gone.png")))
    with pytest.raises(InputError, match=r"^record bad: .*gone\.png: no such file"):
        write_shards([*records[:5], bad], tmp_path / "out", size=size, format=kind)
    begun = read_manifest(tmp_path / "out")
    assert not begun.complete
    assert 0 < begun.records < 6
    with pytest.raises(InputError, match="has not finished; run it again"):
        read_shards(tmp_path / "out")
    before = {s.name: (tmp_path / "out" / s.name).stat().st_mtime_ns for s in begun.shards}
    done = write_shards(records, tmp_path / "out", size=size, format=kind)
    assert done.records == 6
    assert {n: (tmp_path / "out" / n).stat().st_mtime_ns for n in before} == before
    assert [r.id for r in read_shards(tmp_path / "out")] == [r.id for r in records]


KILLED = """
import sys
from pathlib import Path
from unireward.data.shards import write_shards
from unireward.files import read_records

def told(count):
    print(count, flush=True)
    sys.stdin.readline()

write_shards(read_records(sys.argv[1]), sys.argv[2], size=10_000, format=sys.argv[3], advance=told)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_killed_and_run_again_equals_one_clean_run(tmp_path, media, kind):
    source = tmp_path / "in" / "records.jsonl"
    write_records(source, [drawn(media, n, n % 6, (n + 1) % 6) for n in range(60)])
    clean = write_shards(read_records(source), tmp_path / "clean", size=10_000, format=kind)
    assert len(clean.shards) > 6
    out = tmp_path / "out"
    command = [sys.executable, "-c", KILLED, str(source), str(out), kind]
    for kept in (1, 2):
        running = subprocess.Popen(command, stdin=-1, stdout=-1, text=True)
        # Two shards in, and let go on into the third: somewhere there it is killed.
        for _ in range(2):
            assert running.stdout.readline()
            running.stdin.write("\n")
            running.stdin.flush()
        os.kill(running.pid, signal.SIGKILL)
        running.communicate()
        begun = read_manifest(out)
        assert not begun.complete
        assert len(begun.shards) >= 2 * kept
    done = subprocess.run(command, input="", capture_output=True, text=True, check=True)
    assert sum(map(int, done.stdout.split())) == 60 - begun.records
    assert read_manifest(out).to_dict() == read_manifest(tmp_path / "clean").to_dict()
    for shard in clean.shards:
        assert (out / shard.name).read_bytes() == (tmp_path / "clean" / shard.name).read_bytes()


def test_going_on_with_something_else_is_refused(tmp_path, media):
    records = [drawn(media, n) for n in range(4)]
    write_shards(records, tmp_path / "out", size=1500, identity={"input": "one"})
    with pytest.raises(UsageError, match=r"begun with another input \(one then, two now\)"):
        write_shards(records, tmp_path / "out", size=1500, identity={"input": "two"})
    with pytest.raises(UsageError, match="begun with another size"):
        write_shards(records, tmp_path / "out", size=99, identity={"input": "one"})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "shard-000000.tar").touch()
    with pytest.raises(UsageError, match="holds files that are not of this job"):
        write_shards(records, tmp_path / "mine")
    with pytest.raises(UsageError, match="format 'zip' is unknown; use webdataset or parquet"):
        write_shards(records, tmp_path / "x", format="zip")


def test_damage_is_found(tmp_path, media):
    out = tmp_path / "out"
    done = write_shards([drawn(media, n) for n in range(4)], out, size=1500)
    path = out / done.shards[1].name
    data = bytearray(path.read_bytes())
    data[700] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"shard-000001\.tar: has changed since it was written"):
        verify_shards(out)
    path.write_bytes(data[:600])
    with pytest.raises(InputError, match=r"shard-000001\.tar"):
        list(read_shards(out))
    # A shard that is cut short is made again, and only it and what follows.
    again = write_shards([drawn(media, n) for n in range(4)], out, size=1500)
    assert again == done
    assert verify_shards(out) == done
    path.unlink()
    with pytest.raises(InputError, match="no such file"):
        list(read_shards(out))
    (out / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match=r"manifest\.json: is no manifest of shards"):
        read_manifest(out)
    with pytest.raises(InputError, match="no such file"):
        read_manifest(tmp_path)


@given(st.integers(0, 40), st.integers(1, 5), st.integers(1, 4))
def test_readers_share_every_record_once(count, world, workers):
    """Every record of every shard belongs to exactly one reader."""
    length = 7
    taken = [
        (shard, record)
        for rank, worker in product(range(world), range(workers))
        for shard, start, step in assigned(count, rank, world, worker, workers)
        for record in range(start, length, step)
    ]
    whole = count >= world * workers
    if whole or world * workers <= length:
        assert sorted(taken) == list(product(range(count), range(length)))
    assert len(taken) == len(set(taken))


@pytest.mark.parametrize("workers", [1, 3, 20])
def test_readers_of_real_shards(tmp_path, media, workers):
    records = [drawn(media, n) for n in range(30)]
    done = write_shards(records, tmp_path / "out", size=8000)
    assert 3 <= len(done.shards) < 20
    found = [
        [r.id for r in read_shards(tmp_path / "out", worker=w, workers=workers, seed=5)]
        for w in range(workers)
    ]
    assert sorted(i for ids in found for i in ids) == sorted(r.id for r in records)
    with pytest.raises(UsageError, match="count both from 0"):
        read_shards(tmp_path / "out", rank=2, world=2)
    one = [r.id for r in read_shards(tmp_path / "out", seed=1)]
    assert sorted(one) == sorted(r.id for r in records)
    assert one != [r.id for r in read_shards(tmp_path / "out", seed=2)]


def test_no_record_makes_no_shard(tmp_path):
    assert write_shards([], tmp_path / "out").complete
    assert list(read_shards(tmp_path / "out")) == []


def test_memory_does_not_hold_a_shard(tmp_path):
    """40 MB of media in one shard pass through without being held together."""
    import tracemalloc

    data = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (600, 560, 3), dtype=np.uint8)
    PILImage.fromarray(pixels).save(data, "BMP")
    for k in range(40):
        (tmp_path / f"{k}.bmp").write_bytes(data.getvalue())
    records = (
        pair(id=str(k), a=Part(type="image", path=str(tmp_path / f"{k}.bmp"))) for k in range(40)
    )
    tracemalloc.start()
    done = write_shards(records, tmp_path / "out", size=1 << 30)
    read = sum(1 for _ in read_shards(tmp_path / "out"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (read, len(done.shards)) == (40, 1)
    assert done.shards[0].bytes > 40e6
    assert peak < 12e6


@pytest.mark.parametrize(
    ("text", "size"),
    [("512MB", 512_000_000), ("1GiB", 1 << 30), ("100", 100), ("1.5 kb", 1500), ("2 MiB", 2 << 20)],
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1", "0", "1XB", "1e9"])
def test_no_sizes(text):
    with pytest.raises(UsageError, match="is no size; write 512MB"):
        parse_size(text)
