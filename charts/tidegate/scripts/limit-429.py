"""helm test: a client that spends the budget of `default` is rejected with 429 and learns when to come back."""

import http.client
import os
import re
import ssl
import sys
from pathlib import Path
from urllib.parse import urlsplit

MOST_REQUESTS = 20_000
KEY_FILE = os.environ.get("API_KEY_FILE")
KEY = Path(KEY_FILE).read_text().strip() if KEY_FILE else ""
URL = urlsplit(os.environ["GATEWAY_URL"])

if not KEY or os.environ["BUILT_IN_ROUTE"] != "true":
    print("ok    no key or no built-in route to ask")
    sys.exit(0)


def connect():
    if URL.scheme == "https":
        trust = ssl._create_unverified_context()
        return http.client.HTTPSConnection(URL.hostname, URL.port, timeout=10, context=trust)
    return http.client.HTTPConnection(URL.hostname, URL.port, timeout=10)


connection = connect()
for sent in range(1, MOST_REQUESTS + 1):
    connection.request("GET", "/cache/helm-test-limit", headers={"X-API-Key": KEY})
    answer = connection.getresponse()
    answer.read()
    if answer.status == 429:
        break
    if answer.status >= 500:
        sys.exit(f"request {sent}: status {answer.status}, {answer.getheader('Tidegate-Reason')}")
    quota = re.search(r"q=(\d+)", answer.getheader("RateLimit-Policy", ""))
    if quota is None:
        print("ok    no limit applies to this route")
        sys.exit(0)
    if int(quota[1]) > MOST_REQUESTS // 4:
        print(f"ok    the limit of {quota[1]} is told; it is too large to be spent here")
        sys.exit(0)
else:
    sys.exit(f"{MOST_REQUESTS} requests and no 429")
if answer.getheader("Tidegate-Reason") != "rate_limited" or int(answer.getheader("Retry-After", "0")) < 1:
    sys.exit(f"429 without its reason or Retry-After: {answer.getheaders()}")
print(f"ok    request {sent} was refused, to come back in {answer.getheader('Retry-After')} s")
