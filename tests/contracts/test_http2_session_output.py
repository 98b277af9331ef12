"""What a library of HTTP/2 says of its output: whoever reads from a socket asks whether there is anything to write."""

from app.dataplane.codec.http2_owner import SessionLimits
from tests.fakes.http2_frames import GET, OK
from tests.fakes.http2_peers import End, carry, pair


def test_it_says_whether_there_is_output():
    def says() -> tuple[bool, bool]:
        return gateway.session.has_output, client.session.has_output

    gateway, client = End(is_server=True), End(is_server=False)
    assert says() == (True, True)
    gateway, client = pair(client_limits=SessionLimits(100, 32_768, 1_000, 10_000))
    assert says() == (False, False)
    number = client.session.send_request(GET, end=True)
    assert says() == (False, True)
    gateway.receive(client.output())
    assert says() == (False, False)
    gateway.session.send_head(number, OK, end=False)
    gateway.session.send_data(number, b"x" * 1_500, end=True)
    assert says() == (True, False)
    client.receive(gateway.output())
    assert says() == (False, False)  # until the window opens
    client.session.consumed(number, 1_000)
    gateway.receive(client.output())
    assert says() == (True, False)
    carry(gateway, client)
    client.session.ping()
    gateway.receive(client.output())
    assert says() == (True, False)
    carry(gateway, client)
    assert says() == (False, False)
    gateway.session.goaway()
    client.receive(gateway.output())
    assert says() == (True, True)  # that it is over
    carry(gateway, client)
    assert (gateway.session.over, client.session.over) == (True, True)


def test_uploads_that_take_turns_are_output():
    gateway, client = pair(SessionLimits(100, 32_768, 1 << 20, 1 << 20))
    number = client.session.send_request(GET, end=False)
    client.session.send_data(number, bytes(100_000), end=True)
    gateway.receive(client.session.output(1_000))
    outputs = [client.session.has_output]
    carry(gateway, client)
    outputs.append(client.session.has_output)
    assert outputs == [True, False]
