import pytest

from app.schema.faults import BadValue
from app.schema.instants import parse_instant_s


@pytest.mark.parametrize(
    ("text", "instant_s"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("1970-01-01t01:00:00+01:00", 0.0),
        ("2027-01-01T00:00:00z", 1_798_761_600.0),
        ("1970-01-01T00:00:00.5Z", 0.5),
    ],
)
def test_an_instant_is_an_rfc_3339_date_time(text, instant_s):
    assert parse_instant_s(text) == instant_s


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("2027-01-01", "write 2027-01-01T00:00:00Z"),
        ("2027-01-01T10:00:00", "add the offset: 2027-01-01T10:00:00Z"),
        ("2027-01-01 10:00:00", "add the offset: 2027-01-01T10:00:00Z"),
        ("tomorrow", "2027-01-31T12:00:00Z"),
        ("2027-13-01T00:00:00Z", "check month, day and hour"),
        ("2027-02-30T00:00:00Z", "check month, day and hour"),
        ("", "2027-01-31T12:00:00Z"),
    ],
)
def test_a_bad_instant_comes_back_with_its_cure(text, cure):
    with pytest.raises(BadValue) as caught:
        parse_instant_s(text)
    assert cure in caught.value.fix
