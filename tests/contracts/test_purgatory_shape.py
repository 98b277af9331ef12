"""What our adapter relies on in purgatory: names that it does not export, and the hooks of its factory."""

import inspect
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version

import pytest
from purgatory import AsyncCircuitBreakerFactory, AsyncInMemoryUnitOfWork
from purgatory.domain import model
from purgatory.domain.model import Context, OpenedState, State
from purgatory.service._async.repository import AsyncAbstractRepository, AsyncInMemoryRepository

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


def test_the_repository_wants_exactly_the_five_methods_we_write():
    wanted = {"get", "register", "update_state", "inc_failures", "reset_failure"}
    assert AsyncAbstractRepository.__abstractmethods__ == wanted


async def test_the_factory_asks_the_repository_for_a_context_of_each_call():
    asked = []

    class Contexts(AsyncInMemoryRepository):
        async def get(self, name: str) -> Context:
            asked.append(name)
            return Context(name, 3, 10.0)

    unit = AsyncInMemoryUnitOfWork()
    unit.contexts = Contexts()
    factory = AsyncCircuitBreakerFactory(uow=unit)
    circuits = [await factory.get_breaker("orders") for _ in range(2)]
    assert (asked, circuits[0].context is circuits[1].context) == (["orders", "orders"], False)


def test_the_words_of_purgatory_are_the_three_that_the_adapter_maps():
    assert (model.CLOSED, model.OPENED, model.HALF_OPENED) == ("closed", "opened", "half-opened")


def test_a_data_path_without_redis_loads_neither_purgatory_nor_redis():
    program = """
import sys, app.dataplane.proxy.exchange, app.gateway.data_path, app.gateway.limits
print(sorted({"purgatory", "redis"} & sys.modules.keys()))"""
    assert run(program) == ["[]"]
