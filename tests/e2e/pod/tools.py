"""What the tests run inside the cluster, with nothing but an interpreter: an upstream that fails when told
to, a steady load, a watcher of limits, flips of a Gateway, single requests. `python tools.py COMMAND JSON`;
answers are JSON."""

import asyncio
import json
import os
import signal
import socket
import ssl
import sys
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

STOP = Path("/tmp/stop")  # noqa: S108 - the pod's own
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


async def read_head(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip()
    return first, fields


async def read_answer(reader, method="GET"):
    """(status, fields, body); knows lengths and chunks, which is all that the gateway sends here."""
    first, fields = await read_head(reader)
    status = int(first.split(" ")[1])
    if method == "HEAD" or status in (204, 304):
        return status, fields, b""
    if fields.get("transfer-encoding") == "chunked":
        parts = []
        while size := int(await reader.readline(), 16):
            parts.append(await reader.readexactly(size))
            await reader.readexactly(2)
        await reader.readexactly(2)
        return status, fields, b"".join(parts)
    return status, fields, await reader.readexactly(int(fields.get("content-length", "0")))


class Client:
    """One connection, kept alive until the other side says otherwise."""

    def __init__(self, url, ca=None):
        self.url, self.ca = urlsplit(url), ca
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter | None = None

    async def send(self, method, path, headers, body=b""):
        writer = self.writer
        if writer is None:
            opened = asyncio.open_connection(self.url.hostname, self.url.port or 80, ssl=self._tls())
            self.reader, opened_writer = await asyncio.wait_for(opened, 5)
            self.writer = writer = opened_writer
        fields = {"Host": self.url.netloc, "Content-Length": str(len(body))} | headers
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items())
        writer.write(head.encode() + b"\r\n" + body)

    def _tls(self):
        if self.ca is not None:
            return ssl.create_default_context(cafile=self.ca)
        https = self.url.scheme == "https"
        return ssl._create_unverified_context() if https else None  # noqa: S323 - who is asked is no question

    async def ask(self, method, path, headers, body=b""):
        await self.send(method, path, headers, body)
        answer = await asyncio.wait_for(read_answer(self.reader, method), 15)
        if answer[1].get("connection", "").lower() == "close":
            self.close()
        return answer

    def close(self):
        if self.writer is not None:
            self.writer.close()
            self.writer = None


async def ask(given):
    status, fields, body = await Client(given["url"]).ask(
        given.get("method", "GET"), given["path"], given.get("headers", {}), given.get("body", "").encode()
    )
    print(json.dumps({"status": status, "headers": fields, "body": body.decode(errors="replace")}))


async def load(given):
    """`rate` requests a second over `connections` until /tmp/stop appears; then what came of them.

    `methods` in turn, and nothing is sent twice.
    """
    statuses: Counter[str] = Counter()
    pods: Counter[str] = Counter()
    failures, slowest_s, many = [], 0.0, given["connections"]
    methods = given["methods"]
    STOP.unlink(missing_ok=True)  # noqa: ASYNC240 - a memory file system

    async def one(number):
        nonlocal slowest_s
        client = Client(given["url"])
        pause_s = many / given["rate"]
        await asyncio.sleep(pause_s * number / many)
        turn = number
        while not STOP.exists():  # noqa: ASYNC240
            began_s, turn = time.monotonic(), turn + 1
            method = methods[turn % len(methods)]
            body = b"" if method == "GET" else b"x" * 1000
            try:
                status, fields, _ = await client.ask(method, given["path"], given["headers"], body)
                statuses[outcome(status, fields)] += 1
                pods[fields.get("pod", "")] += 1
            except Exception as fault:
                failures.append(f"{time.time():.3f} {method} {type(fault).__name__}: {fault}")
                client.close()
            took_s = time.monotonic() - began_s
            slowest_s = max(slowest_s, took_s)
            await asyncio.sleep(max(0.0, pause_s - took_s))
        client.close()

    print("started", flush=True)
    await asyncio.gather(*(one(number) for number in range(many)))
    told = {"statuses": statuses, "pods": pods, "failures": failures, "slowest_s": slowest_s}
    print(json.dumps(told), flush=True)


def outcome(status, fields):
    return f"{status} {fields.get('tidegate-reason', '')}".strip()


async def watch(given):
    """Asks every gateway for its limit over so many connections until each of them tells `wanted`; wall times by URL
    when its last one did."""
    seen: dict[str, float] = {}

    async def one(url):
        client = Client(url)
        while True:
            _, fields, _ = await client.ask("GET", given["path"], given["headers"])
            if given["wanted"] in fields.get("ratelimit-policy", ""):
                seen[url] = time.time()
                return
            await asyncio.sleep(0.02)

    print("started", flush=True)
    watches = [one(url) for url in given["urls"] for _ in range(given["connections"])]
    await asyncio.wait_for(asyncio.gather(*watches), given["seconds"])
    print(json.dumps(seen), flush=True)


class Watched:
    """One object of the cluster, as a watch with the pod's own account reports it."""

    def __init__(self, path, name):
        self.path, self.name = path, name
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
        self.api = f"https://{host}:{port}"
        self.client = self._client()
        self.headers = {"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}"}
        self.newest = {}
        self.changed = asyncio.Event()

    def _client(self):
        return Client(self.api, ACCOUNT / "ca.crt")

    async def patch(self, body):
        """The object after this merge patch."""
        headers = self.headers | {"Content-Type": "application/merge-patch+json"}
        path = f"{self.path}/{self.name}"
        status, _, answer = await self.client.ask("PATCH", path, headers, json.dumps(body).encode())
        assert status == 200, answer
        return json.loads(answer)

    async def follow(self):
        client = self._client()
        await client.send("GET", f"{self.path}?watch=1&fieldSelector=metadata.name={self.name}", self.headers)
        head, _ = await read_head(client.reader)
        assert " 200 " in head, head
        rest = b""
        while size := int(await client.reader.readline(), 16):
            rest += await client.reader.readexactly(size)
            await client.reader.readexactly(2)
            *events, rest = rest.split(b"\n")
            for event in events:
                self.newest = json.loads(event)["object"]
                self.changed.set()
        raise EOFError(f"the watch of {self.name} ended")

    async def until(self, look, seconds):
        """What `look` gives for the newest state as soon as it is something."""
        try:
            async with asyncio.timeout(seconds):
                while not self.newest or (found := look(self.newest)) is None:
                    self.changed.clear()
                    await self.changed.wait()
                return found
        except TimeoutError:
            raise TimeoutError(f"waited {seconds} s, and {self.name} is {json.dumps(self.newest)}") from None


def programmed(gateway, generation):
    """True once all of this generation is, else None."""
    for one in gateway.get("status", {}).get("conditions", ()):
        if (
            one["type"] == "Programmed"
            and one["status"] == "True"
            and one["observedGeneration"] >= generation
        ):
            return True
    return None


def target(service, port):
    """The pods' port that this port of the Service leads to, if it has it."""
    return next((one["targetPort"] for one in service["spec"]["ports"] if one["port"] == port), None)


async def flips(given):
    """`count` times the Gateway takes another host, every other time at another port as well. At the moment that
    its status says Programmed of that, each of `pods` (addresses by name) is asked for that host at its own port:
    `early` tells which did not serve it."""
    folder, name, seconds = f"namespaces/{given['namespace']}", given["gateway"], given["seconds"]
    gateway = Watched(f"/apis/gateway.networking.k8s.io/v1/{folder}/gateways", name)
    service = Watched(f"/api/v1/{folder}/services", f"tidegate-{name}")
    early, took_s = [], []

    async def serve(pod, address, port, host):
        try:
            client = Client(f"http://{address}:{port}")
            status, fields, _ = await client.ask("GET", "/", {"Host": host})
            client.close()
            found = outcome(status, fields)
        except Exception as fault:
            found = f"{type(fault).__name__}: {fault}"
        if found != "200":
            early.append(f"{pod}, {host} at {port}: {found}")

    async with asyncio.TaskGroup() as group:
        watches = [group.create_task(one.follow()) for one in (gateway, service)]
        for turn in range(given["count"]):
            port, host = 8000 + turn // 2 % 5, f"flip{turn}.example"
            listener = {"name": "http", "port": port, "protocol": "HTTP", "hostname": host}
            began_s = time.monotonic()
            edited = await gateway.patch({"spec": {"listeners": [listener]}})
            generation = edited["metadata"]["generation"]
            await gateway.until(lambda now, since=generation: programmed(now, since), seconds)
            took_s.append(time.monotonic() - began_s)
            at = await service.until(lambda now, port=port: target(now, port), seconds)
            asked = (serve(pod, address, at, host) for pod, address in given["pods"].items())
            await asyncio.gather(*asked)
        for one in watches:
            one.cancel()
    print(json.dumps({"flips": len(took_s), "early": early, "took_s": took_s}), flush=True)


async def upstream(given):
    """/item answers 200, or 503 once PUT /fail was asked, until PUT /heal; everything else 200, each after
    `delay_s`. SIGTERM ends it at once, with all that it has begun."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, os._exit, 0)
    me, delay_s = socket.gethostname(), given.get("delay_s", 0)
    fails = False

    async def serve(reader, writer):
        nonlocal fails
        try:
            while True:
                first, fields = await read_head(reader)
                await reader.readexactly(int(fields.get("content-length", "0")))
                await asyncio.sleep(delay_s)
                method, path, _ = first.split(" ")
                if method == "PUT":
                    fails = path == "/fail"
                status = "503 Down" if fails and path.startswith("/item") else "200 OK"
                writer.write(f"HTTP/1.1 {status}\r\nPod: {me}\r\nContent-Length: 2\r\n\r\nok".encode())
                await writer.drain()
        except (OSError, EOFError):
            writer.close()

    server = await asyncio.start_server(serve, "0.0.0.0", given["port"])  # noqa: S104 - reached by the Service
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    commands = {"ask": ask, "load": load, "watch": watch, "flips": flips, "upstream": upstream}
    asyncio.run(commands[sys.argv[1]](json.loads(sys.argv[2])))
