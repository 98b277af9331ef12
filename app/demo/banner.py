"""What `tidegate up` prints when everything runs: where to look, and what to try."""

import shlex

from app.demo import ports
from app.demo.gateway_file import GatewayFile
from app.demo.plan import Plan

__all__ = ["banner", "curl_lines"]


def banner(plan: Plan, file: GatewayFile) -> str:
    """The rows a newcomer needs, the monitor first, and lines to paste."""
    settings = plan.settings
    url = _public_url(plan)
    admin = _admin_url(plan)
    reach = "   (this machine only; HOST=0.0.0.0 opens it)" if _is_local(settings.host) else ""
    key = "the one in API_KEY" if plan.own_key else f"{plan.key}   (kept in {plan.folder / 'api-key'})"
    token = "the one in ADMIN_TOKEN" if plan.own_token else f"in {plan.folder / 'admin-token'}"
    limit = "none" if settings.rate_limit == "off" else f"{settings.rate_limit} per client"
    kept = (
        "edited, so it was kept; delete it for a new one"
        if file.is_edited
        else "edit it: in force within 2 s"
    )
    put, get, fail = curl_lines(plan)
    return f"""
  monitor      {_monitor_url(plan)}
  gateway      {url}{reach}
  cache        {url}/cache/…
  demo         {url}/demo/…   (GET {url}/demo/ lists what it can do)
  demo switch  curl -X PUT '{demo_url(plan)}/mode?fail=1'   (and ?ok: /demo/item fails, and recovers)
  admin        {admin or "none (ADMIN_PORT=0)"}
  API key      {key}
  admin token  {token}
  rate limit   {limit}   (RATE_LIMIT=off for none)
  config       {file.path}   ({kept})

Try, in another terminal:

  # store a value in the cache, and read it back
  {put}
  {get}
  # four requests ([1-4] is curl's way to count): the demo upstream fails three times, which opens the breaker;
  # the fourth response comes from the gateway. Watch it on the monitor.
  {fail}

Tidegate is up. Ctrl-C stops all of it.

"""


def curl_lines(plan: Plan) -> list[str]:
    """To paste: a value in, the value out, and a breaker that opens at the fourth request."""
    url = _public_url(plan)
    key = '"X-API-Key: $API_KEY"' if plan.own_key else shlex.quote(f"X-API-Key: {plan.key}")
    curl = "curl -i" + (" -k" if plan.settings.tls_cert_file else "")
    if plan.settings.auth == "key":
        curl += f" -H {key}"
    return [
        f"{curl} -X PUT -H 'Content-Type: text/plain' -d hello '{url}/cache/greeting?ttl=60'",
        f"{curl} '{url}/cache/greeting'",
        f"{curl} '{url}/demo/status/503?try=[1-4]'",
    ]


def demo_url(plan: Plan) -> str:
    """The demo upstream itself, past the gateway: its switch works also while its breaker is open."""
    return f"http://127.0.0.1:{plan.demo_port}"


def _monitor_url(plan: Plan) -> str:
    if "monitor" in plan.settings.expose:
        return f"{_public_url(plan)}/monitor"
    admin = _admin_url(plan)
    return f"{admin}/monitor" if admin else "none (EXPOSE and ADMIN_PORT leave it out)"


def _public_url(plan: Plan) -> str:
    scheme = "https" if plan.settings.tls_cert_file else "http"
    return f"{scheme}://{_name(plan.settings.host)}:{plan.settings.port}"


def _admin_url(plan: Plan) -> str | None:
    settings = plan.settings
    return f"http://{_name(settings.admin_host)}:{settings.admin_port}" if settings.admin_port else None


def _is_local(host: str) -> bool:
    return host in ("127.0.0.1", "::1", "localhost")


def _name(host: str) -> str:
    """How a listener on `host` is called from this machine."""
    reached = ports.reachable_host(host)
    if _is_local(reached):
        return "localhost"
    return f"[{reached}]" if ":" in reached else reached
