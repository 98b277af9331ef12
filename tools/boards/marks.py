"""Marks that stand on every graph of a dashboard: what changed at that moment."""

from tools.boards.panels import Annotation

__all__ = ["APPLIES", "TRANSITIONS"]

TRANSITIONS = Annotation(
    "Breaker moved",
    "sum by (upstream, from, to) (increase(tidegate_breaker_transitions_total{@}[$__rate_interval])) > 0",
    "{{upstream}}: {{from}} → {{to}}",
    "orange",
)
APPLIES = Annotation(
    "Configuration applied",
    "sum by (instance) (changes(tidegate_config_sequence{@}[$__rate_interval])) > 0",
    "{{instance}} applied a new configuration",
    "blue",
)
