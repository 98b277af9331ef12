"""Tables of `docs/observability.md` that are neither the gateway's nor the operator's own."""

import yaml
from prometheus_client.parser import text_string_to_metric_families

from cache.memory import MemoryStore
from cache.metrics import Counts, Metrics
from tools.boards.build import BOARDS, FOLDER

__all__ = ["alerts_table_markdown", "boards_table_markdown", "cache_metrics_table_markdown"]


def alerts_table_markdown() -> str:
    """Every alert with its severity and how long it must be true."""
    rows = ["| alert | severity | after | says |", "|---|---|---|---|"]
    for path in sorted((FOLDER / "rules").glob("*.yaml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    link = f"[{rule['alert']}](../grafana/runbooks.md#{rule['alert'].lower()})"
                    summary = rule["annotations"]["summary"].replace("{{ ", "‹").replace(" }}", "›")
                    summary = summary.replace("$labels.", "").replace("$", "").replace(" | ", ", ")
                    severity, wait = rule["labels"]["severity"], rule.get("for", "at once")
                    rows.append(f"| {link} | {severity} | {wait} | {summary} |")
    return "\n".join(rows) + "\n"


def boards_table_markdown() -> str:
    """Every dashboard by its question."""
    rows = ["| dashboard | shows |", "|---|---|"]
    rows += [f"| {board.title} (`{name}.json`) | {board.description} |" for name, board in BOARDS.items()]
    return "\n".join(rows) + "\n"


def cache_metrics_table_markdown() -> str:
    """Every metric of the cache service, as its own exposition describes it."""
    counts, store = Counts(), MemoryStore(max_bytes=1)
    counts.add("get", "hit")
    _, page = Metrics(counts, lambda: store.state(0.0)).render("")
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for family in text_string_to_metric_families(page.decode()):
        if family.name.startswith("tidegate_"):
            name = family.name + "_total" * (family.type == "counter")
            labels = ", ".join(f"`{label}`" for label in family.samples[0].labels) if family.samples else ""
            rows.append(f"| `{name}` | {family.type} | {labels} | {family.documentation.rstrip('.')}. |")
    return "\n".join(rows) + "\n"
