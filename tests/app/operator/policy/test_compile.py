"""Golden pairs of compiling: `golden/operator/compile/NAME.in.yaml` → `NAME.out.yaml`.

In: `policies` as the API server lists them. Out: `snapshot`, what is in force, oldest first, and `verdicts`.
"""

from pathlib import Path

import pytest

from app.operator.policy.compile import compile_policies, read_spec
from tests.app.operator.samples import load, policy

GOLDEN = Path(__file__).parents[3] / "golden" / "operator" / "compile"


def compiled(case):
    found = compile_policies([policy(**one) for one in case["policies"]])
    entries = [f"{one.namespace}/{one.name} {one.uid} generation {one.generation}" for one in found.entries]
    verdicts = {uid: f"{verdict.reason}: {verdict.message}" for uid, verdict in found.verdicts.items()}
    return {"snapshot": entries, "verdicts": verdicts}


@pytest.mark.parametrize("name", sorted(path.name[: -len(".in.yaml")] for path in GOLDEN.glob("*.in.yaml")))
def test_what_is_in_force_is_as_in_the_golden_pair(name):
    assert compiled(load(GOLDEN / f"{name}.in.yaml")) == load(GOLDEN / f"{name}.out.yaml")


def test_a_spec_is_carried_as_its_author_wrote_it():
    wrote = {"timeout": {"request": "60s"}, "targetRefs": [{"kind": "Gateway"}]}
    (entry,) = compile_policies([policy(spec=wrote)]).entries
    assert entry.spec is wrote


def test_a_spec_is_read_by_the_reader_that_was_given():
    seen = []

    def read(one):
        seen.append(one.uid)
        return read_spec(one)

    compile_policies([policy("a"), policy("b")], read)
    assert sorted(seen) == ["uid-a", "uid-b"]


def test_five_hundred_policies_on_one_target_take_no_more_than_one_holder_each():
    # every one but the oldest loses; comparing each with all before would be 125,000 comparisons
    many = [
        policy(f"p{n:03}", spec={"targetRefs": [{"kind": "Gateway"}], "timeout": {"request": "1s"}})
        for n in range(500)
    ]
    found = compile_policies(many)
    assert [one.name for one in found.entries] == ["p000"]
