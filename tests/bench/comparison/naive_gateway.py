"""A gateway as many Python teams write it in an afternoon: FastAPI before, httpx behind, features by hand."""

import json
import logging
import os
import time
import uuid

import httpx
from fastapi import FastAPI, Request, Response
from prometheus_client import Counter, Histogram, generate_latest

KEY, LIMIT = os.environ["API_KEY"], int(os.environ["LIMIT"])
FULL = bool(KEY)
DROP = {
    "host",
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-length",
    "x-api-key",
    "content-encoding",
}
ROUTES = int(os.environ["ROUTES"])
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]

app = FastAPI()
client = httpx.AsyncClient(
    base_url=os.environ["UPSTREAM"],
    timeout=30,
    limits=httpx.Limits(max_connections=512, max_keepalive_connections=512),
)
requests_total = Counter("requests", "Requests", ["method", "code"])
request_seconds = Histogram("request_seconds", "Seconds")
log = logging.getLogger("access")
if FULL:
    log.setLevel(logging.INFO)
    log.addHandler(logging.FileHandler(os.environ["ACCESS_LOG"]))
windows: dict[str, tuple[int, int]] = {}
breaker = {"failures": 0.0, "open_until": 0.0}


def refusal(request: Request) -> Response | None:
    if request.headers.get("x-api-key") != KEY:
        return Response(status_code=401)
    minute, count = windows.get(KEY, (0, 0))
    now = int(time.time() // 60)
    count = count + 1 if minute == now else 1
    windows[KEY] = (now, count)
    if count > LIMIT:
        return Response(status_code=429)
    if breaker["open_until"] > time.monotonic():
        return Response(status_code=503)
    return None


async def forward(request: Request, request_id: str) -> Response:
    if FULL and (refused := refusal(request)) is not None:
        return refused
    headers = {name: value for name, value in request.headers.items() if name not in DROP}
    if FULL and request.client is not None:
        headers |= {"x-request-id": request_id, "x-forwarded-for": request.client.host}
    try:
        answer = await client.request(
            request.method,
            request.url.path,
            params=request.query_params,
            content=await request.body(),
            headers=headers,
        )
        breaker["failures"] = breaker["failures"] + 1 if answer.status_code >= 500 else 0
        kept = {name: value for name, value in answer.headers.items() if name not in DROP}
        response = Response(answer.content, answer.status_code, kept)
    except httpx.HTTPError:
        breaker["failures"] += 1
        response = Response(status_code=502)
    if FULL and breaker["failures"] >= 3:
        breaker.update(failures=0, open_until=time.monotonic() + 10)
    return response


async def gateway(request: Request, rest: str = "") -> Response:
    if not FULL:
        return await forward(request, "")
    start = time.perf_counter()
    request_id = request.headers.get("x-request-id") or str(uuid.uuid4())
    response = await forward(request, request_id)
    seconds = time.perf_counter() - start
    response.headers["x-request-id"] = request_id
    requests_total.labels(request.method, str(response.status_code)).inc()
    request_seconds.observe(seconds)
    line = {
        "ts": time.time(),
        "client": "bench",
        "method": request.method,
        "path": request.url.path,
        "status": response.status_code,
        "ms": round(seconds * 1000, 3),
        "id": request_id,
    }
    log.info(json.dumps(line))
    return response


@app.get("/metrics")
def metrics() -> Response:
    return Response(generate_latest(), media_type="text/plain")


for prefix in [""] if ROUTES == 1 else [f"/r{number}" for number in range(ROUTES)]:
    app.add_api_route(prefix + "/{rest:path}", gateway, methods=METHODS)
