"""Specs for tests of the policy parser, and what must be said about bad ones."""

import pytest

from app.foundation.errors import ConfigFaults
from app.policy.parse import parse_spec

GATEWAY = {"targetRefs": [{"kind": "Gateway"}]}
BREAKER = {"circuitBreaker": {"consecutiveFailures": 3}}
RULE = {"name": "r", "key": "Client", "requests": 10, "period": "1m"}


def spec(**stanzas):
    return {**GATEWAY, **stanzas}


def breaker(**fields):
    return spec(circuitBreaker={"consecutiveFailures": 3, **fields})


def rule(**fields):
    return spec(rateLimit={"rules": [{**RULE, **fields}]})


def retry(**fields):
    return spec(retry={"attempts": 1, **fields})


def faults_of(value):
    with pytest.raises(ConfigFaults) as caught:
        parse_spec(value, "spec")
    return [str(fault) for fault in caught.value.faults]


def assert_one_fault(value, place, cure):
    """Exactly one fault, which names place and cure."""
    faults = faults_of(value)
    assert [fault for fault in faults if place in fault and cure in fault], faults
    assert len(faults) == 1, faults
