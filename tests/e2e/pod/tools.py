"""What the tests run inside the cluster, with nothing but an interpreter: an upstream that fails when told
to, a steady load, a watcher of limits, single requests. `python tools.py COMMAND JSON`; answers are JSON."""

import asyncio
import json
import ssl
import sys
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

STOP = Path("/tmp/stop")  # noqa: S108 - the pod's own


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

    def __init__(self, url):
        self.url = urlsplit(url)
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter | None = None

    async def ask(self, method, path, headers, body=b""):
        writer = self.writer
        if writer is None:
            https = self.url.scheme == "https"
            tls = ssl._create_unverified_context() if https else None  # noqa: S323 - who is asked is no question
            opened = asyncio.open_connection(self.url.hostname, self.url.port or 80, ssl=tls)
            self.reader, opened_writer = await asyncio.wait_for(opened, 5)
            self.writer = writer = opened_writer
        fields = {"Host": self.url.netloc, "Content-Length": str(len(body))} | headers
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items())
        writer.write(head.encode() + b"\r\n" + body)
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
    """`rate` requests a second over `connections` until /tmp/stop appears; then what came of them."""
    statuses: Counter[str] = Counter()
    failures, slowest_s, many = [], 0.0, given["connections"]
    STOP.unlink(missing_ok=True)  # noqa: ASYNC240 - a memory file system

    async def one(number):
        nonlocal slowest_s
        client = Client(given["url"])
        pause_s = many / given["rate"]
        await asyncio.sleep(pause_s * number / many)
        while not STOP.exists():  # noqa: ASYNC240
            began_s = time.monotonic()
            try:
                status, fields, _ = await client.ask("GET", given["path"], given["headers"])
                statuses[f"{status} {fields.get('tidegate-reason', '')}".strip()] += 1
            except Exception as fault:
                failures.append(f"{time.time():.3f} {type(fault).__name__}: {fault}")
                client.close()
            took_s = time.monotonic() - began_s
            slowest_s = max(slowest_s, took_s)
            await asyncio.sleep(max(0.0, pause_s - took_s))
        client.close()

    print("started", flush=True)
    await asyncio.gather(*(one(number) for number in range(many)))
    print(json.dumps({"statuses": statuses, "failures": failures, "slowest_s": slowest_s}), flush=True)


async def watch(given):
    """Asks every gateway for its limit until each tells `wanted`; wall times of first sight by URL."""
    seen = {}

    async def one(url):
        client = Client(url)
        while True:
            _, fields, _ = await client.ask("GET", given["path"], given["headers"])
            if given["wanted"] in fields.get("ratelimit-policy", ""):
                seen[url] = time.time()
                return
            await asyncio.sleep(0.02)

    print("started", flush=True)
    await asyncio.wait_for(asyncio.gather(*(one(url) for url in given["urls"])), given["seconds"])
    print(json.dumps(seen), flush=True)


async def upstream(given):
    """/item answers 200, or 503 once PUT /fail was asked, until PUT /heal; everything else 200."""
    fails = False

    async def serve(reader, writer):
        nonlocal fails
        try:
            while True:
                first, fields = await read_head(reader)
                await reader.readexactly(int(fields.get("content-length", "0")))
                method, path, _ = first.split(" ")
                if method == "PUT":
                    fails = path == "/fail"
                status = "503 Down" if fails and path.startswith("/item") else "200 OK"
                writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok".encode())
                await writer.drain()
        except (OSError, EOFError):
            writer.close()

    server = await asyncio.start_server(serve, "0.0.0.0", given["port"])  # noqa: S104 - reached by the Service
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    commands = {"ask": ask, "load": load, "watch": watch, "upstream": upstream}
    asyncio.run(commands[sys.argv[1]](json.loads(sys.argv[2])))
