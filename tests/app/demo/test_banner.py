import shlex

import pytest

from app.demo.banner import banner, curl_lines
from app.demo.gateway_file import GatewayFile
from tests.app.demo.samples import plan


def text(*, is_edited=False, **env):
    its = plan(**env)
    return banner(its, GatewayFile(its.folder / "gateway.yaml", is_edited))


def test_it_begins_with_the_monitor():
    assert text().split()[:2] == ["monitor", "http://localhost:8080/monitor"]


@pytest.mark.parametrize(
    ("env", "shown"),
    [
        ({"TLS_CERT_FILE": "a", "TLS_KEY_FILE": "b"}, "https://localhost:8080/monitor"),
        ({"EXPOSE": "metrics"}, "http://localhost:9080/monitor"),
        ({"EXPOSE": "none", "ADMIN_PORT": "0"}, "none (EXPOSE and ADMIN_PORT leave it out)"),
        ({"HOST": "10.0.0.1"}, "http://10.0.0.1:8080/monitor"),
        ({"HOST": "fd00::1"}, "http://[fd00::1]:8080/monitor"),
        ({"HOST": "::"}, "http://localhost:8080/monitor"),
    ],
)
def test_the_monitor_is_where_it_can_be_opened(env, shown):
    assert f"  monitor      {shown}\n" in text(**env)


def test_it_says_who_can_reach_the_gateway():
    assert "http://localhost:8080   (this machine only; HOST=0.0.0.0 opens it)\n" in text()
    assert "this machine only" not in text(HOST="::")


def test_it_names_urls_files_and_limits():
    shown = text()
    for part in (
        "http://localhost:8080/cache/",
        "http://localhost:9080",
        "the-key   (kept in st/api-key)",
        "in st/admin-token",
        "100-M per client   (RATE_LIMIT=off for none)",
        "st/gateway.yaml   (edit it: in force within 2 s)",
        "curl -X PUT 'http://127.0.0.1:2/mode?fail=1'",
    ):
        assert part in shown
    assert "none (ADMIN_PORT=0)" in text(ADMIN_PORT="0")
    assert "http://10.0.0.1:9080" in text(ADMIN_HOST="10.0.0.1")
    assert "  none   (RATE_LIMIT" in text(RATE_LIMIT="off")
    assert "(edited, so it was kept; delete it for a new one)" in text(is_edited=True)


def test_the_curl_lines_carry_the_made_key():
    put, get, fail = (shlex.split(line) for line in curl_lines(plan(PORT="81")))
    for line in (put, get, fail):
        assert line[:4] == ["curl", "-i", "-H", "X-API-Key: the-key"]
    assert put[4:] == [
        *("-X", "PUT", "-H", "Content-Type: text/plain", "-d", "hello"),
        "http://localhost:81/cache/greeting?ttl=60",
    ]
    assert get[4:] == ["http://localhost:81/cache/greeting"]
    assert fail[4:] == ["http://localhost:81/demo/status/503?try=[1-4]"]


def test_a_key_of_the_user_is_never_printed():
    shown = text(API_KEY="secret", ADMIN_TOKEN="hidden")
    assert "$API_KEY" in shown
    assert "the one in ADMIN_TOKEN" in shown
    assert not {"secret", "hidden", "the-key"} & set(shown.split())


def test_without_auth_the_curl_lines_carry_no_key():
    assert not any("-H 'X-API-Key" in line for line in curl_lines(plan(AUTH="none")))


def test_tls_is_seen_in_the_curl_lines():
    lines = curl_lines(plan(TLS_CERT_FILE="a", TLS_KEY_FILE="b"))
    assert all("https://localhost:8080" in line and " -k " in line for line in lines)
