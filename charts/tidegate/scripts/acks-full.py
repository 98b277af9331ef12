"""helm test: every ready gateway has applied what the operator published, within two minutes."""

import json
import os
import sys
import time
import urllib.request

TRIES = 120  # after a first install the kubelet takes a minute to hand gateways the operator's CA

for _ in range(TRIES):
    try:
        with urllib.request.urlopen(os.environ["OPERATOR_URL"] + "/v1/instances", timeout=5) as answer:
            told = json.load(answer)
    except OSError as away:
        seen = f"the operator does not answer: {away}"
    else:
        required = [one for one in told["instances"] if one["is_required"]]
        behind = [one["pod"] for one in required if one["state"] != "applied"]
        if required and not behind and told["sequence"] > 0:
            print(f"ok    {len(required)} gateways applied snapshot {told['sequence']}")
            sys.exit(0)
        seen = f"snapshot {told['sequence']}, {len(required)} gateways wanted, behind: {behind}"
    time.sleep(1)
sys.exit(seen)
