from ngh2 import NeverIndexedHeader

from app.dataplane.codec.unindexed_field import unindexed_field


def test_it_is_a_pair_of_which_the_library_knows_what_to_do():
    field = unindexed_field(b"x-request-id", b"1")
    assert (field, type(field)) == ((b"x-request-id", b"1"), NeverIndexedHeader)
