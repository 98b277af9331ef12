"""A spec that is read, written and read again says the same: parser and writer come of one declaration."""

from pathlib import Path

import pytest
import yaml

from app.policy.parse import parse_spec
from app.policy.spec_fields import SPEC

GOOD = yaml.safe_load((Path(__file__).parents[2] / "golden" / "policy" / "good.yaml").read_text())


@pytest.mark.parametrize("sample", GOOD, ids=lambda sample: sample["name"])
def test_what_is_written_reads_back_as_the_same(sample):
    spec = parse_spec(sample["spec"])
    assert parse_spec(SPEC.write(spec)) == spec


def test_a_written_spec_spells_out_its_defaults_and_leaves_out_what_it_does_not_say():
    spec = parse_spec({"targetRefs": [{"kind": "Gateway"}], "retry": {"attempts": 1}})
    assert SPEC.write(spec) == {
        "targetRefs": [{"group": "tidegate.dev", "kind": "Gateway"}],
        "mode": "Enforce",
        "retry": {
            "attempts": 1,
            "backoff": {"base": "25ms", "max": "250ms", "min": "0s"},
            "on": ["ConnectError", 502, 503, 504],
            "budget": {"percent": 20, "interval": "10s", "minRetriesPerSecond": 10},
        },
    }
