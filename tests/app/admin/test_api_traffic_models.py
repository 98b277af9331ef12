from app.admin.api_traffic_models import LimitsOut, UpstreamsOut
from app.admin.traffic_views import limits_shape, upstreams_shape
from tests.fakes.admin_view import FakeView, full_table


def test_what_is_shown_is_what_is_described():
    assert UpstreamsOut.model_validate(upstreams_shape(FakeView().upstreams())).upstreams
    assert LimitsOut.model_validate(limits_shape(full_table(), FakeView().limited_clients())).limits
