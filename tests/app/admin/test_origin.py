import pytest

from app.admin.origin import may_watch


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "localhost:8080"),
        ("http://localhost:8080", "localhost:8080"),
        ("http://LOCALHOST:8080", "localhost:8080"),
        ("https://api.example.com", "api.example.com"),
        ("http://api.example.com", "api.example.com:80"),
        ("https://api.example.com", "api.example.com:443"),
        ("http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_the_same_host_and_port_may_watch(origin, host):
    assert may_watch(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("null", "localhost:8080"),
        ("", "localhost:8080"),
        ("file://", "localhost:8080"),
        ("chrome-extension://localhost:8080", "localhost:8080"),
        ("http://localhost:8081", "localhost:8080"),
        ("http://localhost", "localhost:8080"),
        ("http://localhost:8080", "localhost"),
        ("http://127.0.0.1:8080", "localhost:8080"),
        ("http://evil.example", "localhost:8080"),
        ("http://localhost:8080.evil.example", "localhost:8080"),
        ("http://localhost:8080", ""),
        ("http://localhost:99999", "localhost:99999"),
        ("http://[::1", "localhost:8080"),
    ],
)
def test_any_other_may_not(origin, host):
    assert not may_watch(origin, host)
