from app.policy.model import Mode
from app.schema.field_table import field_table, properties_of, rule_messages
from app.schema.nodes import duration, items, mapping, one_of, rules, text, whole

NODE = mapping(
    "All.",
    {
        "count": whole("How | many.", (1, 2_000), 5),
        "wait": duration("How long.", (1.0, 60.0), 2.0),
        "mode": one_of("Which.", Mode, Mode.ENFORCE),
        "names": {
            **items("Who.", text("One.", 63, "[a-z]+", "must be a name"), (1, 3)),
            "default": ["a", "b"],
        },
        "inner": mapping("Below.", {"flag": whole("Deep.")}) | rules(("self.flag > 0", "flag must be set")),
        "trap": {"description": "Never set."},
    },
)


def test_each_field_is_a_line_and_those_below_follow():
    lines = list(field_table(properties_of(NODE), {"trap"}))
    assert lines[2:] == [
        "| `count` | 1–2,000 | `5` | How \\| many. |",
        "| `wait` | duration from 1s to 1m | `2s` | How long. |",
        "| `mode` | `Enforce`, `Shadow` | `Enforce` | Which. |",
        "| `names[]` | list of 1–3 | `a`, `b` | Who. |",
        "| `inner` | mapping |  | Below. |",
        "| `inner.flag` | 0–2,147,483,647 |  | Deep. |",
    ]


def test_rules_between_fields_are_listed_with_their_place():
    assert list(rule_messages("spec", NODE)) == [("spec.inner", "flag must be set")]
