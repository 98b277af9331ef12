import pytest

from app.dataplane.upstream.certificate_names import names_fault

CERTIFICATE = {
    "subjectAltName": (
        ("DNS", "abc.example.com"),
        ("DNS", "*.wild.example.com"),
        ("URI", "spiffe://abc.example.com/test-identity"),
        ("IP Address", "10.0.0.1"),
    )
}


@pytest.mark.parametrize(
    "wanted",
    [
        "abc.example.com",
        "ABC.example.com.",
        "one.wild.example.com",
        "*.wild.example.com",
        "*.example.com",
        "spiffe://abc.example.com/test-identity",
    ],
)
def test_a_certificate_that_names_the_wanted_one_is_good(wanted):
    assert names_fault(CERTIFICATE, (wanted,)) == ""
    assert names_fault(CERTIFICATE, ("other.example.com", wanted)) == ""


@pytest.mark.parametrize(
    "wanted",
    [
        "def.example.com",
        "example.com",
        "two.one.wild.example.com",
        "wild.example.com",
        "*.abc.example.com",
        "*.other.example.com",
        "spiffe://def.example.com/test-identity",
        "spiffe://ABC.example.com/test-identity",
        "10.0.0.1",
    ],
)
def test_a_certificate_for_others_says_whom_it_names(wanted):
    assert names_fault(CERTIFICATE, (wanted,)) == (
        "its certificate names abc.example.com, *.wild.example.com, spiffe://abc.example.com/test-identity, "
        f"none of {wanted}"
    )


@pytest.mark.parametrize("certificate", [None, {}, {"subjectAltName": ()}])
def test_a_certificate_without_names_is_for_nobody(certificate):
    assert names_fault(certificate, ("a.example", "b.example")) == (
        "its certificate names nobody, none of a.example, b.example"
    )
