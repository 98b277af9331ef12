from app.limits.limiter import Admitted, Limiter
from app.limits.memory import MemoryLimiter


def test_the_limiter_in_memory_is_a_limiter():
    limiter: Limiter = MemoryLimiter()
    assert isinstance(limiter.admit([], [], 0.0), Admitted)
