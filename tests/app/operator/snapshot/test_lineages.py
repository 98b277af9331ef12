from app.operator.snapshot.lineages import (
    Claim,
    believed,
    highest,
    read_lineages,
    replaced_by,
    wanted_beside,
    write_lineages,
)

A, B, C = (f"{digit * 8}-2222-3333-4444-555555555555" for digit in "abc")


def test_lineages_once_published_come_before_those_that_most_pods_name():
    claims = [Claim(B, 1, True), Claim(C, 1, True), Claim(C, 2, True), Claim(A, 1, False)]
    assert believed(claims, {A}) == (A, C, B)


def test_an_unknown_lineage_counts_only_when_it_is_settled():
    assert believed([Claim(A, 1, False), Claim(B, 1, True)], set()) == (B,)


def test_the_highest_sequence_is_that_of_the_lineage_asked_for():
    assert highest([Claim(A, 1, True), Claim(A, 7, False), Claim(B, 9, True)], A) == 7
    assert highest([], A) == 0


def test_what_is_held_pushes_out_what_is_not():
    published, held = ["p1", "p2", "p3", "own"], ["own", *(f"h{number}" for number in range(7))]
    assert replaced_by("own", published, held) == ("p3", *(f"h{number}" for number in range(6, -1, -1)))
    assert replaced_by("own", published, []) == ("p1", "p2", "p3")


def test_at_most_eight_are_listed():
    held = [f"h{number}" for number in range(9)]
    assert wanted_beside("own", held) == tuple(held[:8])
    assert set(replaced_by("own", ["p1"], held)) == set(held[:8])


def test_what_is_remembered_is_read_as_it_was_written_the_newest_of_many():
    many = [f"{number:08}-2222-3333-4444-555555555555" for number in range(70)]
    assert read_lineages(write_lineages([*many, many[-1]])) == tuple(many[-64:])
    assert read_lineages(f"{A}\nnone\n\n{B}") == (A, B)
