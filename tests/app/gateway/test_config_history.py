from app.config.edits import Edit
from app.config.rejection import Rejection
from app.gateway.config_history import MOST_EDITS, ConfigHistory


def edit(sequence: int) -> Edit:
    return Edit(float(sequence), sequence, "gw.yaml", ())


def test_the_last_edits_are_kept_newest_first():
    history = ConfigHistory()
    for sequence in range(1, MOST_EDITS + 3):
        history.add(edit(sequence))
    assert [each.sequence for each in history.edits] == list(range(MOST_EDITS + 2, 2, -1))


def test_a_source_is_rejected_until_it_is_valid_again():
    history = ConfigHistory()
    first, again = Rejection(1.0, "gw.yaml", ("a",)), Rejection(3.0, "gw.yaml", ("b",))
    other = Rejection(2.0, "sync", ("c",))
    for rejection in (first, other, again):
        history.reject(rejection)
    assert history.rejected == again
    assert history.accept("gw.yaml")
    assert history.rejected == other
    assert not history.accept("gw.yaml")
    assert [history.accept("sync"), history.rejected] == [True, None]
