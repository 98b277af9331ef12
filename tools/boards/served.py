"""What was not served: requests that failed, and those that a rate limit rejected."""

__all__ = ["lost", "lost_share"]


def _parts(route: str, by: str) -> tuple[str, str]:
    """(requests lost, all requests) per second; `route` narrows, as `,route=~"$route"`."""
    failed, limited, every = (
        f"sum{by}(rate(tidegate_requests_total{{@{route}{kind}}}[$__rate_interval]))"
        for kind in (',code=~"5.."', ',reason="rate_limited"', "")
    )
    return f"(({failed} or 0 * {every}) + ({limited} or 0 * {every}))", every


def lost(route: str, by: str) -> str:
    """Requests per second that failed with 500 or above or were rejected by a rate limit; `by`: " by (route) "."""
    return _parts(route, by)[0]


def lost_share(route: str, by: str) -> str:
    """The same as a share of all requests: it shows a limit that an edit made too low, which no error share does."""
    failed, every = _parts(route, by)
    return f"{failed} / {every}"
