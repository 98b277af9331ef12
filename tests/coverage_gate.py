"""The coverage gate of `make test`: every pure module at 100 %, the whole at 95 %, lines and branches.

Run after pytest has measured: `python -m tests.coverage_gate`; names what is missing and fails.
"""

import io
import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from coverage import Coverage
from coverage.exceptions import NoDataError

__all__ = ["PURE", "ROOT", "WHOLE_PERCENT", "faults", "main", "pure_files"]

ROOT = Path(__file__).resolve().parents[1]
WHOLE_PERCENT = 95.0

PURE = (
    "app/admin/demo_scenario_steps.py",
    "app/admin/decision_sentences.py",
    "app/admin/decision_views.py",
    "app/admin/feed/decision_query.py",
    "app/admin/feed/decisions.py",
    "app/admin/feed/delta.py",
    "app/admin/feed/onsets.py",
    "app/admin/feed/problems.py",
    "app/admin/feed/signals.py",
    "app/admin/feed/views.py",
    "app/admin/feed/frames.py",
    "app/admin/feed/origin.py",
    "app/admin/commands.py",
    "app/gateway/link/message.py",
    "app/gateway/monitor/events.py",
    "app/gateway/workers/backoff.py",
    "app/gateway/workers/change.py",
    "app/gateway/workers/page_messages.py",
    "app/operator/routes/*.py",
    "app/operator/routes/objects/*.py",
    "app/operator/kube/kinds.py",
    "app/operator/kube/trimming.py",
    "app/operator/routes/rules/*.py",
    "app/operator/snapshot/lineages.py",
    "app/operator/snapshot/tables.py",
    "app/operator/sync/versioned_values.py",
    "app/policy/*.py",
    "app/schema/crd.py",
    "app/schema/durations.py",
    "app/schema/faults.py",
    "app/schema/field_table.py",
    "app/schema/fields.py",
    "app/schema/instants.py",
    "app/schema/message_fields.py",
    "app/schema/names.py",
    "app/schema/nodes.py",
    "app/schema/records.py",
    "app/schema/section.py",
    "app/schema/wording.py",
    "app/schema/yaml_text.py",
    "app/cli/check_output.py",
    "app/cli/decision_stream.py",
    "app/cli/kube/instance_sections.py",
    "app/cli/status/gateway_clock.py",
    "app/cli/status/layout.py",
    "app/cli/status/output.py",
    "app/cli/status/picture.py",
    "app/cli/status/problems.py",
    "app/cli/status/rejected_clients.py",
    "app/cli/status/sections.py",
    "app/cli/status/selection.py",
    "app/cli/status/shadows.py",
    "app/cli/status/wording.py",
    "app/operator/serving/instance_shapes.py",
    "app/config/config_maps.py",
    "app/config/credentials.py",
    "app/config/hazards.py",
    "app/config/idle_policies.py",
    "app/config/model.py",
    "app/config/parsing/*.py",
    "app/config/reference.py",
    "app/config/resources.py",
    "app/config/sync/snapshot_policies.py",
    "app/config/sync/snapshot.py",
    "app/config/sync/messages.py",
    "app/config/sync/message_codec.py",
    "app/config/sync/newest.py",
    "app/config/sync/snapshot_parts.py",
    "app/config/sync/newest_codec.py",
    "app/config/sync/packing.py",
    "app/config/table.py",
    "app/config/environment.py",
    "app/routing/*.py",
    "app/foundation/redis/slots.py",
    "app/foundation/redis/url.py",
    "app/limits/gcra.py",
    "app/limits/lease.py",
    "app/limits/lease_table.py",
    "app/limits/lease_terms.py",
    "app/limits/rule.py",
    "app/limits/rule_leases.py",
    "app/limits/shared.py",
    "app/breaker/dates.py",
    "app/breaker/machine.py",
    "app/breaker/override_stack.py",
    "app/breaker/owner.py",
    "app/breaker/standing.py",
    "app/breaker/state.py",
    "app/breaker/table.py",
    "app/breaker/values.py",
    "app/breaker/window.py",
    "app/dataplane/codec/*.py",
    "app/dataplane/downstream/connection_state.py",
    "app/dataplane/downstream/http2_state.py",
    "app/dataplane/downstream/page_response.py",
    "app/dataplane/downstream/request_reader.py",
    "app/dataplane/downstream/request_validation.py",
    "app/dataplane/proxy/admission.py",
    "app/dataplane/proxy/client_response.py",
    "app/dataplane/proxy/retry.py",
    "app/dataplane/proxy/routes.py",
    "app/dataplane/proxy/shadow.py",
    "app/dataplane/proxy/state.py",
    "app/dataplane/proxy/upstream_request.py",
    "app/dataplane/upstream/load_balancer.py",
    "app/dataplane/upstream/outlier.py",
    "app/keys/keyring.py",
    "app/keys/presented.py",
    "app/telemetry/history*.py",
    "app/telemetry/series*.py",
    "app/operator/policy/fleet_breakers.py",
    "app/operator/policy/compile.py",
    "app/operator/policy/conditions.py",
    "app/operator/snapshot/history.py",
    "app/operator/kube/event_aggregator.py",
    "app/operator/sync/fleet.py",
    "app/operator/sync/gateway_record.py",
    "app/operator/policy/status_throttle.py",
    "app/operator/kube/resources.py",
    "app/operator/policy/desired_statuses.py",
    "app/operator/policy/edit_lag.py",
    "app/operator/policy/explain.py",
    "app/operator/policy/notices.py",
    "app/operator/policy/policy_cache.py",
    "app/operator/policy/status.py",
    "app/foundation/otel/settings.py",
    "app/foundation/otel/trace_context.py",
    "app/foundation/bearer.py",
    "app/foundation/conditional.py",
    "app/foundation/errors.py",
    "app/foundation/misspellings.py",
    "app/foundation/readers.py",
    "app/foundation/serving/bounds.py",
    "app/foundation/problem.py",
    "app/foundation/reasons.py",
    "app/foundation/units.py",
    "cache/write_behind.py",
    "cache/coherence.py",
    "cache/drain.py",
    "cache/entry.py",
    "cache/request_validation.py",
    "cache/keys.py",
    "cache/partition.py",
    "cache/query.py",
)
"""Modules that neither await nor ask for the time (held by test_layout.py); globs below the root."""


@dataclass(frozen=True, slots=True)
class _File:
    """`missing`: lines and branches that no test took, as people read them."""

    name: str
    percent: float
    missing: str


def pure_files() -> list[str]:
    """Their paths below the root, sorted, `/` between folders."""
    return sorted({path.relative_to(ROOT).as_posix() for glob in PURE for path in ROOT.glob(glob)})


def faults(report: Mapping[str, Any], pure: list[str]) -> list[str]:
    """What the gate holds against a coverage JSON report, a line each."""
    files = {file.name: file for file in _files(report)}
    found = [f"{name}: not measured; a pure module needs 100 %" for name in pure if name not in files]
    for name in pure:
        file = files.get(name)
        if file is not None and file.missing:
            found.append(f"{name}: {file.percent:.1f} %, a pure module needs 100 %; missing {file.missing}")
    whole = report["totals"]["percent_covered"]
    if whole < WHOLE_PERCENT:
        found.append(f"the whole: {whole:.2f} %, it needs {WHOLE_PERCENT:g} %; the furthest below:")
        below = sorted(files.values(), key=lambda file: file.percent)[:20]
        found += [f"  {file.name}: {file.percent:.1f} %; missing {file.missing}" for file in below]
    return found


def _files(report: Mapping[str, Any]) -> Iterator[_File]:
    for name, file in report["files"].items():
        branches = [f"{start}->{'exit' if end < 0 else end}" for start, end in file["missing_branches"]]
        missing = ", ".join([*_spans(file["missing_lines"]), *branches])
        yield _File(Path(name).as_posix(), file["summary"]["percent_covered"], missing)


def _spans(lines: list[int]) -> list[str]:
    """[1, 2, 3, 7] → 1-3, 7."""
    spans: list[list[int]] = []
    for line in lines:
        if spans and spans[-1][1] == line - 1:
            spans[-1][1] = line
        else:
            spans.append([line, line])
    return [f"{first}-{last}" if last > first else f"{first}" for first, last in spans]


def _report() -> Any:
    measured = Coverage(config_file=str(ROOT / "pyproject.toml"))
    if any(ROOT.glob(".coverage.*")):
        measured.combine()  # what children left behind that ended after pytest had combined
    measured.load()
    with TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        file = Path(folder) / "coverage.json"
        # Tests also run copies of a package from folders of their own.
        measured.json_report(outfile=str(file), include=[str(ROOT / "app/*"), str(ROOT / "cache/*")])
        return orjson.loads(file.read_bytes())


def main() -> int:
    try:
        report = _report()
    except NoDataError:
        print("coverage gate: nothing was measured; run pytest --cov first", file=sys.stderr)
        return 1
    pure = pure_files()
    found = faults(report, pure)
    for fault in found:
        print(f"coverage gate: {fault}", file=sys.stderr)
    whole = report["totals"]["percent_covered"]
    print(f"coverage: whole {whole:.2f} %, {len(pure)} pure modules, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
