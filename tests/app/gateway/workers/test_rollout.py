import pytest

from app.foundation.errors import ConfigFaults
from app.gateway.link.end import CallFault
from app.gateway.workers.change import Change, share_of
from app.gateway.workers.rollout import BOOT, COMMIT, PREPARE, Rollout
from app.settings import load_settings


class Worker:
    def __init__(self, number):
        self.number, self.killed = number, False

    def kill(self):
        self.killed = True


class Workers:
    """What `Workers.call` finds: `replies` in the order of the calls, by worker."""

    def __init__(self, *replies):
        self.each = [Worker(1), Worker(2)]
        self.calls: list[tuple[object, ...]] = []
        self._replies = list(replies)

    async def call(self, kind, body=None, blob=b"", *, within_s, only=None):
        asked = self.each if only is None else only
        sequence = body["sequence"] if isinstance(body, dict) else body
        numbers = [worker.number for worker in asked]
        self.calls.append((kind, sequence, numbers))
        return dict(zip(asked, self._replies.pop(0), strict=True))


CHANGE = Change(3, 1.5, load_settings({"MAX_IN_FLIGHT": "100"}), {"/gateway.yaml": b"routes: []"})


def rollout_over(workers):
    async def settle():
        workers.calls.append(("settle",))

    return Rollout(workers, lambda settings: share_of(settings, 2), settle)


async def test_all_prepare_before_all_put_in_force():
    workers = Workers([None, None], [None, None])
    rollout = rollout_over(workers)
    await rollout.prepare(CHANGE)
    assert rollout.in_force is None
    await rollout.commit(CHANGE)
    assert workers.calls == [(PREPARE, 3, [1, 2]), (COMMIT, 3, [1, 2]), ("settle",)]
    assert rollout.in_force is CHANGE


async def test_one_that_cannot_prepare_is_a_fault_that_names_it():
    rollout = rollout_over(Workers([CallFault("the CA file is unreadable"), TimeoutError()]))
    with pytest.raises(ConfigFaults) as raised:
        await rollout.prepare(CHANGE)
    assert str(raised.value).splitlines() == [
        "worker 1: the CA file is unreadable; nothing was changed in any worker",
        "worker 2: it did not reply in time; nothing was changed in any worker",
    ]


async def test_one_that_does_not_put_it_in_force_is_replaced(caplog):
    workers = Workers([None, TimeoutError()])
    await rollout_over(workers).commit(CHANGE)
    assert [worker.killed for worker in workers.each] == [False, True]
    assert "worker 2 did not put configuration 3 in force (it did not reply in time)" in caplog.text


async def test_one_that_began_when_the_others_had_prepared_it_prepares_it_now_and_is_not_replaced(caplog):
    workers = Workers([None, CallFault("configuration 3 was not prepared here")], [None], [None])
    await rollout_over(workers).commit(CHANGE)
    assert workers.calls == [(COMMIT, 3, [1, 2]), (PREPARE, 3, [2]), (COMMIT, 3, [2]), ("settle",)]
    assert [worker.killed for worker in workers.each] == [False, False]
    assert caplog.text == ""


async def test_one_that_can_still_not_use_it_is_replaced(caplog):
    fault = CallFault("configuration 3 was not prepared here")
    workers = Workers([None, fault], [CallFault("the CA file is unreadable")], [fault])
    await rollout_over(workers).commit(CHANGE)
    assert [worker.killed for worker in workers.each] == [False, True]
    assert "worker 2 did not put configuration 3 in force" in caplog.text


async def test_a_new_worker_begins_with_what_is_in_force_and_its_share_of_the_bounds():
    rollout = rollout_over(Workers([None, None]))
    await rollout.commit(CHANGE)
    message = rollout.boot({"localPaths": ["/monitor"]})
    assert (message.kind, message.body["localPaths"]) == (BOOT, ["/monitor"])
    began = Change.of(message)
    assert (began.sequence, began.contents, began.settings.max_connections) == (
        3,
        CHANGE.contents,
        -(-CHANGE.settings.max_connections // 2),
    )
