import asyncio

from app.config.sources import endpoints_file as module
from app.config.sources.endpoints_file import EndpointsFile, read_endpoints
from app.config.sync.newest import Addresses, Delta, Held
from tests.fakes.waiting import until

WHOLE: Delta[Addresses] = Delta(Held("boot", 3), True, {"a": (("10.0.0.1", 80),)})


async def test_a_copy_reads_back_the_same_and_is_written_again_when_it_is_stale(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    path, whole = str(tmp_path / "endpoints.gz"), [WHOLE]
    copy = EndpointsFile(path, lambda: whole[0])
    running = asyncio.ensure_future(copy.run())
    assert read_endpoints(path) is None
    copy.changed()
    await until(lambda: read_endpoints(path) == WHOLE, "the copy")
    whole[0] = Delta(Held("boot", 4), True, {})
    copy.changed()
    await until(lambda: read_endpoints(path) == whole[0], "the second one")
    running.cancel()


async def test_a_disk_that_takes_nothing_is_logged_once(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    asked = []

    def whole() -> Delta[Addresses]:
        asked.append(1)
        return WHOLE

    copy = EndpointsFile(str(tmp_path / "missing" / "endpoints.gz"), whole)
    running = asyncio.ensure_future(copy.run())

    async def try_again(times: int) -> None:
        copy.changed()
        await until(lambda: len(asked) == times, "the try")

    for times in (1, 2, 3):
        await try_again(times)
    await until(lambda: "no copy of endpoints can be kept" in caplog.text, "the log")
    assert caplog.text.count("no copy of endpoints can be kept") == 1
    running.cancel()


def test_a_copy_that_cannot_be_read_counts_for_none(tmp_path, caplog):
    path = tmp_path / "endpoints.gz"
    path.write_bytes(b"half a fi")
    assert read_endpoints(str(path)) is None
    assert read_endpoints(str(tmp_path)) is None
    assert caplog.text.count("cannot be used") == 2
