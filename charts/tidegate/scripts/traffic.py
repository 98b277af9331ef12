"""helm test: the gateway serves, rejects a caller without a key, brings a value into the cache and back."""

import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

KEY_FILE = os.environ.get("API_KEY_FILE")
KEY = Path(KEY_FILE).read_text().strip() if KEY_FILE else ""
TRUST = ssl._create_unverified_context()  # by the Service's name, which the certificate need not hold


def ask(method, path, key, body=None):
    fields = {"Content-Type": "text/plain"} | ({"X-API-Key": key} if key else {})
    request = urllib.request.Request(os.environ["GATEWAY_URL"] + path, body, fields, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10, context=TRUST) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.status, refused.headers, refused.read()


def ask_again(method, path, body=None):
    """A budget that something else spent is no fault of the path: comes back when told to, three times."""
    for _ in range(3):
        status, headers, got = ask(method, path, KEY, body)
        if status != 429:
            break
        time.sleep(min(int(headers["Retry-After"]), 30))
    return status, headers, got


def expect(what, got, wanted):
    print(("ok    " if got in wanted else "FAIL  ") + f"{what}: {got}", flush=True)
    if got not in wanted:
        sys.exit(f"{what}: wanted one of {wanted}, got {got}")


if os.environ["BUILT_IN_ROUTE"] != "true":
    status, _, _ = ask("GET", "/", KEY)
    expect("the gateway answers", status < 600, (True,))
    sys.exit(0)
if os.environ["AUTH"] == "key":
    status, headers, _ = ask("GET", "/cache/helm-test", "")
    expect(
        "a request without a key is refused", (status, headers["Tidegate-Reason"]), ((401, "key_missing"),)
    )
if KEY or os.environ["AUTH"] == "none":
    status, _, _ = ask_again("PUT", "/cache/helm-test?ttl=60", b"carried by Tidegate")
    expect("a value is put into the cache", status, (201, 204))
    status, _, body = ask_again("GET", "/cache/helm-test")
    expect("and comes back", (status, body), ((200, b"carried by Tidegate"),))
