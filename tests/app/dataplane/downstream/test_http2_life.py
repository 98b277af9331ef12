import pytest

from app.dataplane.downstream.client_socket import ClientSocket
from app.dataplane.downstream.http2_life import Http2Life
from app.dataplane.downstream.http2_state import Event, State
from tests.fakes.proxy import context_of
from tests.fakes.transport import FakeTransport


class Owner:
    def __init__(self) -> None:
        self.due_at_s: list[float] = []

    def on_deadline(self, now: float) -> None:
        self.due_at_s.append(now)


class Alive:
    def __init__(self, *, tls: bool = False) -> None:
        self.context = context_of("", HEADER_TIMEOUT="5s", KEEP_ALIVE_TIMEOUT="60s")
        self.transport = FakeTransport(tls=tls)
        self.owner = Owner()
        self.socket = ClientSocket(self.transport, self.context.disconnects)
        self.life = Http2Life(self.owner, self.context, self.socket)


async def test_each_state_has_its_deadline(clock):
    life = Alive().life
    assert life.deadline_s == clock() + 5.0
    life.enter(Event.PREFACE_READ)
    assert life.deadline_s == clock() + 60.0
    life.enter(Event.STREAM_OPENED)
    assert life.deadline_s == float("inf")
    with pytest.raises(ValueError, match="PREFACE_READ"):
        life.enter(Event.PREFACE_READ)


async def test_a_head_has_its_time_whatever_the_state_and_the_idle_time_runs_on(clock):
    life = Alive().life
    life.note_head(1)  # the preface: no other time than its own
    assert not life.waits_for_head
    life.enter(Event.PREFACE_READ)
    clock.now_s += 30.0
    life.note_head(3)
    life.note_head(3)
    assert (life.waits_for_head, life.deadline_s) == (True, clock() + 5.0)
    life.enter(Event.STREAM_OPENED)
    assert life.deadline_s == clock() + 5.0
    life.enter(Event.LAST_STREAM_CLOSED)
    clock.now_s += 1.0
    life.note_head(3)
    assert life.deadline_s == clock() + 4.0
    life.note_head(4)  # another one, whose time begins now
    assert life.deadline_s == clock() + 5.0
    life.note_head(0)
    assert life.deadline_s == clock() - 1.0 + 60.0


async def test_the_owner_hears_of_the_deadline_until_the_client_is_gone():
    alive = Alive()
    alive.life.on_deadline(7.0)
    alive.life.lost()
    alive.life.on_deadline(8.0)
    assert alive.owner.due_at_s == [7.0]
    assert alive.life.state is State.CLOSED


async def test_it_closes_its_half_and_cuts_off_who_does_not_close_theirs(clock):
    alive = Alive()
    alive.socket.pause_reading(watched=True)
    assert not alive.transport.reading
    alive.life.close()
    assert (alive.transport.reading, alive.transport.eof_written) == (True, True)
    assert alive.life.deadline_s == clock() + 2.0
    alive.life.end_closing(clock())
    assert alive.transport.aborted


async def test_a_client_that_still_takes_bytes_has_more_time(clock):
    alive = Alive()
    alive.transport.stall()
    alive.transport.write(b"x" * 10)
    alive.life.close()
    assert alive.life.deadline_s == clock() + 5.0
    alive.transport._unsent_bytes = 5
    alive.life.end_closing(clock())
    assert not alive.transport.aborted
    alive.life.end_closing(clock())
    assert alive.transport.aborted


async def test_over_tls_there_is_no_half_to_close():
    alive = Alive(tls=True)
    alive.life.close()
    assert alive.transport.closing
    alive.life.close()
    assert alive.life.state is State.CLOSING
