import pytest

from app.admin.feed.origin import objection

NO_NAMES: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "localhost:8080"),
        (None, "evil.example"),
        ("http://localhost:8080", "localhost:8080"),
        ("http://LOCALHOST:8080", "localhost:8080"),
        ("http://localhost.:8080", "localhost.:8080"),
        ("http://tidegate.localhost:8080", "tidegate.localhost:8080"),
        ("http://localhost", "localhost:80"),
        ("https://127.0.0.1", "127.0.0.1:443"),
        ("http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_a_page_of_the_same_address_or_of_localhost_may_watch(origin, host):
    assert objection(origin, host, NO_NAMES) == ""


@pytest.mark.parametrize("host", ["api.example.com", "API.example.com", "api.example.com.", "second.example"])
def test_a_page_of_a_name_that_is_listed_may_watch(host):
    names = frozenset({"api.example.com", "second.example"})
    assert objection(f"https://{host}", host, names) == ""
    assert objection(f"https://{host}", f"{host}:443", names) == ""


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "notlocalhost", "xlocalhost", "127.0.0.1.evil.example"]
)
def test_a_page_of_another_name_that_resolves_to_us_may_not(host):
    why = objection(f"http://{host}:8080", f"{host}:8080", frozenset({"api.example.com"}))
    assert f"MONITOR_HOSTS names {host}" in why


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
def test_a_page_of_another_origin_may_not(origin, host):
    assert "another origin" in objection(origin, host, frozenset({"evil.example"}))
