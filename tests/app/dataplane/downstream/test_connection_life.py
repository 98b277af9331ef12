"""A connection's life without a socket: each state's time, its reading paused and resumed, and its ends."""

import gc
import weakref

import pytest

from app.dataplane.downstream.client_socket import ClientSocket
from app.dataplane.downstream.connection_life import LINGER_S, ConnectionLife
from app.dataplane.downstream.connection_state import Event, State
from app.dataplane.eventloop.timer_wheel import NEVER
from tests.fakes.driven_exchange import gateway_text
from tests.fakes.manual_loop import ManualLoop
from tests.fakes.proxy import context_of
from tests.fakes.transport import FakeTransport


class Owner:
    """`due`: when the connection's time was over."""

    def __init__(self):
        self.due = []

    def on_deadline(self, now):
        self.due.append(now)


class Lived:
    """A life with what stands around it."""

    def __init__(self, clock, **of_transport):
        self.clock = clock
        self.owner = Owner()
        self.context = context_of(gateway_text(), ManualLoop(), HEADER_TIMEOUT="5s", KEEP_ALIVE_TIMEOUT="60s")
        self.transport = FakeTransport(**of_transport)
        self.socket = ClientSocket(self.transport, self.context.disconnects)
        self.life = ConnectionLife(self.owner, self.context, self.socket)

    @property
    def left_s(self):
        return self.life.deadline_s - self.clock()

    def go(self, *events):
        for event in events:
            self.life.enter(event, self.clock())
        return self.life.state


@pytest.fixture
async def lived(clock):
    return Lived(clock)


RESPONDED = (Event.REQUEST, Event.RESPONSE_ENDED)


@pytest.mark.parametrize(
    ("events", "state", "left_s"),
    [
        ((), State.IDLE, 5.0),
        ((Event.HEAD_BEGUN,), State.HEAD, 5.0),
        (RESPONDED, State.IDLE, 60.0),
        ((Event.REQUEST_WITH_BODY, Event.RESPONSE_ENDED), State.DISCARDING, 5.0),
        ((Event.REQUEST_WITH_BODY, Event.RESPONSE_ENDED, Event.BODY_ENDED), State.IDLE, 60.0),
        ((Event.CLOSE_UNREAD,), State.LINGERING, LINGER_S),
        ((Event.PAGE_BEGUN,), State.PAGE, NEVER),
    ],
)
async def test_each_state_has_its_time(lived, events, state, left_s):
    assert (lived.go(*events), lived.left_s) == (state, left_s)


async def test_while_a_request_is_under_way_its_exchange_sets_the_deadline(lived):
    lived.go(Event.REQUEST)
    lived.life.set_deadline(lived.clock() + 3)
    lived.clock.now_s += 4
    lived.context.wheel.turn(lived.clock())
    assert lived.owner.due == [lived.clock()]


async def test_a_step_that_the_table_has_not_is_a_fault(lived):
    with pytest.raises(ValueError, match="RESPONSE_ENDED cannot happen"):
        lived.go(Event.RESPONSE_ENDED)


async def test_a_transport_that_is_closing_is_left_alone(lived):
    lived.transport.close()
    lived.life.end(unread=True)
    assert (lived.life.state, lived.transport.calls) == (State.CLOSING, [])


@pytest.mark.parametrize("tls", [True, False])
async def test_a_client_that_still_sends_has_time_to_read_the_response(clock, tls):
    lived = Lived(clock, tls=tls)
    lived.go(Event.REQUEST)
    lived.socket.pause_reading(watched=True)
    lived.life.end(unread=True)
    assert (lived.life.state, lived.left_s) == (State.LINGERING, LINGER_S)
    assert (lived.transport.eof_written, lived.transport.reading) == (not tls, True)
    lived.life.close()
    assert lived.transport.closing


async def test_one_that_has_sent_all_is_closed_at_once(lived):
    lived.go(Event.REQUEST)
    lived.life.end(unread=False)
    assert (lived.life.state, lived.transport.closing) == (State.CLOSING, True)


async def test_a_client_that_takes_no_byte_more_of_its_response_is_cut_off(lived):
    lived.transport.stall()
    lived.transport.write(b"response")
    lived.life.close()
    assert (lived.left_s, lived.transport.aborted) == (5.0, False)
    lived.life.close()
    assert lived.transport.aborted


@pytest.mark.parametrize("end", ["lost", "upgrade"])
async def test_a_life_that_is_over_waits_for_nothing_and_holds_nobody(clock, end):
    lived = Lived(clock)
    lived.go(Event.REQUEST)
    lived.socket.pause_reading(watched=True)
    getattr(lived.life, end)()
    assert (lived.life.deadline_s, lived.socket.read_paused) == (NEVER, False)
    lived.life.on_deadline(clock())
    assert lived.owner.due == []
    owner = weakref.ref(lived.owner)
    gc.disable()
    try:
        del lived.owner
        assert owner() is None
    finally:
        gc.enable()


async def test_it_tells_whether_it_is_busy_and_for_how_long_it_is_quiet(lived):
    start_s, life = lived.clock(), lived.life
    assert (life.busy, life.quiet_s(start_s + 5, start_s + 2)) == (False, 3.0)
    lived.go(Event.REQUEST)
    assert (life.busy, life.quiet_s(start_s + 5, start_s + 2)) == (True, 0.0)
    lived.clock.now_s += 10
    lived.go(Event.RESPONSE_ENDED)
    assert (life.busy, life.quiet_s(start_s + 11, start_s + 2)) == (False, 1.0)
