import pytest

from app.config.model import Endpoint
from app.config.parsing.addresses import host_name, parse_endpoint, plain_text, raw_path
from app.foundation.errors import BadValue


def test_a_url_without_a_port_has_its_schemes_own():
    assert parse_endpoint("https://orders.example.com/") == Endpoint("orders.example.com", 443, tls=True)
    assert parse_endpoint("http://[::1]") == Endpoint("::1", 80)


@pytest.mark.parametrize(
    ("read", "text", "what"),
    [
        (parse_endpoint, "http://user:secret@h", "holds a user or password"),
        (host_name, "https://h", "is 'https://h'"),
        (plain_text, "a\nb", "is empty or holds control characters"),
        (raw_path, "/a b", "holds spaces"),
    ],
)
def test_what_is_no_address_is_rejected_with_what_is_wrong(read, text, what):
    with pytest.raises(BadValue) as caught:
        read(text)
    assert what in caught.value.what
    assert "secret" not in f"{caught.value.what}{caught.value.fix}"
