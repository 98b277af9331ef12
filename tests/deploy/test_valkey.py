"""The bundled Valkey wants a password from everybody, and only who needs it has it."""

import json
import re
from base64 import b64decode

import pytest
import redis
import yaml

from app.foundation.redis.url import parse_redis_url
from cache.redis import RedisLink
from tests.deploy.render import environment, objects, pods, profile, rendered, secret_file
from tests.fakes.valkey import Valkey

CLIENTS = ("tidegate-gateway", "tidegate-cache")
READERS = {*CLIENTS, "tidegate-valkey"}
SECRET = "tidegate-valkey-password"
REFERENCE = "$(VALKEY_PASSWORD)"


def containers(values=None):
    """Owner → its first container."""
    return {owner: pod["containers"][0] for owner, pod in pods(objects(values))}


def test_a_password_is_made_when_none_is_given_and_each_render_makes_another():
    texts = [rendered()["valkey/password-secret.yaml"] for _ in range(2)]
    passwords = [b64decode(yaml.safe_load(text)["data"]["valkey-password"]).decode() for text in texts]
    assert passwords[0] != passwords[1]
    assert all(re.fullmatch(r"[A-Za-z0-9]{43}", password) for password in passwords)


def password_and_url(values=None):
    """What the Secret that the chart makes holds."""
    data = yaml.safe_load(rendered(values)["valkey/password-secret.yaml"])["data"]
    return b64decode(data["valkey-password"]).decode(), b64decode(data["url"]).decode()


def test_valkey_and_its_clients_read_the_same_secret():
    by_owner = dict(pods(objects()))
    server = environment(by_owner["tidegate-valkey"]["containers"][0])
    assert server["VALKEY_PASSWORD"] == {"secretKeyRef": {"name": SECRET, "key": "valkey-password"}}
    for owner in CLIENTS:
        assert secret_file(by_owner[owner], "REDIS_URL_FILE") == (SECRET, "url")


@pytest.mark.parametrize(
    "values", [None, {"fullnameOverride": "edge", "valkey": {"password": {"value": "mine"}}}]
)
def test_the_address_in_the_secret_holds_the_password_beside_it(values):
    password, url = password_and_url(values)
    name = "edge" if values else "tidegate"
    assert url == f"redis://:{password}@{name}-valkey:6379/0"


OWN_SECRET = {"valkey": {"password": {"existingSecret": "mine"}}}


@pytest.mark.parametrize("owner", CLIENTS)
def test_where_your_secret_holds_no_address_the_password_stands_before_the_one_it_is_put_into(owner):
    names = list(environment(containers(OWN_SECRET)[owner]))
    assert names.index("VALKEY_PASSWORD") < names.index("REDIS_URL")  # Kubernetes looks back only
    assert "REDIS_URL_FILE" not in names


@pytest.mark.parametrize("own_secret", [False, True])
async def test_a_real_server_with_the_charts_arguments_serves_the_charts_address_and_nobody_without_password(
    tmp_path, own_secret
):
    password = "A-z0._~"
    values = {"valkey": {"persistence": {"enabled": False}, "password": {"value": password}}}
    if own_secret:
        values["valkey"]["password"] = {"existingSecret": "mine"}
        url = environment(containers(values)["tidegate-gateway"])["REDIS_URL"].replace(REFERENCE, password)
    else:
        _, url = password_and_url(values)
    folder = {"/data": str(tmp_path), REFERENCE: password}
    args = [folder.get(word, word) for word in containers(values)["tidegate-valkey"]["args"]]
    with Valkey(tmp_path, options=tuple(args)) as valkey:
        assert parse_redis_url(url).password == password
        link = RedisLink(parse_redis_url(url.replace("tidegate-valkey:6379", f"127.0.0.1:{valkey.port}")))
        assert len(await link.look(["counter"], ["probe"])) == 1
        await link.close()
        for wrong in (None, "another"):
            with (
                redis.Redis(port=valkey.port, password=wrong) as stranger,
                pytest.raises(redis.AuthenticationError),
            ):
                stranger.ping()


def test_valkey_without_any_password_would_serve_nobody_outside_its_pod():
    args = containers()["tidegate-valkey"]["args"]
    assert args[args.index("--protected-mode") + 1] == "yes"


def test_a_password_of_yours_is_taken_from_your_secret_and_none_is_made():
    made = containers(OWN_SECRET)
    assert [one for one in objects(OWN_SECRET) if one["metadata"]["name"] == SECRET] == []
    for owner in READERS:
        assert environment(made[owner])["VALKEY_PASSWORD"]["secretKeyRef"]["name"] == "mine"


def test_without_the_bundled_valkey_there_is_no_password_of_it():
    made = objects({"valkey": {"enabled": False}, "redis": {"existingSecret": "mine"}})
    assert "valkey" not in json.dumps(made).lower()


def test_a_changed_password_value_restarts_whoever_reads_it_at_start():
    def templates(password):
        made = objects({"valkey": {"password": {"value": password}}, "tests": {"enabled": False}})
        return {
            one["metadata"]["name"]: json.dumps(one["spec"]["template"])
            for one in made
            if one["kind"] in {"Deployment", "StatefulSet"}
        }

    before, after = templates("one-password"), templates("two-password")
    assert {name for name in before if before[name] != after[name]} == READERS
    assert "one-password" not in "".join(before.values())


@pytest.mark.parametrize("name", ["dev", "own-secret"])
def test_a_password_value_is_in_no_object_but_its_secret(name):
    values = profile(name)
    password = values["valkey"]["password"]["value"]
    made = {one["metadata"]["name"]: json.dumps(one) for one in objects(values)}
    coded = [owner for owner, text in made.items() if json.dumps(password) in text or f":{password}@" in text]
    (secret,) = (text for owner, text in made.items() if owner.endswith("-valkey-password"))
    assert coded == []
    assert b64decode(json.loads(secret)["data"]["valkey-password"]).decode() == password
