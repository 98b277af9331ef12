"""What viewers may do: run the breaker test, look up decisions, and drills for those who hold `ADMIN_TOKEN`."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

import orjson

from app.admin.commands import (
    DECISION,
    DECISIONS,
    DRILL_START,
    TEST_START,
    BadField,
    Command,
    read_command,
    read_drill,
)
from app.admin.demo_scenario import DemoScenario
from app.admin.feed.decision_query import read_decision_query, read_request_id
from app.admin.feed.feed import PROTOCOL_VERSION
from app.admin.shape import Shape
from app.breaker.registry import Breakers
from app.foundation.bearer import Guesses, same_token
from app.foundation.clock import now_s, work_s
from app.gateway.in_force import InForce
from app.gateway.monitor.lookups import Lookups, NotKept, TooBusy
from app.gateway.monitor.overrides import Overrides
from app.policy.model import OverrideState

__all__ = ["Commands"]

LOG = logging.getLogger("tidegate.monitor")
GUESSES_PER_S = 1
LONGEST_DETAIL = 300


class _Rejected(Exception):
    """The command is rejected: what HTTP would say, one word, and for people what would be right."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.error: Shape = {"status": status, "code": code, "detail": detail[:LONGEST_DETAIL]}


class Commands:
    """Does what messages ask for. `spawn` runs a breaker test to its end. `clock`: monotonic seconds; `work`: those
    that were computed."""

    def __init__(
        self,
        in_force: InForce,
        breakers: Breakers,
        overrides: Overrides,
        scenario: DemoScenario,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        clock: Callable[[], float] = now_s,
        work: Callable[[], float] = work_s,
    ) -> None:
        self._in_force = in_force
        self._breakers = breakers
        self._overrides = overrides
        self._scenario = scenario
        self._spawn = spawn
        self._clock = clock
        # strangers on the public port must not use up what an engineer on the admin port needs
        self._public_lookups = Lookups(in_force.decisions, clock, work)
        self._admin_lookups = Lookups(in_force.decisions, clock, work)
        self._guesses = Guesses(GUESSES_PER_S)

    def execute(self, address: str, text: bytes, *, is_admin: bool) -> bytes:
        """Do what a viewer at `address` asks for; the reply as JSON. `is_admin`: it came by the admin port.

        Raises Garbage for anything that is not a message of the protocol.
        """
        command = read_command(text)
        reply: Shape = {"type": "reply", "version": PROTOCOL_VERSION, "id": command.id, "ok": True}
        try:
            if command.kind == TEST_START:
                self._start_test()
            elif command.kind in (DECISIONS, DECISION):
                lookups = self._admin_lookups if is_admin else self._public_lookups
                reply.update(_look_up(lookups, command))
            else:
                self._check_token(command, address)
                self._drill(command)
        except _Rejected as rejected:
            reply.update(ok=False, error=rejected.error)
        return orjson.dumps(reply)

    def _start_test(self) -> None:
        scenario = self._scenario
        if scenario.is_running:
            raise _Rejected(409, "test_running", "a breaker test is running; watch that one")
        why = scenario.why_not()
        if why:
            raise _Rejected(409, "test_unavailable", why)
        self._spawn(scenario.start())

    def _check_token(self, command: Command, address: str) -> None:
        token, given = self._in_force.settings.admin_token, command.fields.get("token")
        if token is None:
            raise _Rejected(403, "drills_off", "ADMIN_TOKEN is not set: there are no drills")
        if not isinstance(given, str) or not given.strip():
            raise _Rejected(401, "token_missing", "send ADMIN_TOKEN as token")
        now = self._clock()
        if not self._guesses.may_try(address, now):
            raise _Rejected(429, "slow_down", "a wrong token came a moment ago; wait a second")
        if not same_token(given, token):
            self._guesses.was_wrong(address, now)
            LOG.warning("a drill with a wrong token was rejected (from %s)", address)
            raise _Rejected(403, "token_wrong", "wrong admin token")

    def _drill(self, command: Command) -> None:
        try:
            if command.kind == DRILL_START:
                drill = read_drill(command.fields)
                name = self._known(drill.breaker)
                self._overrides.put(name, OverrideState.named(drill.state), drill.for_s, drill.who, drill.why)
            else:
                name = self._known(command.fields.get("breaker"))
                self._overrides.put(name, OverrideState.AUTO, 0.0, "the monitor", "")
        except BadField as wrong:
            raise _Rejected(400, "bad_request", str(wrong)) from None

    def _known(self, name: object) -> str:
        if not isinstance(name, str):
            raise BadField("breaker: is missing; name one")
        if self._breakers.known(name) is None:
            raise _Rejected(404, "no_breaker", f"no breaker is named {name[:100]!r}")
        return name


def _look_up(lookups: Lookups, command: Command) -> Shape:
    try:
        if command.kind == DECISIONS:
            return lookups.recent(read_decision_query(command.fields))
        return lookups.one(read_request_id(command.fields))
    except BadField as wrong:
        raise _Rejected(400, "bad_request", str(wrong)) from None
    except NotKept as missing:
        raise _Rejected(404, "no_decision", str(missing)) from None
    except TooBusy:
        raise _Rejected(429, "slow_down", "many look at decisions now; try again in a second") from None
