import gzip

import pytest

from app.admin.pages import Page

INDEX = b"<!doctype html><title>Tidegate</title>"
SCRIPT = b"document.title = 'Tidegate'"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "index.html").write_bytes(INDEX)
    (tmp_path / "app-0123abcd.js").write_bytes(SCRIPT)
    (tmp_path / "app-0123abcd.js.gz").write_bytes(gzip.compress(SCRIPT))
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "icon.svg").write_bytes(b"<svg/>")
    (tmp_path / "notes.secret").write_bytes(b"not for the web")
    return tmp_path


def get(page, path, accept_encoding="", if_none_match="", method="GET"):
    answer = page.reply(path, method, accept_encoding, if_none_match)
    return answer, {name.decode(): value.decode() for name, value in answer.headers}


@pytest.mark.parametrize("path", ["/monitor", "/monitor/", "/monitor/index.html"])
def test_the_page_is_its_index(folder, path):
    answer, headers = get(Page(folder), path)
    assert (answer.status, headers["content-type"], answer.body) == (200, "text/html; charset=utf-8", INDEX)
    assert headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/monitor/app-0123abcd.js", "text/javascript; charset=utf-8"),
        ("/monitor/assets/icon.svg", "image/svg+xml; charset=utf-8"),
    ],
)
def test_files_are_served_by_their_path(folder, path, content_type):
    answer, headers = get(Page(folder), path)
    assert (answer.status, headers["content-type"]) == (200, content_type)


def test_a_name_with_a_hash_may_be_kept_for_ever(folder):
    assert "immutable" in get(Page(folder), "/monitor/app-0123abcd.js")[1]["cache-control"]


@pytest.mark.parametrize(
    "path",
    [
        "/monitor/none.js",
        "/monitor/../page.py",
        "/monitor/%2e%2e/page.py",
        "/monitor//etc/passwd",
        "/monitor/assets",
        "/monitor/notes.secret",
        "/monitor/app-0123abcd.js.gz",
    ],
)
def test_nothing_else_is_served(folder, path):
    assert get(Page(folder), path)[0].status == 404


@pytest.mark.parametrize(
    "path", ["/monitor", "/monitor/ws", "/monitor/none.js", "/monitor/app-0123abcd.js", "/monitor/assets"]
)
def test_every_answer_forbids_inline_code_and_foreign_sources(folder, path):
    _, headers = get(Page(folder), path)
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in headers


def test_the_packed_file_goes_to_who_takes_it(folder):
    page = Page(folder)
    answer, headers = get(page, "/monitor/app-0123abcd.js", "br, gzip;q=0.5")
    assert (gzip.decompress(answer.body), headers["content-encoding"]) == (SCRIPT, "gzip")
    assert headers["vary"] == "accept-encoding"


@pytest.mark.parametrize("accept", ["", "br", "gzip;q=0", "gzip; q=0.0", "identity"])
def test_others_get_it_plain(folder, accept):
    answer, headers = get(Page(folder), "/monitor/app-0123abcd.js", accept)
    assert answer.body == SCRIPT
    assert "content-encoding" not in headers


def test_the_tag_is_of_the_very_bytes(folder):
    page = Page(folder)
    plain = get(page, "/monitor/app-0123abcd.js")[1]["etag"]
    packed = get(page, "/monitor/app-0123abcd.js", "gzip")[1]["etag"]
    (folder / "app-0123abcd.js").write_bytes(SCRIPT + b";")
    assert len({plain, packed, get(page, "/monitor/app-0123abcd.js")[1]["etag"]}) == 3


@pytest.mark.parametrize("given", ["{}", "W/{}", '"x", {}', "*"])
def test_who_has_it_gets_304_without_a_body(folder, given):
    page = Page(folder)
    tag = get(page, "/monitor")[1]["etag"]
    answer, headers = get(page, "/monitor", if_none_match=given.format(tag))
    assert (answer.status, answer.body, headers["etag"]) == (304, b"", tag)


def test_who_has_another_one_gets_it(folder):
    assert get(Page(folder), "/monitor", if_none_match='"x"')[0].status == 200


def test_an_unbuilt_page_names_the_command(tmp_path):
    answer, _ = get(Page(tmp_path), "/monitor")
    assert answer.status == 503
    assert b"`make monitor`" in answer.body


def test_a_page_that_is_built_later_is_served_without_a_restart(tmp_path):
    told: list[frozenset[str]] = []
    page = Page(tmp_path, told.append)
    (tmp_path / "index.html").write_bytes(INDEX)
    (tmp_path / "app.js").write_bytes(SCRIPT)
    assert get(page, "/monitor")[0].body == INDEX
    assert get(page, "/monitor/app.js")[0].status == 200
    assert told[0] == {"/monitor", "/monitor/", "/monitor/ws"}
    assert "/monitor/app.js" in told[-1]


def test_a_file_that_has_just_gone_is_404(folder):
    page = Page(folder)
    (folder / "app-0123abcd.js").unlink()
    assert get(page, "/monitor/app-0123abcd.js")[0].status == 404


def test_the_feed_wants_an_upgrade(folder):
    answer, headers = get(Page(folder), "/monitor/ws")
    assert (answer.status, headers["upgrade"]) == (426, "websocket")


def test_it_is_only_read(folder):
    answer, headers = get(Page(folder), "/monitor", method="POST")
    assert (answer.status, headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("path", "served"), [("/monitor", True), ("/monitor/x", True), ("/monitors", False), ("/", False)]
)
def test_what_is_below_monitor_is_the_pages(folder, path, served):
    assert Page(folder).serves(path) is served


def test_the_page_of_another_program_is_not_served(tmp_path):
    for name in ("index.html", "fleet.html"):
        (tmp_path / name).write_text(name)
    gateway, operator = Page(tmp_path), Page(tmp_path, index="fleet.html")
    assert gateway.reply("/monitor", "GET", "", "").body == b"index.html"
    assert gateway.reply("/monitor/fleet.html", "GET", "", "").status == 404
    assert operator.reply("/monitor/", "GET", "", "").body == b"fleet.html"
