import asyncio
import logging
import os
import re

import pytest

from app.config.sources.file import LARGE_BYTES, POLL_S, FileSource, read_source
from app.foundation.errors import ConfigFaults
from app.schema.file_size import MAX_FILE_BYTES
from tests.fakes.exchange import DEADLINE_S


def fault_of(path):
    with pytest.raises(ConfigFaults) as caught:
        read_source(str(path))
    (fault,) = caught.value.faults
    assert fault.path == str(path)
    return fault


class Watch:
    """A source of one file and what it has told, with changes as their bytes and faults as their `what`."""

    def __init__(self, *paths):
        self.told = []
        self.source = FileSource([str(path) for path in paths])

    def take(self, path, content):
        said = content.faults[0].what if isinstance(content, ConfigFaults) else content
        self.told.append((os.path.basename(path), said))

    async def polls(self, count=2):
        """What `count` polls tell."""
        before = len(self.told)
        for _ in range(count):
            await self.source.poll(self.take)
        return self.told[before:]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "gw.yaml"
    path.write_bytes(b"one")
    return path


@pytest.fixture
def no_root():
    """A call that gives up root's rights, which no mode of a file bounds, until the test ends."""
    user = os.geteuid()
    yield lambda: os.seteuid(65534) if user == 0 else None
    os.seteuid(user)


# reading


def test_all_bytes_of_a_file_are_read(file):
    assert read_source(str(file)) == b"one"


def test_a_file_that_tells_no_size_is_read_to_its_end():
    assert read_source("/proc/self/status").startswith(b"Name:")


def test_a_missing_file_is_told(tmp_path):
    fault = fault_of(tmp_path / "gone.yaml")
    assert (fault.what, fault.fix) == ("does not exist", "check the path, or that the volume is mounted")


def test_a_folder_is_told(tmp_path):
    fault = fault_of(tmp_path)
    assert (fault.what, fault.fix) == ("is a folder", "give the path of a YAML file")


def test_a_pipe_is_told_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert fault_of(tmp_path / "pipe").what == "is no regular file"


def test_a_path_through_a_file_is_told(file):
    assert fault_of(file / "x").what == "is below something that is no folder"


def test_a_file_without_the_right_to_read_it_is_told(file, no_root):
    file.chmod(0)
    no_root()
    fault = fault_of(file)
    assert (fault.what, fault.fix) == ("may not be read", "give this user the right to read it")


def test_a_link_to_itself_is_told(tmp_path):
    os.symlink("loop", tmp_path / "loop")
    fault = fault_of(tmp_path / "loop")
    assert fault.what.startswith("cannot be read (")
    assert fault.fix == "check the path and the disk"


def test_a_path_with_a_nul_is_told():
    assert re.fullmatch(r"cannot be read \(.*embedded null .*\)", fault_of("a\0b").what)


def test_a_disk_that_fails_while_it_is_read_is_told():
    assert fault_of("/proc/self/mem").what == "cannot be read (Input/output error)"


def test_a_file_of_100_mb_is_refused_unread(tmp_path):
    with open(tmp_path / "huge", "wb") as huge:
        huge.truncate(100_000_000)
    fault = fault_of(tmp_path / "huge")
    assert fault.what == "is 100,000,000 bytes long"
    assert "at most 16 MiB" in fault.fix


def test_a_file_at_the_bound_is_read(tmp_path):
    with open(tmp_path / "large", "wb") as large:
        large.truncate(MAX_FILE_BYTES)
    assert len(read_source(str(tmp_path / "large"))) == MAX_FILE_BYTES


# watching


async def test_a_file_that_stays_the_same_is_not_told(file):
    assert await Watch(file).polls(5) == []


async def test_a_change_is_told_once(file):
    watch = Watch(file)
    file.write_bytes(b"two!")
    assert await watch.polls(5) == [("gw.yaml", b"two!")]


async def test_a_change_of_the_same_length_is_told(file):
    os.utime(file, ns=(0, 0))
    watch = Watch(file)
    file.write_bytes(b"two")
    assert await watch.polls() == [("gw.yaml", b"two")]


async def test_a_change_is_not_told_before_it_stood_still(file):
    watch = Watch(file)
    for size in range(4, 9):
        file.write_bytes(b"x" * size)
        assert await watch.polls(1) == []
    assert await watch.polls(1) == [("gw.yaml", b"x" * 8)]


def test_two_polls_and_a_rest_fit_into_a_second():
    assert 3 * POLL_S < 1.0


async def test_an_atomic_rename_is_told(file, tmp_path):
    watch = Watch(file)
    (tmp_path / "new").write_bytes(b"two")
    os.replace(tmp_path / "new", file)
    assert await watch.polls() == [("gw.yaml", b"two")]


async def test_a_swap_of_a_config_maps_data_link_is_told(tmp_path):
    for name, content in (("..2026_1", b"one"), ("..2026_2", b"two")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "gw.yaml").write_bytes(content)
    os.symlink("..2026_1", tmp_path / "..data")
    os.symlink("..data/gw.yaml", tmp_path / "gw.yaml")
    watch = Watch(tmp_path / "gw.yaml")
    os.symlink("..2026_2", tmp_path / "..data_tmp")
    os.replace(tmp_path / "..data_tmp", tmp_path / "..data")
    assert await watch.polls() == [("gw.yaml", b"two")]


async def test_a_file_that_vanished_is_told_once(file):
    watch = Watch(file)
    file.unlink()
    assert await watch.polls(4) == [("gw.yaml", "does not exist")]


async def test_a_file_that_is_back_after_it_vanished_is_told(file):
    watch = Watch(file)
    file.unlink()
    await watch.polls()
    file.write_bytes(b"back")
    assert await watch.polls() == [("gw.yaml", b"back")]


async def test_a_file_that_was_away_for_a_moment_tells_its_new_content_only(file):
    watch = Watch(file)
    file.unlink()
    await watch.polls(1)
    file.write_bytes(b"back")
    assert await watch.polls() == [("gw.yaml", b"back")]


async def test_a_file_that_is_missing_at_first_is_told_when_it_comes(tmp_path):
    watch = Watch(tmp_path / "late.yaml")
    assert await watch.polls() == []
    (tmp_path / "late.yaml").write_bytes(b"here")
    assert await watch.polls() == [("late.yaml", b"here")]


async def test_a_folder_in_place_of_the_file_is_told(file):
    watch = Watch(file)
    file.unlink()
    file.mkdir()
    assert await watch.polls() == [("gw.yaml", "is a folder")]


async def test_a_file_that_may_not_be_read_any_more_is_told(file, no_root):
    watch = Watch(file)
    file.chmod(0)
    no_root()
    assert await watch.polls() == [("gw.yaml", "may not be read")]


async def test_a_change_to_100_mb_is_told_as_a_fault(file):
    watch = Watch(file)
    os.truncate(file, 100_000_000)
    assert await watch.polls() == [("gw.yaml", "is 100,000,000 bytes long")]


async def test_a_large_file_is_read_too(file):
    watch = Watch(file)
    file.write_bytes(b"x" * (LARGE_BYTES + 1))
    ((_, content),) = await watch.polls()
    assert len(content) == LARGE_BYTES + 1


async def test_a_file_that_changes_while_it_is_read_is_told_with_what_it_holds_in_the_end(file):
    watch = Watch(file)
    file.write_bytes(b"x" * (LARGE_BYTES + 1))
    await watch.polls(1)
    reading = asyncio.ensure_future(watch.source.poll(watch.take))
    await asyncio.sleep(0)  # the file is now being read in a thread
    file.write_bytes(b"the end")
    await reading
    assert watch.told == []
    assert await watch.polls() == [("gw.yaml", b"the end")]


async def test_several_files_are_told_each_by_its_path(file, tmp_path):
    keys = tmp_path / "keys.yaml"
    watch = Watch(file, keys, file)
    keys.write_bytes(b"k")
    file.write_bytes(b"two!")
    assert await watch.polls() == [("gw.yaml", b"two!"), ("keys.yaml", b"k")]


async def test_other_files_can_be_watched_from_now_on(file, tmp_path):
    keys = tmp_path / "keys.yaml"
    watch = Watch(file)
    file.write_bytes(b"two!")
    await watch.polls(1)
    watch.source.watch([str(file), str(keys)])
    keys.write_bytes(b"k")
    assert await watch.polls() == [("gw.yaml", b"two!"), ("keys.yaml", b"k")]
    watch.source.watch([str(keys)])
    file.write_bytes(b"three")
    assert await watch.polls() == []


async def test_the_running_watch_tells_a_change(file):
    told = asyncio.get_running_loop().create_future()
    source = FileSource([str(file)], poll_s=0.01)
    running = asyncio.ensure_future(source.run(lambda path, content: told.set_result(content)))
    file.write_bytes(b"two!")
    assert await asyncio.wait_for(told, DEADLINE_S) == b"two!"
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_fault_of_the_receiver_is_logged_and_does_not_end_the_watch(file, caplog):
    told = asyncio.get_running_loop().create_future()

    def take(path, content):
        if content == b"bad!":
            file.write_bytes(b"good")
            raise RuntimeError("a slip")
        told.set_result(content)

    running = asyncio.ensure_future(FileSource([str(file)], poll_s=0.01).run(take))
    file.write_bytes(b"bad!")
    with caplog.at_level(logging.ERROR, "app.config.sources.file"):
        assert await asyncio.wait_for(told, DEADLINE_S) == b"good"
    running.cancel()
    assert "a slip" in caplog.text
