"""Tidegate beside the proxies people would use instead, one core each: `make bench`.

Prints Markdown tables. Exit 0: all rounds are valid; 1: some are not; 2: what is needed is not here.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench.comparison import contestant, install, processes, report
from tests.bench.comparison.rounds import Bench, Row
from tests.bench.comparison.scenarios import SCENARIOS, Case, Scenario
from tests.bench.comparison.upstreams import start_grpc_upstream, start_upstream


def options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("bench", description=__doc__.splitlines()[0] if __doc__ else None)
    names = [word for scenario in SCENARIOS for word in (scenario.letter, scenario.name)]
    everyone = list(contestant.ALL)
    parser.add_argument(
        "--install", action="store_true", help="bring peers and load generators, pinned; no run"
    )
    parser.add_argument("--list", action="store_true", help="contestants and scenarios; no run")
    parser.add_argument("--only", type=_listed(names), help="scenarios: a,c or small,post")
    parser.add_argument("--contestants", type=_listed(everyone), default=everyone, help="tidegate,envoy")
    parser.add_argument("--rounds", type=int, help="default 3; with --quick 1")
    parser.add_argument("--seconds", type=int, default=0, help="of every run, instead of 2 to 6 by scenario")
    parser.add_argument("--quick", action="store_true", help="one round of 1 s: indicative only")
    parser.add_argument(
        "--patience",
        type=float,
        default=0,
        metavar="SECONDS",
        help="wait for a quiet machine, so long in all",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="every raw round, rewritten after each table"
    )
    return parser.parse_args(arguments)


def _listed(allowed: Sequence[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        wanted = [word for word in text.split(",") if word]
        if unknown := [word for word in wanted if word not in allowed]:
            told = f"unknown: {', '.join(unknown)}; there are {', '.join(allowed)}"
            raise argparse.ArgumentTypeError(told)
        return wanted

    return parse


def main(arguments: Sequence[str]) -> int:
    chosen = options(arguments)
    if chosen.install:
        install.install()
        return 0
    if chosen.list:
        print("contestants:", ", ".join(contestant.ALL))
        print("\n".join(f"{each.letter}  {each.name:13}{each.title}" for each in SCENARIOS))
        return 0
    scenarios = [each for each in SCENARIOS if not chosen.only or {each.letter, each.name} & set(chosen.only)]
    lacks = install.lacks(chosen.contestants, [scenario.name for scenario in scenarios])
    for lack in lacks:
        left_out = (
            "nothing can be measured" if lack.fatal else f"{lack.contestant or lack.scenario} is left out"
        )
        print(f"bench: {lack.name} is not here, so {left_out}; get it by {lack.cure}", file=sys.stderr)
    absent = {lack.contestant for lack in lacks} | {lack.scenario for lack in lacks}
    chosen.contestants = [name for name in chosen.contestants if name not in absent]
    scenarios = [scenario for scenario in scenarios if scenario.name not in absent]
    if any(lack.fatal for lack in lacks) or not chosen.contestants or not scenarios:
        return 2
    return measure(chosen, scenarios)


def measure(chosen: argparse.Namespace, scenarios: Sequence[Scenario]) -> int:
    for ending in processes.ENDING:
        signal.signal(ending, lambda *_: sys.exit(130))
    versions, machine, start = install.versions(), report.machine(), time.monotonic()
    try:
        cores = processes.prepare()
        processes.make_certificate()
        rounds = chosen.rounds or (1 if chosen.quick else 3)
        seconds = 1 if chosen.quick else chosen.seconds
        upstreams = dict(start_upstream(cores[1]))
        if any(case.upstream == "grpc" for scenario in scenarios for case in scenario.cases):
            upstreams["grpc"] = start_grpc_upstream(cores[1])
        bench = Bench(chosen.contestants, rounds, seconds, upstreams, cores)
        bench.patience_s = chosen.patience
        bench.idle_count = 1000 if chosen.quick else 5000
        date = time.strftime("%Y-%m-%d %H:%M")
        how = f"{rounds} round{'s' * (rounds > 1)}{', quick' * chosen.quick}"
        print(f"# Tidegate beside its peers\n\n{date}, {machine}, one core each, {how}.\n")
        named = {*chosen.contestants, "wrk", "oha", "h2load"}
        print("; ".join(f"{name} {version}" for name, version in versions.items() if name in named) + "\n")
        for scenario in scenarios:
            tell(bench, scenario, chosen.json, {"machine": machine, "versions": dict(versions)})
        print(f"Took {time.monotonic() - start:.0f} s.")
        return 1 if any(not row["valid"] for row in bench.rows) else 0
    finally:
        processes.cleanup()


def tell(bench: Bench, scenario: Scenario, file: Path | None, about: dict[str, object]) -> None:
    """Runs a scenario and prints its tables."""
    print(f"## {scenario.letter}. {scenario.name}: {scenario.title}\n", flush=True)

    def done(case: Case, rows: list[Row]) -> None:
        print(report.case_table(scenario, case.label, rows), flush=True)
        if file:
            file.write_text(json.dumps({**about, "features": bench.features, "rounds": bench.rows}, indent=1))

    bench.run(scenario, done)
    if scenario.name == "routes":
        print(report.growth_table([row for row in bench.rows if row["scenario"] == "routes"]), flush=True)
    if bench.features and scenario.name == "small":
        print("**What the full set-up really did, asked over HTTP and read from the log**\n")
        print(report.features_table(bench.features), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
