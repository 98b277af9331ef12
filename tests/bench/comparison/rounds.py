"""One scenario after the other: contestants up together, rounds interleaved, every raw round kept."""

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from tests.bench.comparison.contestant import Contestant
from tests.bench.comparison.load import idle_connections, measure, warm_up
from tests.bench.comparison.processes import NOISY, Meter
from tests.bench.comparison.scenarios import Case, Scenario
from tests.bench.comparison.setups import Setup
from tests.bench.comparison.upstreams import DeadUpstream

__all__ = ["Bench", "Row"]

Row = dict[str, Any]


class Bench:
    """`rows`: every raw round; `features`: what the audits found; `patience_s`: left to wait for quiet."""

    def __init__(
        self,
        names: list[str],
        rounds: int,
        seconds: float,
        upstreams: Mapping[str, int],
        cores: tuple[int, int],
    ) -> None:
        self.names, self.rounds, self.seconds, self.upstreams = names, rounds, seconds, upstreams
        self.contestant_core, self.load_core = cores
        self.idle_count = 5000
        self.patience_s = 0.0
        self.rows: list[Row] = []
        self.features: dict[str, dict[str, bool]] = {}

    def run(self, scenario: Scenario, done: Callable[[Case, list[Row]], None]) -> None:
        for case in scenario.cases:
            rows = (self._idle if case.special == "idle" else self._rounds_of)(scenario, case)
            self.rows += rows
            done(case, rows)

    def _start(self, name: str, case: Case, upstream: int, path: str = "/item") -> Contestant | str:
        """The started contestant, or why it did not start."""
        try:
            return Contestant(name, Setup(upstream, **case.setup), self.contestant_core, path)
        except (RuntimeError, OSError) as fault:
            return f"did not start: {fault}"

    def _wait_until_quiet(self, contestant: Contestant) -> None:
        while self.patience_s > 0:
            meter = Meter(contestant.proc, (self.contestant_core, self.load_core))
            time.sleep(0.4)
            if meter.stop()["strangers"] <= NOISY:
                return
            self.patience_s -= 0.4

    def _row(self, scenario: Scenario, case: Case, name: str, number: int, result: Row) -> Row:
        if result["problems"]:
            problems = "; ".join(result["problems"])
            print(f"bench: {case.label}, {name}, round {number}: INVALID: {problems}", file=sys.stderr)
        return {
            "scenario": scenario.name,
            "case": case.label,
            "contestant": name,
            "round": number,
            "at": time.time(),
            "valid": not result["problems"],
            **result,
        }

    def _rounds_of(self, scenario: Scenario, case: Case) -> list[Row]:
        """All contestants up at once (idle ones cost nothing); rounds interleaved, each in another order."""
        names = [name for name in self.names if name not in case.skip]
        dead = {name: DeadUpstream() for name in names} if case.special == "dead" else {}
        path = "/dead" if dead else f"/r{case.load.routes - 1}/item" if case.load.routes > 1 else "/item"
        rows: list[Row] = []
        sent: dict[str, int] = dict.fromkeys(names, 0)
        started: dict[str, Contestant] = {}
        logs: dict[str, tuple[int, bool]] = {}
        try:
            for name in names:
                upstream = dead[name].port if dead else self.upstreams[case.upstream]
                contestant = self._start(name, case, upstream, path)
                if isinstance(contestant, str):
                    rows.append(self._row(scenario, case, name, 0, {"problems": [contestant]}))
                else:
                    started[name] = contestant
            for contestant in started.values():
                rows += self._prepare(scenario, case, contestant, sent)
            for number in range(1, self.rounds + 1):
                shift = (number - 1) % max(len(started), 1)
                order = list(started.items())
                for name, contestant in order[shift:] + order[:shift]:
                    result = self._round(case, contestant, dead.get(name))
                    sent[name] += result["requests"]
                    rows.append(self._row(scenario, case, name, number, result))
        finally:
            logs |= {name: contestant.stop() for name, contestant in started.items()}
            for upstream_of in dead.values():
                upstream_of.listener.close()
        if scenario.name == "small":
            for name, (lines, is_json) in logs.items():
                complete = is_json and lines >= 0.999 * sent[name]
                self.features.setdefault(name, {})["JSON access log, all lines"] = complete
        return rows

    def _prepare(
        self, scenario: Scenario, case: Case, contestant: Contestant, sent: dict[str, int]
    ) -> list[Row]:
        """Asks what it does, and warms it up; a row where that fails."""
        name, rows = contestant.name, []
        try:
            if scenario.name == "small":
                self.features[name] = contestant.audit()
            sent[name] += warm_up(contestant, case.load)
        except (OSError, ValueError, IndexError) as fault:
            problem = f"warm-up: {type(fault).__name__}: {fault}"
            rows.append(self._row(scenario, case, name, 0, {"problems": [problem]}))
        if self._seconds_of(case) >= 5 or case.load.streams:
            sent[name] += measure(contestant, case.load, 1 if case.load.streams else 2, self.load_core)[
                "requests"
            ]
        return rows

    def _round(self, case: Case, contestant: Contestant, dead: DeadUpstream | None) -> Row:
        self._wait_until_quiet(contestant)
        for _ in range(30 if dead else 0):  # trip the breaker; some forget after 10 s, so every time
            with suppress(OSError):
                contestant.fetch("/item")
            time.sleep(0.01)
        contacts = dead.contacts if dead else 0
        result = measure(contestant, case.load, self._seconds_of(case), self.load_core)
        return {**result, "contacts": dead.contacts - contacts} if dead else result

    def _seconds_of(self, case: Case) -> float:
        return self.seconds or case.seconds

    def _idle(self, scenario: Scenario, case: Case) -> list[Row]:
        return [
            self._row(scenario, case, name, number, self._weighed(name, case))
            for number in range(1, min(self.rounds, 3) + 1)
            for name in self.names
        ]

    def _weighed(self, name: str, case: Case) -> Row:
        contestant = self._start(name, case, self.upstreams[case.upstream])
        if isinstance(contestant, str):
            return {"problems": [contestant]}
        try:
            return idle_connections(contestant, self.idle_count)
        except OSError as fault:
            return {"problems": [f"{type(fault).__name__}: {fault}"]}
        finally:
            contestant.stop()
