from app.config.edits import MOST_CHANGES
from app.config.environment import EnvironmentRules
from app.config.parsing.config_file import parse_config
from app.config.table import Table, compile_table
from app.gateway.config.difference import difference


def table(routes: int, timeout: str = "30s") -> Table:
    lines = "\n".join(
        f"  - {{name: r{number}, match: {{path: {{prefix: /r{number}}}}}, upstream: o, auth: none}}"
        for number in range(routes)
    )
    policy = f"{{name: p, spec: {{targetRefs: [{{kind: Gateway}}], timeout: {{request: {timeout}}}}}}}"
    text = f"upstreams: {{o: {{endpoints: [http://o]}}}}\nroutes:\n{lines}\npolicies: [{policy}]"
    return compile_table(parse_config(text.encode(), "f"), EnvironmentRules(), 1)


def test_an_edit_has_its_changes_and_what_puts_them_back():
    edit = difference(table(1), table(1, "7s"), "f.yaml").edit(5.0, 2, "f.yaml")
    assert (edit.at_wall_s, edit.sequence, edit.source, edit.omitted) == (5.0, 2, "f.yaml", 0)
    assert [(change.field, change.new) for change in edit.changes] == [("request", "7s")]
    assert [inverse.name for inverse in edit.inverse] == ["p"]


def test_of_a_large_edit_the_number_of_the_other_changes_is_kept():
    changed = difference(table(1), table(MOST_CHANGES + 3), "f.yaml")
    edit = changed.edit(0.0, 2, "f.yaml")
    assert len(edit.changes) == MOST_CHANGES
    assert edit.omitted == len(changed.changes) - MOST_CHANGES > 0


def test_its_summary_names_five_changes_and_counts_the_others():
    assert difference(table(1), table(1), "f").summary == "no setting in force changed"
    one = difference(table(1), table(1, "7s"), "f").summary
    assert one == "Gateway timeout.request: 30s → 7s (file p)"
    many = difference(table(1), table(50), "f")
    assert many.summary.endswith(f"; and {len(many.changes) - 5} more")
