import pytest

from app.admin.pages import Page
from app.operator.serving.admin_api import AdminApi
from app.operator.sync.fleet import InstanceState, InstanceView, KnownTargets


class FakeView:
    waits_for: tuple[str, ...] = ()

    def missing(self):
        return list(self.waits_for)

    def wall_s(self):
        return 1_800_000_000.25

    def sequence(self):
        return 7

    def instances(self):
        return [InstanceView("shop", "gw-0", "edge", True, InstanceState.APPLIED, 7, 1.5, "", "0.1.0")]

    def fleet(self):
        return {"version": 1, "pods": []}

    def policy_name(self, uid):
        return None

    def targets(self):
        return {"shop": KnownTargets(frozenset({"edge"}), frozenset({"b", "a"}), frozenset())}

    def attachment(self, name):
        return {"asked": name}

    def metrics(self):
        return "text/plain", b"tidegate_operator_policies 3.0\n"


async def get(path, method="GET", view=None, page=None):
    sent = await sent_for(path, method, view, page)
    return sent[0]["status"], sent[1]["body"]


async def sent_for(path, method="GET", view=None, page=None, query=b""):
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        raise AssertionError

    scope = {"type": "http", "path": path, "method": method, "headers": [], "query_string": query}
    await AdminApi(view or FakeView(), page)(scope, receive, send)
    return sent


async def test_it_lives():
    assert (await get("/livez"))[0] == 200


async def test_it_is_ready_when_nothing_is_missing():
    assert await get("/readyz") == (200, b'{"status":"ok","missing":[]}')


async def test_it_says_what_is_missing():
    view = FakeView()
    view.waits_for = ("no list of policies completed yet",)
    status, body = await get("/readyz", view=view)
    assert (status, b"no list of policies" in body) == (503, True)


async def test_instances_are_shown_with_the_newest_sequence():
    status, body = await get("/v1/instances")
    assert (status, b'"sequence":7' in body, b'"pod":"gw-0"' in body) == (200, True, True)
    assert b'"now":"2027-01-15T08:00:00.250Z"' in body


async def test_what_policies_may_name_is_shown_by_namespace():
    expected = b'{"shop":{"gateways":["edge"],"routes":["a","b"],"upstreams":[]}}'
    assert await get("/v1/targets") == (200, expected)


@pytest.mark.parametrize(("path", "method", "status"), [("/x", "GET", 404), ("/livez", "POST", 405)])
async def test_other_paths_and_methods_are_rejected(path, method, status):
    assert (await get(path, method))[0] == status


async def test_a_head_has_no_body():
    assert await get("/livez", "HEAD") == (200, b"")


async def test_what_is_no_http_is_let_go():
    said = []

    async def note(*words):
        said.append(words)

    await AdminApi(FakeView())({"type": "lifespan"}, note, note)
    assert said == []


async def test_metrics_are_those_of_the_view():
    assert await get("/metrics") == (200, b"tidegate_operator_policies 3.0\n")


async def test_the_fleet_is_that_of_the_view():
    assert await get("/v1/fleet") == (200, b'{"version":1,"pods":[]}')


async def test_the_page_is_below_a_path_that_is_found_from_wherever_the_port_is_reached(tmp_path):
    sent = await sent_for("/monitor")
    assert (sent[0]["status"], dict(sent[0]["headers"])[b"location"]) == (307, b"monitor/")
    sent = await sent_for("/monitor", query=b"dashboard")
    assert dict(sent[0]["headers"])[b"location"] == b"monitor/?dashboard"
    (tmp_path / "fleet.html").write_text("the fleet")
    page = Page(tmp_path, index="fleet.html")
    assert await get("/monitor/", page=page) == (200, b"the fleet")
    assert (await get("/monitor/none.js", page=page))[0] == 404
    assert (await get("/monitor/ws", page=page))[0] == 404, "this page asks, it opens no WebSocket"


async def test_an_object_of_the_cluster_is_asked_for_by_its_name():
    assert await get("/v1/attachments/httproute/shop/web") == (200, b'{"asked":"httproute/shop/web"}')
