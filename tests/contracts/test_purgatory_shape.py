"""What our adapter relies on in purgatory: names that it does not export, and doing without redis."""

import inspect
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version

import pytest
from purgatory import ContextChanged
from purgatory.domain import model
from purgatory.domain.model import Context, OpenedState, State

from tests.fakes.exchange import DEADLINE_S


def names(function: Callable[..., object]) -> list[str]:
    return list(inspect.signature(function).parameters)


def run(program: str) -> list[str]:
    """The program's output, from a fresh interpreter."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_version_is_the_one_the_adapter_was_written_for():
    assert version("purgatory") == "3.0.1"


def test_state_wants_exactly_the_three_handlers_we_write():
    assert State.__abstractmethods__ == {"handle_new_request", "handle_exception", "handle_end_request"}


@pytest.mark.parametrize(
    ("handler", "parameters"),
    [
        (State.handle_new_request, ["self", "context"]),
        (State.handle_exception, ["self", "context", "exc"]),
        (State.handle_end_request, ["self", "context"]),
        (Context.set_state, ["self", "state"]),
        (OpenedState.__init__, ["self", "circuit_name"]),
    ],
)
def test_handlers_take_what_we_give_them(handler, parameters):
    assert names(handler) == parameters


def test_a_context_is_made_of_name_threshold_and_ttl():
    assert names(Context)[:3] == ["name", "threshold", "ttl"]


def test_set_state_leaves_one_message_for_the_adapter_to_clear():
    context = Context("orders", 3, 10.0)
    context.set_state(OpenedState("orders"))
    assert [type(message) for message in context.messages] == [ContextChanged]


def test_the_words_of_purgatory_are_the_three_that_the_adapter_maps():
    assert (model.CLOSED, model.OPENED, model.HALF_OPENED) == ("closed", "opened", "half-opened")


def test_importing_the_adapter_does_not_import_redis():
    program = "import sys, app.breaker.purgatory_state; print('redis' in sys.modules)"
    assert run(program) == ["False"]


def test_redis_can_be_imported_after_the_adapter():
    program = "import app.breaker.purgatory_state, redis.asyncio; print(redis.asyncio.Redis.__name__)"
    assert run(program) == ["Redis"]


def test_a_redis_imported_before_the_adapter_stays_as_it_was():
    program = "import sys, redis, app.breaker.purgatory_state; print(sys.modules['redis'] is redis)"
    assert run(program) == ["True"]
