"""Certificates by name: the last good one serves on, whatever the operator delivers or the files hold."""

import logging
from datetime import UTC, datetime

import pytest
import trustme

from app.foundation.key_pair import KeyPair, certificate_end_wall_s
from app.gateway.certificates import Certificates

BAD = KeyPair(b"no certificate", b"no key: a secret all the same")


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def issue(authority):
    def issued(name: str = "a.example") -> KeyPair:
        leaf = authority.issue_cert(name, key_type=trustme.KeyType.ECDSA)
        return KeyPair(leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes())

    return issued


@pytest.fixture
def changes():
    return []


@pytest.fixture
def certificates(changes):
    made = Certificates()
    made.subscribe(lambda: changes.append(1))
    return made


async def test_what_the_operator_delivers_is_held_by_name(certificates, changes, issue):
    certificates.use({}, ["a", "b"])
    assert certificates.missing == ("a", "b")
    first = issue()
    await certificates.take({"a": first})
    assert (certificates.pair("a"), certificates.missing, len(changes)) == (first, ("b",), 1)
    await certificates.take({"a": first})
    assert len(changes) == 1
    renewed = issue()
    await certificates.take({"a": renewed})
    assert (certificates.pair("a"), len(changes)) == (renewed, 2)


async def test_a_bad_one_changes_nothing_and_is_told_once_without_its_key(
    certificates, changes, issue, caplog
):
    certificates.use({}, ["a"])
    good = issue()
    await certificates.take({"a": good})
    with caplog.at_level(logging.ERROR, "tidegate.tls"):
        await certificates.take({"a": BAD})
        await certificates.take({"a": BAD})
    assert (certificates.pair("a"), len(changes)) == (good, 1)
    assert len(caplog.records) == 1
    assert "certificate a cannot be used" in caplog.text
    assert "secret" not in caplog.text + str(certificates.faults)
    assert "a" in certificates.faults
    await certificates.take({"a": good})
    assert certificates.faults == {}


async def test_one_that_goes_stays_for_those_who_use_it(certificates, issue):
    a, b = issue(), issue()
    certificates.use({}, ["a"])
    await certificates.take({"a": a, "b": b})
    await certificates.take({}, ["a", "b"])
    assert (certificates.pair("a"), certificates.pair("b")) == (a, None)
    certificates.use({}, [])
    assert certificates.pair("a") is None
    assert certificates.delivered == {}


async def test_one_that_comes_back_is_not_forgotten(certificates, issue):
    a = issue()
    certificates.use({}, ["a"])
    await certificates.take({"a": a})
    await certificates.take({}, ["a"])
    await certificates.take({"a": a})
    certificates.use({}, [])
    assert certificates.pair("a") == a


async def test_another_boot_of_the_operator_says_all_there_is(certificates, issue):
    await certificates.take({"a": issue(), "b": issue()})
    kept = issue()
    await certificates.take({"b": kept}, is_all=True)
    assert dict(certificates.delivered) == {"b": kept}


async def test_files_come_with_the_configuration(certificates, changes, issue):
    of_file = issue()
    certificates.use({"shop": of_file}, ["shop"])
    assert (certificates.pair("shop"), certificates.missing, len(changes)) == (of_file, (), 1)
    certificates.use({"shop": of_file}, ["shop"])
    assert len(changes) == 1


async def test_other_processes_get_what_is_good_before_it_is_taken(changes, issue):
    sent = []

    async def spread(good, removed):
        sent.append((dict(good), set(removed)))

    certificates = Certificates(spread)
    a = issue()
    await certificates.take({"a": a, "bad": BAD})
    await certificates.take({}, ["a"])
    await certificates.take({"bad": BAD})
    assert sent == [({"a": a}, set()), ({}, {"a"})]


async def test_the_ends_are_those_of_the_good_ones_in_use(certificates, issue):
    file, delivered, unused = issue(), issue(), issue()
    certificates.use({"file": file}, ["file", "delivered", "missing", "bad"])
    await certificates.take({"delivered": delivered, "unused": unused, "bad": BAD})
    assert certificates.ends_wall_s == {
        "delivered": certificate_end_wall_s(delivered),
        "file": certificate_end_wall_s(file),
    }
    await certificates.take({"delivered": BAD})  # the last good one serves on
    assert certificates.ends_wall_s["delivered"] == certificate_end_wall_s(delivered)
    certificates.use({}, ["delivered"])
    assert list(certificates.ends_wall_s) == ["delivered"]
    await certificates.take({}, ["delivered"])
    assert list(certificates.ends_wall_s) == ["delivered"]
    certificates.use({}, [])
    assert certificates.ends_wall_s == {}


async def test_a_renewed_one_has_another_end(certificates, authority, issue):
    certificates.use({}, ["a"])
    await certificates.take({"a": issue()})
    leaf = authority.issue_cert("a.example", not_after=datetime(2031, 5, 1, tzinfo=UTC))
    await certificates.take({"a": KeyPair(leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes())})
    assert certificates.ends_wall_s == {"a": datetime(2031, 5, 1, tzinfo=UTC).timestamp()}
