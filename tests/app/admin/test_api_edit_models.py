from app.admin.api_edit_models import EditsOut
from app.admin.json_views import edit_shape
from tests.fakes.admin_view import FakeView


def test_what_is_shown_is_what_is_described():
    (edit,) = EditsOut.model_validate({"edits": [edit_shape(edit) for edit in FakeView().edits()]}).edits
    assert [change.target for change in edit.changes] == ["Gateway", "Route/orders"]
