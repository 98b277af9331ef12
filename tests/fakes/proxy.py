"""What stands around an exchange in a test without sockets: its context, the client's side, the writer."""

from typing import Any

from app.dataplane.codec.field_lines import Field
from app.dataplane.codec.local_reply import LocalReply
from app.dataplane.codec.response import ResponseHead
from app.dataplane.eventloop.timer_wheel import NEVER
from app.dataplane.proxy.context import Observers, ProxyContext
from app.limits.memory import MemoryLimiter
from app.settings import load_settings
from app.telemetry.access_log import AccessLog
from app.telemetry.counts import Counts
from tests.fakes.manual_loop import ManualLoop
from tests.fakes.plans import plans_of

__all__ = ["FakeDownstream", "FakeWriter", "context_of"]


def context_of(
    text: str, loop: ManualLoop | None = None, *, log: str = "off", **environment: str
) -> ProxyContext:
    """`text`: of a configuration file. `environment`: the gateway's variables. Its faults fail the test."""
    loop = ManualLoop() if loop is None else loop
    counts = Counts("test")
    plans = plans_of(text, counts=counts, loop=loop, auth="none")
    observers = Observers(counts, AccessLog(log), None, _fails)
    context = ProxyContext(load_settings(environment), loop, plans, MemoryLimiter(), observers)
    context.set_date(784_111_777)
    return context


def _fails(bug: BaseException) -> None:
    raise AssertionError("a fault inside") from bug


class FakeDownstream:
    """`calls`: what the exchange asked for, in order, but for deadlines: `deadline_s` is the last."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.deadline_s = NEVER
        self.upload_paused = False
        self.tunnel: tuple[Any, ...] = ()

    def set_deadline(self, deadline_s: float) -> None:
        self.deadline_s = deadline_s

    def pause_upload(self) -> None:
        self.upload_paused = True
        self.calls.append("pause_upload")

    def resume_upload(self) -> None:
        self.upload_paused = False
        self.calls.append("resume_upload")

    def abort(self) -> None:
        self.calls.append("abort")

    def exchange_done(self, now: float) -> None:
        self.calls.append("done")

    def start_tunnel(self, exchange: Any, phrase: bytes, lines: bytes, upstream: Any, rest: bytes) -> None:
        self.calls.append("tunnel")
        self.tunnel = (exchange, phrase, lines, upstream, rest)


class FakeWriter:
    """`calls`: one entry for each; bodies that follow each other are one. `unsent`: what the client owes."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.unsent = 0
        self._collected = False
        self.fail_on = ""

    def named(self, name: str) -> list[tuple[Any, ...]]:
        return [call for call in self.calls if call[0] == name]

    @property
    def body(self) -> bytes:
        return b"".join([call[1] for call in self.named("body")])

    @property
    def reasons(self) -> list[str]:
        """The reason words of the local replies."""
        replies = [call[1].lines for call in self.named("reply")]
        return [lines.partition(b"tidegate-reason: ")[2].partition(b"\r\n")[0].decode() for lines in replies]

    def _note(self, *call: Any) -> None:
        if call[0] == self.fail_on:
            raise ZeroDivisionError(f"in {self.fail_on}")
        self.calls.append(call)

    def write_continue(self) -> None:
        self._note("continue")

    def write_interim(self, head: ResponseHead) -> None:
        self._note("interim", head.status)

    def write_head(self, status: int, phrase: bytes, lines: list[bytes], length_bytes: int) -> None:
        self._note("head", status, length_bytes)
        self._collected = True

    def write_body(self, data: bytes) -> None:
        self._note("body", data)
        self._collected = True

    def flush(self) -> bool:
        collected, self._collected = self._collected, False
        if collected:
            self._note("flush")
        return collected

    def end_response(self, trailers: list[Field], last: bytes = b"") -> None:
        if last:
            self.write_body(last)
        self._note("end", [field.name for field in trailers])
        self._collected = False

    def reply(self, reply: LocalReply) -> int:
        self._note("reply", reply)
        return len(reply.body)

    def end_after_response(self) -> None:
        self._note("last")

    def unsent_bytes(self) -> int:
        return self.unsent
