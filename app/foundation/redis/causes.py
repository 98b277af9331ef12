"""Why a store is unavailable, in plain words: one table over redis-py's errors, most specific first."""

from redis import exceptions as error_types

from app.foundation.redis.url import Topology

__all__ = ["REDIS_ERRORS", "MasterUnknown", "cause_of"]

REDIS_ERRORS = (error_types.RedisError, OSError, TimeoutError)
"""What a call to redis-py may raise."""


class MasterUnknown(error_types.RedisError):
    """The sentinels respond, and know of no master of this name."""


_CAUSES: tuple[tuple[type[BaseException], str], ...] = (
    (error_types.BusyLoadingError, "it is loading its data"),
    (error_types.AuthenticationError, "it rejects our password"),
    (error_types.AuthorizationError, "it rejects our password"),
    (error_types.NoPermissionError, "its user may not do this"),
    (error_types.ReadOnlyError, "it is a read-only replica"),
    (error_types.OutOfMemoryError, "it is out of memory"),
    (error_types.MasterDownError, "its primary is unavailable"),
    (error_types.ClusterDownError, "its Cluster is down"),
    (error_types.TryAgainError, "its Cluster is moving our slot"),
    (error_types.MovedError, "its Cluster moved our slot"),
    (error_types.AskError, "its Cluster is moving our slot"),
    (MasterUnknown, "no sentinel knows the master"),
    (error_types.TimeoutError, "no response in time"),
    (TimeoutError, "no response in time"),
    (error_types.ConnectionError, "not reachable"),
    (OSError, "not reachable"),
)


def cause_of(error: BaseException, topology: Topology) -> str:
    """One short phrase for people and probes; it holds no address and no secret."""
    if isinstance(error, error_types.ResponseError) and str(error).startswith("MISCONF"):
        return "it cannot write its data to disk"
    if isinstance(error, error_types.MovedError) and topology is not Topology.CLUSTER:
        return "it is one node of a Cluster: use redis+cluster://"
    for kind, cause in _CAUSES:
        if isinstance(error, kind):
            return cause
    # the rest of an "unknown command" error repeats the arguments
    return f"it replies {str(error).partition(', with args')[0][:100]!r}"
