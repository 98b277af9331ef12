from app.operator.routes.attachment import INGRESS_PARENT
from app.operator.routes.objects.metadata import ObjectKey


def test_all_ingresses_share_one_parent_whatever_their_namespace():
    assert (INGRESS_PARENT.kind, INGRESS_PARENT.key_from("")) == ("IngressClass", ObjectKey("", ""))
