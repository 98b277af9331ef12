import asyncio
import socket

from app.dataplane.eventloop.disconnect_poller import DisconnectPoller
from tests.fakes.waiting import until


class Client:
    """One end of a socket pair, as a client connection that is not read from."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.read_paused = True
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True
        self.transport.abort()


async def paused_client() -> tuple[Client, socket.socket]:
    ours, theirs = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    transport.pause_reading()
    return Client(transport), theirs


async def test_a_client_that_hangs_up_behind_unread_bytes_is_aborted():
    client, theirs = await paused_client()
    poller = DisconnectPoller(asyncio.get_running_loop())
    poller.watch(client)
    theirs.send(b"unread")
    theirs.close()
    await until(lambda: client.aborted, "the abort")


async def test_a_client_that_stays_is_left_alone():
    client, theirs = await paused_client()
    gone, gone_theirs = await paused_client()
    poller = DisconnectPoller(asyncio.get_running_loop())
    poller.watch(client)
    poller.watch(gone)
    gone_theirs.close()
    await until(lambda: gone.aborted, "the other's abort")
    assert not client.aborted
    poller.stop()
    client.transport.abort()
    theirs.close()


async def test_a_client_that_is_read_again_is_watched_no_more():
    client, theirs = await paused_client()
    poller = DisconnectPoller(asyncio.get_running_loop())
    poller.watch(client)
    client.read_paused = False
    await until(lambda: not poller._watched, "the end of the watch")
    assert poller._handle is None
    poller.stop()
    client.transport.abort()
    theirs.close()
