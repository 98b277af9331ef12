from app.admin.view import AdminView
from tests.fakes.admin_view import FakeView


def test_the_fake_of_the_tests_is_one():
    view: AdminView = FakeView()
    assert view.ready() == (True, {})
