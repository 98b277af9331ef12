"""The body of a summary (`summary`): one declaration writes it and reads it strictly; unknown keys are ignored."""

import orjson

from app.config.sync.body import read_body
from app.config.sync.snapshot import MAX_SEQUENCE, uid_text
from app.config.sync.summary import (
    MOST_SETTINGS,
    MOST_SUMMARIZED,
    BreakerSummary,
    SettingInForce,
    Summary,
    TrafficSummary,
)
from app.policy.model import BreakerState
from app.schema.fields import CheckedText, Choice, Whole
from app.schema.message_fields import Flag, Measure, ShortText, WallTime
from app.schema.records import ListOf, Nested, Record

__all__ = ["MAX_SUMMARY_BYTES", "decode_summary", "encode_summary"]

MAX_SUMMARY_BYTES = 1 << 20
MAX_DEPTH = 6  # of brackets
MAX_NAME = 512
MAX_TARGET = 600  # `Upstream/NAME on Route/NAME`, each name with up to 253 characters
MAX_VALUE = 600  # characters

_TRAFFIC = Record(
    TrafficSummary,
    "Requests per second.",
    {
        "rps": Measure("rps"),
        "failed_per_s": Measure("failedPerS"),
        "rejected_per_s": Measure("rejectedPerS"),
        "p99_ms": Measure("p99Ms", None),
    },
    is_open=True,
)
_BREAKER = Record(
    BreakerSummary,
    "A breaker now.",
    {
        "name": ShortText("name", MAX_NAME, example="the breaker's name"),
        "state": Choice("state", BreakerState, ""),
        "traffic": Nested("traffic", _TRAFFIC, TrafficSummary()),
        "not_closed_for_s": Measure("notClosedForS", None),
        "failed_probes": Whole("failedProbes", 0, MAX_SEQUENCE, "", 0),
        "is_forced": Flag("forced", is_required=True),
    },
    is_open=True,
)
_SETTING = Record(
    SettingInForce,
    "A stanza in force.",
    {
        "target": ShortText("target", MAX_TARGET, example="what it is in force for"),
        "stanza": ShortText("stanza", 64, example="the stanza's name"),
        "value": ShortText("value", MAX_VALUE),
    },
    is_open=True,
)
_SUMMARY = Record(
    Summary,
    "A gateway's traffic.",
    {
        "at_wall_s": WallTime("at"),
        "sequence": Whole("sequence", 0, MAX_SEQUENCE, "", is_required=True),
        "settings_digest": CheckedText("settingsDigest", uid_text, "a text"),
        "traffic": Nested("traffic", _TRAFFIC, TrafficSummary()),
        "breakers": ListOf("breakers", _BREAKER, (0, MOST_SUMMARIZED), ""),
        "omitted": Whole("omitted", 0, MAX_SEQUENCE, "", 0),
        "settings": ListOf("settings", _SETTING, (0, MOST_SETTINGS), ""),
        "is_ready": Flag("ready", is_required=True),
        "is_draining": Flag("draining", is_required=True),
    },
    is_open=True,
)


def encode_summary(summary: Summary) -> bytes:
    """The body of a call."""
    return orjson.dumps(_SUMMARY.write(summary))


def decode_summary(body: bytes) -> Summary:
    """What a gateway says; raises ConfigFaults with the first 100 faults, paths as in the body."""
    return read_body(_SUMMARY, body, MAX_DEPTH)
