from app.foundation.clock import now_s, wall_s
from app.operator.clock import REAL


def test_the_real_clock_is_that_of_the_machine():
    assert (REAL.now_s, REAL.wall_s) == (now_s, wall_s)
