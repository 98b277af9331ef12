"""Is a service there? Asked over one fresh connection, without a client library."""

import asyncio

__all__ = ["accepts", "responds_200"]


async def accepts(host: str, port: int) -> bool:
    """Connections are accepted."""
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


async def responds_200(host: str, port: int, path: str) -> bool:
    """GET `path` gets a 200."""
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    try:
        name = f"[{host}]" if ":" in host else host
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {name}:{port}\r\nConnection: close\r\n\r\n".encode())
        return (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    except (OSError, ValueError):
        return False
    finally:
        writer.close()
