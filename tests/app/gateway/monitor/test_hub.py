import json

from app.admin.feed.feed import Viewer
from app.gateway.monitor.hub import Hub
from app.gateway.monitor.lately import Lately
from app.gateway.monitor.sampling import Sampling
from app.policy.model import OverrideState
from tests.fakes.gateway_parts import GatewayParts
from tests.fakes.waiting import until
from tests.fakes.watched import watched_by


class Screen(Viewer):
    def __init__(self) -> None:
        super().__init__()
        self.frames: list[bytes] = []
        self.beats = self.shutdowns = 0

    @property
    def unsent_bytes(self) -> int:
        return 0

    def send(self, frames: bytes) -> None:
        self.frames.append(frames)

    def beat(self) -> None:
        self.beats += 1

    def shutdown(self) -> None:
        self.shutdowns += 1


class Watching:
    def __init__(self, tmp_path) -> None:
        self.parts = parts = GatewayParts(tmp_path)
        self.watched = watched = watched_by(parts)
        sampling = Sampling(
            parts.counts, parts.breakers, watched.connections, lambda: parts.context.plans.table
        )
        self.hub = Hub(
            watched,
            sampling,
            Lately(watched, sampling.since, sampling.sampler),
            parts.tasks,
            parts.loop,
            5,
            0,
        )
        self.screen = Screen()

    async def close(self) -> None:
        self.hub.stop()
        await self.parts.close()


async def test_a_viewer_that_joins_gets_what_there_is(tmp_path):
    watching = Watching(tmp_path)
    watching.hub.join(watching.screen)
    await until(lambda: bool(watching.screen.frames), "the snapshot")
    assert b'"startedAt":5' in watching.screen.frames[0]
    assert b'"identity":{"pod":' in watching.screen.frames[0]
    watching.hub.leave(watching.screen)
    assert watching.hub.feed.viewers == set()
    await watching.close()


async def test_it_is_full_at_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr("app.gateway.monitor.hub.MOST_VIEWERS", 1)
    watching = Watching(tmp_path)
    full = [watching.hub.why_full]
    watching.hub.join(watching.screen)
    full.append(watching.hub.why_full)
    assert full == [None, "1 viewers are connected, which is the most; close a page that nobody looks at"]
    await watching.close()


async def test_a_message_gets_its_reply(tmp_path):
    watching = Watching(tmp_path)
    watching.hub.on_message(watching.screen, "192.0.2.1", b'{"type": "drill.end", "id": 3}', is_admin=True)
    (frame,) = watching.screen.frames
    reply = json.loads(frame[frame.index(b"{") :])
    assert (reply["id"], reply["error"]["code"]) == (3, "drills_off")
    await watching.close()


async def test_every_viewer_is_asked_and_ended(tmp_path):
    watching = Watching(tmp_path)
    watching.hub.join(watching.screen)
    watching.hub.beat()
    watching.hub.disconnect()
    assert (watching.screen.beats, watching.screen.shutdowns) == (1, 1)
    await watching.close()


async def test_a_fault_of_the_feed_is_reported_and_the_clock_goes_on(tmp_path, monkeypatch):
    watching = Watching(tmp_path)

    def broken(_now_ms: int) -> None:
        monkeypatch.undo()
        raise ValueError("a slip")

    monkeypatch.setattr(watching.hub.feed, "tick", broken)
    watching.hub.join(watching.screen)
    await until(lambda: bool(watching.parts.faults), "the fault")
    watching.parts.events.publish("config_applied", "after", "")
    await until(lambda: any(b"after" in frame for frame in watching.screen.frames), "the next message")
    assert [str(fault) for fault in watching.parts.faults] == ["a slip"]
    await watching.close()


async def test_an_override_is_shown_and_its_end_is_waited_for(tmp_path):
    watching = Watching(tmp_path)
    watching.hub.join(watching.screen)
    await until(lambda: bool(watching.screen.frames), "the snapshot")
    watching.watched.overrides.put("cache", OverrideState.OPEN, 60.0, "Ada", "")
    await until(lambda: any(b'"state":"open"' in frame for frame in watching.screen.frames), "the override")
    assert any(b'"by":"Ada"' in frame for frame in watching.screen.frames)
    await watching.close()
