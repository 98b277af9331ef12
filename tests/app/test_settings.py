from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from app.foundation.errors import ConfigFaults
from app.settings import (
    load_pepper,
    load_settings,
    renew_secrets,
    secret_files,
    settings_table_markdown,
)
from app.variables import VARIABLES


def faults(env: Mapping[str, str]) -> dict[str, str]:
    with pytest.raises(ConfigFaults) as caught:
        load_settings(env)
    assert all(fault.fix for fault in caught.value.faults)
    return {fault.path: fault.what for fault in caught.value.faults}


def test_defaults_are_those_of_the_contract():
    settings = load_settings({})
    assert (settings.port, settings.host) == (8080, "0.0.0.0")  # noqa: S104 - the contract's default
    assert (settings.admin_port, settings.admin_host) == (9080, "127.0.0.1")
    assert settings.cache_service_url == "http://localhost:8081"
    assert (settings.auth, settings.rate_limit) == ("key", "100-M")
    assert settings.expose == {"monitor", "metrics"}
    assert (settings.max_head_bytes, settings.max_fields, settings.max_target_bytes) == (32768, 100, 8192)
    assert settings.max_body_bytes == 0
    assert (settings.header_timeout_s, settings.keep_alive_timeout_s) == (10.0, 75.0)
    assert (settings.http2, settings.max_streams) == (True, 100)
    assert (settings.max_connections, settings.max_in_flight, settings.workers) == (10_000, 4096, 1)
    assert (settings.drain_delay_s, settings.drain_timeout_s) == (0.0, 30.0)
    assert (settings.access_log, settings.log_level, settings.trusted_proxies) == ("stdout", "info", "")


def test_as_many_workers_as_cores_are_no_number():
    assert load_settings({"WORKERS": "AUTO"}).workers == 0
    assert load_settings({"WORKERS": "3"}).workers == 3
    with pytest.raises(ConfigFaults, match=r"WORKERS: .*, or auto"):
        load_settings({"WORKERS": "0"})


def test_what_has_no_default_is_none():
    settings = load_settings({})
    unset = (
        "api_key",
        "config_file",
        "redis_url",
        "admin_token",
        "tls_cert_file",
        "key_pepper",
    )
    assert [getattr(settings, name) for name in unset] == [None] * len(unset)


def test_an_empty_variable_counts_as_unset():
    assert load_settings({variable.name: "" for variable in VARIABLES}) == load_settings({})


def test_every_variable_of_the_table_is_looked_at():
    class Seen(Mapping[str, str]):
        def __init__(self) -> None:
            self.names: set[str] = set()

        def __getitem__(self, name: str) -> str:
            self.names.add(name)
            raise KeyError(name)

        def __iter__(self) -> Iterator[str]:
            return iter(())

        def __len__(self) -> int:
            return 0

    env = Seen()
    load_settings(env)
    assert env.names == {variable.name for variable in VARIABLES}


def test_all_faults_come_at_once():
    env = {
        "PORT": "x",
        "EXPOSE": "y",
        "TLS_CERT_FILE": "c.pem",
        "HEADER_TIMEOUT": "z",
        "KEY_PEPPER_FILE": "/nope",
    }
    assert list(faults(env)) == ["PORT", "EXPOSE", "KEY_PEPPER_FILE", "HEADER_TIMEOUT", "TLS_CERT_FILE"]


@pytest.mark.parametrize(
    ("env", "path", "what"),
    [
        ({"TLS_CERT_FILE": "c"}, "TLS_CERT_FILE", "is set without TLS_KEY_FILE"),
        ({"TLS_KEY_FILE": "k"}, "TLS_KEY_FILE", "is set without TLS_CERT_FILE"),
        ({"TLS_CLIENT_CA_FILE": "ca"}, "TLS_CLIENT_CA_FILE", "without TLS"),
        ({"KEY_PEPPER": "a", "KEY_PEPPER_FILE": "b"}, "KEY_PEPPER_FILE", "is set beside KEY_PEPPER"),
        ({"PORT": "9080"}, "ADMIN_PORT", "is the public port 9080 too"),
        (
            {"PORT": "1", "ADMIN_PORT": "1", "HOST": "::1", "ADMIN_HOST": "::1"},
            "ADMIN_PORT",
            "public port 1 too",
        ),
    ],
)
def test_variables_that_do_not_fit_together_are_a_fault(env, path, what):
    found = faults(env)
    assert list(found) == [path]
    assert what in found[path]


@pytest.mark.parametrize(
    "env",
    [
        {"TLS_CERT_FILE": "c", "TLS_KEY_FILE": "k", "TLS_CLIENT_CA_FILE": "ca"},
        {"PORT": "0", "ADMIN_PORT": "0"},
        {"PORT": "9080", "HOST": "10.0.0.1"},
    ],
)
def test_variables_that_fit_together_pass(env):
    load_settings(env)


def test_pepper_comes_from_a_file_without_its_line_end(tmp_path):
    file = tmp_path / "pepper"
    file.write_bytes(b" salt and \xff pepper\r\n")
    env = {"KEY_PEPPER_FILE": str(file)}
    assert load_settings(env).key_pepper == load_pepper(env) == b" salt and \xff pepper"


def test_pepper_comes_from_the_variable():
    assert load_pepper({"KEY_PEPPER": "salt"}) == b"salt"


def test_pepper_alone_does_not_look_at_other_variables():
    assert load_pepper({"PORT": "x"}) is None


@pytest.mark.parametrize("content", [b"", b"\n", b"x" * 70_000])
def test_pepper_file_without_a_usable_secret_is_a_fault(tmp_path, content):
    file = tmp_path / "pepper"
    file.write_bytes(content)
    assert "is empty or larger than 64Ki" in faults({"KEY_PEPPER_FILE": str(file)})["KEY_PEPPER_FILE"]


@pytest.mark.parametrize("name", ["nothing-there", ".", "zero\0byte"])
def test_pepper_file_that_cannot_be_read_is_a_fault(tmp_path, name):
    with pytest.raises(ConfigFaults, match="cannot be read"):
        load_pepper({"KEY_PEPPER_FILE": f"{tmp_path}/{name}"})


def test_secrets_stay_out_of_repr():
    env = {
        "API_KEY": "secret-key",
        "ADMIN_TOKEN": "secret-token",
        "KEY_PEPPER": "secret-pepper",
        "REDIS_URL": "redis://:secret-password@h/0",
    }
    settings = load_settings(env)
    assert settings.api_key == "secret-key"
    assert "secret" not in repr(settings)


def test_markdown_table_has_a_row_for_each_variable():
    lines = settings_table_markdown().splitlines()
    assert lines[:2] == ["| variable | default | meaning |", "|---|---|---|"]
    assert len(lines) == 2 + len(VARIABLES)
    assert "| `API_KEY` | unset | one client key, client name `default` |" in lines
    assert all(line.replace(r"\|", "").count("|") == 4 for line in lines)


def test_a_token_of_the_cache_comes_from_one_place():
    assert load_settings({"CACHE_TOKEN": "t"}).cache_token == "t"
    assert load_settings({"CACHE_TOKEN_FILE": "/f"}).cache_token_file == "/f"
    assert "hush" not in repr(load_settings({"CACHE_TOKEN": "hush"}))
    assert faults({"CACHE_TOKEN": "t", "CACHE_TOKEN_FILE": "/f"}) == {
        "CACHE_TOKEN_FILE": "is set beside CACHE_TOKEN"
    }


@pytest.mark.parametrize("name", ["API_KEY", "ADMIN_TOKEN"])
def test_a_secret_may_stand_in_a_file_instead(name, tmp_path):
    path = tmp_path / "secret"
    path.write_text("hush-1\n")
    settings = load_settings({f"{name}_FILE": str(path)})
    assert getattr(settings, name.lower()) == "hush-1"
    assert secret_files(settings) == (str(path),)
    assert "hush" not in repr(settings)
    assert faults({f"{name}_FILE": str(path), name: "x"}) == {f"{name}_FILE": f"is set beside {name}"}
    path.write_text("hush two words")
    (told,) = faults({f"{name}_FILE": str(path)}).values()
    assert told.startswith(f"'{path}' holds a space")
    assert "hush" not in told


def test_a_secret_is_renewed_by_what_its_file_holds_now(tmp_path):
    path = tmp_path / "secret"
    path.write_text("hush-1")
    settings = load_settings({"API_KEY_FILE": str(path), "ADMIN_TOKEN": "t"})
    assert renew_secrets(settings, str(path), b"hush-2\n") == replace(settings, api_key="hush-2")
    assert renew_secrets(settings, "/elsewhere", b"x") == settings
    for bad in (b"", b"a b", b"x" * 65_537):
        with pytest.raises(ConfigFaults) as caught:
            renew_secrets(settings, str(path), bad)
        assert caught.value.faults[0].path == "API_KEY_FILE"


def test_no_file_is_watched_where_none_is_named():
    assert secret_files(load_settings({"API_KEY": "k"})) == ()


def test_an_address_of_redis_may_stand_in_a_file_since_it_holds_a_password(tmp_path):
    path = tmp_path / "url"
    path.write_text("redis://:hush@h:6379\n")
    settings = load_settings({"REDIS_URL_FILE": str(path)})
    assert settings.redis_url == "redis://:hush@h:6379"
    assert renew_secrets(settings, str(path), b"redis://:new@h").redis_url == "redis://:new@h"
    path.write_text("hush")
    assert faults({"REDIS_URL_FILE": str(path)}) == {"REDIS_URL_FILE": f"'{path}' has an unknown scheme"}
