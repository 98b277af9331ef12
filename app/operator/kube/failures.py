"""What lightkube and httpx2 raise, as the one error of this product: ClusterError."""

import httpx2
from lightkube import ApiError
from lightkube.core.exceptions import ConfigError

from app.foundation.errors import ClusterError

__all__ = ["MAX_CAUSE", "mapped", "response_error"]

MAX_CAUSE = 500  # characters of a response


class mapped:
    """Turns what lightkube and httpx2 raise while `verb` is done to `what` into ClusterError."""

    def __init__(self, verb: str, what: str) -> None:
        self._verb, self._what = verb, what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ApiError):
            code = error.status.code or 0
            raise ClusterError(self._verb, self._what, code, error.status.message or str(code)) from error
        if isinstance(error, httpx2.HTTPStatusError):
            code = error.response.status_code
            raise ClusterError(self._verb, self._what, code, f"HTTP {code}") from error
        if isinstance(error, httpx2.HTTPError | ConfigError | OSError):
            raise ClusterError(self._verb, self._what, 0, str(error) or type(error).__name__) from error
        if isinstance(error, KeyError | ValueError):  # what lightkube and json raise for any other response
            cause = f"the response is not that of a Kubernetes API ({type(error).__name__}: {error})"
            raise ClusterError(self._verb, self._what, 0, cause[:MAX_CAUSE]) from error


def response_error(verb: str, what: str, response: httpx2.Response) -> ClusterError:
    """What an error response says, read already: a Status of the API server, or any text of a pod."""
    try:
        text = response.json()["message"]
    except (ValueError, KeyError, TypeError):
        text = response.text.strip()
    cause = str(text)[:MAX_CAUSE] or f"HTTP {response.status_code}"
    return ClusterError(verb, what, response.status_code, cause)
