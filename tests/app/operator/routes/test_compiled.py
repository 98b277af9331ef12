from app.operator.kube.resources import Condition
from app.operator.routes.compiled import condition
from app.operator.routes.objects.certificates import CertificatePair


def test_a_condition_is_true_or_false():
    assert condition("Accepted", True, "Accepted", "fine") == Condition(
        "Accepted", "True", "Accepted", "fine"
    )
    assert condition("Accepted", False, "Invalid", "bad") == Condition("Accepted", "False", "Invalid", "bad")


def test_a_key_is_never_shown():
    assert "secret" not in repr(CertificatePair(b"secret", b"secret"))
