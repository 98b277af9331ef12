import pytest

from app.config.parsing.spelling import CLUSTER, FILE, cluster_name
from app.foundation.errors import BadValue


@pytest.mark.parametrize(
    "name",
    [
        "shop/web/https",
        "httproute/shop/web/0",
        "grpcroute/shop/web.v1/rule-a",
        "service/a/b/80",
        f"infra/{'a' * 253}/http",
    ],
)
def test_a_name_of_the_cluster_is_the_path_of_an_object(name):
    assert cluster_name(name) == name
    with pytest.raises(BadValue):
        FILE.name(name)


@pytest.mark.parametrize(
    "name", ["", "orders", "/a", "a/", "a//b", "A/b", "a/b c", "a.b/c", "a/" + "b" * 1024]
)
def test_any_other_text_is_no_name_of_the_cluster(name):
    with pytest.raises(BadValue) as caught:
        CLUSTER.name(name)
    assert "service/shop/orders/8080" in caught.value.fix
