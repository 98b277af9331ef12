"""One replica, and announcements that are late or lost: nothing stale is served beyond the bound."""

from hypothesis import example, given
from hypothesis import strategies as st

from cache.coherence import BOUND_S, POLL_S, Coherence

ACTION = st.one_of(
    st.tuples(st.just("change"), st.sampled_from("ab"), st.booleans()),
    st.tuples(st.just("deliver"), st.integers(1, 3), st.none()),
    st.tuples(st.just("wait"), st.integers(1, 300), st.none()),
    st.tuples(st.just("read"), st.sampled_from("ab"), st.none()),
    st.tuples(st.just("answer"), st.integers(0, 150), st.none()),
    st.tuples(st.just("forget"), st.integers(1, 3), st.none()),
)


class World:
    """Redis: a counter and two values. The replica: its copies, with the time they were read."""

    def __init__(self):
        self.now_s = 100.0
        self.counter = 1000
        self.values = {"a": 0, "b": 0}
        self.since_s = {("a", 0): 0.0, ("b", 0): 0.0}  # when a value stopped being the newest: key → below
        self.ended_s = {}
        self.wire = []
        self.copies = {}
        self.coherence = Coherence()
        self.poll()

    def poll(self):
        self.coherence.ask(self.now_s)
        self.coherence.polled(self.counter, self.now_s)
        self.next_poll_s = self.now_s + POLL_S

    def wait(self, seconds):
        until_s = self.now_s + seconds
        while self.next_poll_s <= until_s:
            self.now_s = self.next_poll_s
            self.poll()
        self.now_s = until_s

    def change(self, key, announced):
        self.ended_s[key, self.values[key]] = self.now_s
        self.counter += 1
        self.values[key] = self.counter
        if announced:
            self.wire.append((self.counter, key))

    def deliver(self, count):
        for number, key in self.wire[:count]:
            if key in self.copies and self.copies[key][0] < number:
                del self.copies[key]
            self.coherence.heard(number, self.now_s)
        del self.wire[:count]

    def read(self, key):
        """What the replica serves."""
        copy = self.copies.get(key)
        if copy is None or not self.coherence.usable(copy[1], self.now_s):
            copy = self.copies[key] = (self.values[key], self.now_s)
        return copy[0]


@given(st.lists(ACTION, max_size=80))
@example(
    [
        ("read", "a", None),
        ("change", "a", False),
        *[("answer", 0, None)] * 2,
        ("wait", 81, None),
        ("read", "a", None),
    ]
)
def test_nothing_is_served_that_was_replaced_longer_ago_than_the_bound(actions):
    world = World()
    for action, what, announced in actions:
        if action == "change":
            world.change(what, announced)
        elif action == "deliver":
            world.deliver(what)
        elif action == "wait":
            world.wait(what / 100)
        elif action == "read":
            served = world.read(what)
            assert world.ended_s.get((what, served), world.now_s) >= world.now_s - BOUND_S - 1e-6
        elif action == "answer":  # a poll whose answer is on its way while announcements arrive
            world.coherence.ask(world.now_s)
            counter = world.counter
            world.now_s += what / 1000
            world.deliver(2)
            world.coherence.polled(counter, world.now_s)
            world.next_poll_s = world.now_s + POLL_S
        else:
            del world.wire[:what]


@given(st.lists(st.sampled_from(["change", "poll", "deliver"]), max_size=60))
def test_without_loss_nothing_is_ever_distrusted(steps):
    world = World()
    gaps = world.coherence.gaps
    for step in steps:
        if step == "change":
            world.change("a", True)
        elif step == "deliver":
            world.deliver(2)
        else:
            world.deliver(len(world.wire))
            world.wait(POLL_S)
    assert world.coherence.gaps == gaps
