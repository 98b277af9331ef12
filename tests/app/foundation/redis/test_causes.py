import pytest
from redis import exceptions as error_types

from app.foundation.redis.causes import MasterUnknown, cause_of
from app.foundation.redis.url import Topology

SINGLE, CLUSTER = Topology.SINGLE, Topology.CLUSTER


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (error_types.BusyLoadingError("LOADING"), "it is loading its data"),
        (error_types.AuthenticationError("WRONGPASS"), "it rejects our password"),
        (error_types.NoPermissionError("no"), "its user may not do this"),
        (error_types.ReadOnlyError("no"), "it is a read-only replica"),
        (error_types.OutOfMemoryError("OOM"), "it is out of memory"),
        (error_types.MasterDownError("MASTERDOWN"), "its primary is unavailable"),
        (error_types.ClusterDownError("CLUSTERDOWN"), "its Cluster is down"),
        (error_types.ResponseError("MISCONF Errors writing"), "it cannot write its data to disk"),
        (MasterUnknown("main"), "no sentinel knows the master"),
        (error_types.TimeoutError("slow"), "no response in time"),
        (TimeoutError(), "no response in time"),
        (error_types.ConnectionError("gone"), "not reachable"),
        (ConnectionRefusedError(), "not reachable"),
        (error_types.ResponseError("WRONGTYPE of value"), "it replies 'WRONGTYPE of value'"),
    ],
)
def test_an_error_has_a_cause_in_plain_words(error, cause):
    assert cause_of(error, SINGLE) == cause


def test_a_moved_slot_means_another_thing_where_no_cluster_was_named():
    moved = error_types.MovedError("1 127.0.0.1:7000")
    assert cause_of(moved, CLUSTER) == "its Cluster moved our slot"
    assert cause_of(moved, SINGLE) == "it is one node of a Cluster: use redis+cluster://"
    assert cause_of(error_types.AskError("1 127.0.0.1:7000"), CLUSTER) == "its Cluster is moving our slot"


def test_the_arguments_of_an_unknown_command_are_not_repeated():
    error = error_types.ResponseError("unknown command 'EVALSHA', with args beginning with: 'secret'")
    assert cause_of(error, SINGLE) == "it replies \"unknown command 'EVALSHA'\""
