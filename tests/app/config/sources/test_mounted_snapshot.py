"""The mounted snapshot: found in file or folder, absent without fault, named in every fault."""

import gzip
import json

import pytest

from app.config.sources.mounted_snapshot import (
    claimed_mark,
    decode_file,
    read_snapshot,
    snapshot_path,
    watched_paths,
)
from app.config.sync.snapshot import pack, seal
from app.config.sync.snapshot_parts import INDEX_KEY, split, write_index
from app.foundation.errors import ConfigFaults

LINEAGE = "00000000-0000-4000-8000-000000000001"
SNAPSHOT = seal(LINEAGE, 3, (), complete=True)


def test_a_folder_holds_it_under_the_name_of_the_configmaps_key(tmp_path):
    assert snapshot_path(str(tmp_path)) == str(tmp_path / "snapshot.json.gz")
    assert snapshot_path(str(tmp_path / "later")) == str(tmp_path / "later" / "snapshot.json.gz")
    assert snapshot_path(str(tmp_path / "s.json.gz")) == str(tmp_path / "s.json.gz")


def test_it_is_read_and_its_absence_is_no_fault(tmp_path):
    path = tmp_path / "s.gz"
    assert read_snapshot(str(path)) is None
    path.write_bytes(pack(SNAPSHOT))
    assert read_snapshot(str(path)) == SNAPSHOT


def test_a_fault_names_the_file():
    with pytest.raises(ConfigFaults) as caught:
        decode_file(b"no", "/mnt/s.gz")
    assert str(caught.value).startswith("/mnt/s.gz: snapshot: is no JSON")


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"lineage": LINEAGE, "sequence": 7}).encode(),
        gzip.compress(json.dumps({"lineage": LINEAGE, "sequence": 7, "schemaVersion": 9}).encode()),
    ],
    ids=["plain", "gzip"],
)
def test_what_cannot_be_decoded_may_still_say_which_it_is(content):
    assert claimed_mark(content) == (LINEAGE, 7)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no",
        b"\x1f\x8bno",
        b"[]",
        b"{}",
        b'{"lineage": 1, "sequence": 1}',
        b'{"lineage": "x", "sequence": true}',
    ],
)
def test_it_says_nothing_where_it_says_nothing_sound(content):
    assert claimed_mark(content) is None


def test_a_large_one_is_put_together_from_its_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("app.config.sync.snapshot_parts.PART_BYTES", 100)
    path = str(tmp_path / "snapshot.json.gz")
    index, parts = split(pack(SNAPSHOT), None)
    assert len(parts) > 1
    (tmp_path / INDEX_KEY).write_bytes(write_index(index))
    for name, content in list(parts.items())[1:]:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigFaults) as caught:
        read_snapshot(path)
    assert str(caught.value) == f"{tmp_path / INDEX_KEY}: snapshot: lacks the parts a1; wait for the next one"
    (tmp_path / "a1").write_bytes(parts["a1"])
    assert read_snapshot(path) == SNAPSHOT


def test_all_files_that_it_may_lie_in_are_watched(tmp_path):
    watched = watched_paths(str(tmp_path / "snapshot.json.gz"))
    assert watched[:3] == tuple(str(tmp_path / name) for name in ("snapshot.json.gz", INDEX_KEY, "a1"))
