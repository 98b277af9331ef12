import pytest

from app.gateway.config.leftovers import Leftovers


class Place:
    def __init__(self):
        self.given_back = 0
        self.leftovers = Leftovers(self.give_back)

    def give_back(self):
        self.given_back += 1

    def seconds(self, *changed):
        """Whether the configuration changed in each; how often something was given back."""
        for has_changed in changed:
            if has_changed:
                self.leftovers.note()
            self.leftovers.tick(0.0)
        return self.given_back


@pytest.mark.parametrize(
    ("changed", "given_back"),
    [
        ((False, False, False), 0),
        ((True,), 0),
        ((True, False), 1),
        ((True, False, False, False), 1),
        ((True, True, True), 0),
        ((True, True, True, False), 1),
        ((True, False, True, False), 2),
    ],
)
def test_the_first_second_without_a_change_gives_back_once(changed, given_back):
    assert Place().seconds(*changed) == given_back
