"""Headers, language, and what must never leave the registry."""

import json
import re

import pytest
from api.hostile_world import FLAG, NAMES, TELEPHONE
from fastapi.testclient import TestClient

from geosvc.store.engine import Store
from geosvc.workflows.workspace import open_workspace

PAGES = ("/", "/gaps", "/facilities", "/about")
API = (
    "/api", "/api/conformance", "/api/openapi.json", "/api/collections", "/api/collections/facilities",
    "/api/collections/facilities/items", "/api/collections/facilities/items/1", "/api/collections/areas/items",
    "/api/collections/gaps/items", "/api/services", "/api/services/{service}", "/api/services/{service}/coverage",
    "/api/services/{service}/coverage?f=csv", "/api/services/{service}/picture", "/api/services/{service}/surface",
    "/api/services/{service}/map", "/api/runs/{run}",
)
OTHERS = (
    "/static/geosvc.css", "/static/page.js", "/static/icon.svg", "/static/maps/coverage.js",
    "/static/maps/vendor/leaflet-1.9.4/leaflet.js", "/map/{run}/main.js",
)
REFUSED = ("/nothing", "/api/nothing", "/api/collections/facilities/items?limit=0", "/static/nothing.js", "/api/services/none",
           "/static/../geosvc/settings.py", "/static/maps/%2e%2e/figure.py")


def filled(client: TestClient, address: str) -> str:
    """Return an address with the default service and its run."""
    default = next(each for each in client.get("/api/services").json()["services"] if each["is_default"])
    return address.replace("{service}", default["id"]).replace("{run}", default["run"])


@pytest.mark.parametrize("address", [*PAGES, *API, *OTHERS, *REFUSED])
def test_every_answer_carries_the_security_headers(demo_client: TestClient, address: str):
    """Pages, data, files and refusals alike: only own scripts, no guessing of types, no framing."""
    answer = demo_client.get(filled(demo_client, address))
    assert (answer.status_code >= 400) == (address in REFUSED)
    policy = answer.headers["content-security-policy"]
    directives = {each.split()[0]: each.split()[1:] for each in policy.split(";")}
    assert directives["default-src"] == ["'self'"]
    assert directives["script-src"] == ["'self'"]
    assert directives["object-src"] == ["'none'"]
    assert directives["frame-ancestors"] == ["'none'"]
    assert "http" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"]
    assert "server" not in answer.headers


def test_other_methods_carry_the_security_headers(demo_client: TestClient):
    """A refused method is guarded as well."""
    for method in ("POST", "OPTIONS", "HEAD"):
        assert "content-security-policy" in demo_client.request(method, "/api/services").headers


@pytest.mark.parametrize("address", ["/", "/gaps", "/api/services", "/api/services/hospital-drive/surface", "/api/nothing"])
def test_head_is_get_without_its_body(demo_client: TestClient, address: str):
    """Link checkers and caches ask for the head only: same status, same headers, nothing else."""
    head, get = demo_client.head(address), demo_client.get(address)
    assert head.status_code == get.status_code
    assert head.content == b""
    for name in ("content-type", "content-length", "etag", "cache-control", "content-security-policy"):
        assert head.headers.get(name) == get.headers.get(name), name


@pytest.mark.parametrize("address", PAGES)
def test_pages_hold_no_script_and_no_handler(demo_client: TestClient, address: str):
    """The policy forbids scripts inside a page, and the pages have none: no inline script, no on… attribute."""
    text = demo_client.get(address).text
    for attributes, inside in re.findall(r"<script([^>]*)>(.*?)</script>", text, re.DOTALL):
        assert 'type="application/json"' in attributes or not inside.strip()
    assert not re.search(r"<[a-z][^>]*\son[a-z]+\s*=", text)
    assert "javascript:" not in text


@pytest.mark.parametrize("address", PAGES)
def test_pages_ask_only_their_own_server(demo_client: TestClient, address: str):
    """No link of a page that the browser loads by itself leads to another host."""
    text = demo_client.get(address).text
    loaded = re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"([^\"]*)\"", text)
    assert loaded
    assert [each for each in loaded if not each.startswith("/") or each.startswith("//")] == []


def test_the_language_is_chinese_until_chosen(demo_client: TestClient):
    """Chinese first; lang=en switches the page and is remembered; lang=zh switches back."""
    demo_client.cookies.clear()
    assert '<html lang="zh-CN">' in demo_client.get("/").text
    switched = demo_client.get("/", params={"lang": "en"})
    assert '<html lang="en">' in switched.text
    cookie = switched.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    for address in PAGES:
        assert '<html lang="en">' in demo_client.get(address).text
    demo_client.get("/", params={"lang": "zh"})
    assert '<html lang="zh-CN">' in demo_client.get("/about").text
    demo_client.cookies.clear()


def test_an_unknown_language_changes_nothing(demo_client: TestClient):
    """lang=fr is no language of the pages: the page stays as it was and nothing is remembered."""
    demo_client.cookies.clear()
    answer = demo_client.get("/", params={"lang": "fr"})
    assert answer.status_code == 200
    assert '<html lang="zh-CN">' in answer.text
    assert "set-cookie" not in answer.headers
    assert '<html lang="zh-CN">' in demo_client.get("/", headers={"cookie": "language=../../etc"}).text


@pytest.mark.parametrize("address", ["/?service=basic-radius", "/gaps?service=basic-radius&threshold=10km", "/facilities?q=%E5%8C%BB%E9%99%A2&located=true"])
def test_the_switch_keeps_the_question(demo_client: TestClient, address: str):
    """Switching the language stays on the same page with the same choice."""
    demo_client.cookies.clear()
    text = demo_client.get(address).text
    target = re.search(r'<a[^>]*href="([^"]*)"[^>]*hreflang="en"', text).group(1).replace("&amp;", "&")
    assert target.startswith("/")
    assert not target.startswith("//")
    english = demo_client.get(target)
    assert '<html lang="en">' in english.text
    assert english.url.params["lang"] == "en"
    for name, value in demo_client.build_request("GET", address).url.params.items():
        assert english.url.params[name] == value
    demo_client.cookies.clear()


# -- contacts are personal data ---------------------------------------------------------------


def test_contacts_are_kept_and_never_shown(hostile_settings, hostile_client: TestClient):
    """A telephone number is in the registry, and in no answer of the API, no page and no map."""
    kept: Store = open_workspace(hostile_settings)
    with kept.reading() as session:
        from geosvc.registry import facilities
        from geosvc.store.facilities import FacilityQuery

        held = [each.facility.contact for each in facilities.find(session, FacilityQuery())]
    kept.close()
    assert any(TELEPHONE in json.dumps(each) for each in held), "the test needs a facility with a telephone number"
    seen = 0
    for address in (*API, *PAGES, "/map/{run}/main.js"):
        answer = hostile_client.get(filled(hostile_client, address))
        assert answer.status_code == 200, address
        assert TELEPHONE.encode() not in answer.content, address
        seen += len(answer.content)
    assert seen > 10_000
    for feature in hostile_client.get("/api/collections/facilities/items").json()["features"]:
        assert "contact" not in feature["properties"]
        assert "telephone" not in feature["properties"]


# -- names that try to become programs --------------------------------------------------------


def naked(text: str) -> list[str]:
    """Return the payloads that stand in a page as markup or code."""
    found = [each for each in ("<img src=x", "<svg onload", f"<script>window.{FLAG}", "<!--<script") if each in text]
    return found + re.findall(r"=\s*\"[^\"<>]*\"\s*'?><svg", text)


def test_the_search_for_markup_can_fail():
    """The check below finds a name that was not escaped."""
    assert naked(f"<td>所{NAMES[0]}</td>")
    assert naked(f"<h1>{NAMES[1]}</h1>")
    assert naked(f'<option value="{NAMES[4]}">')
    assert not naked("<td>所&lt;img src=x onerror=window.hostile=1&gt;</td>")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("address", [*PAGES, "/gaps?area=990000", "/facilities?q=%3Cimg", "/api/services/{service}/map"])
def test_names_are_text_on_every_page(hostile_client: TestClient, address: str, language: str):
    """Names of facilities, areas, services, sources and of the study itself never become markup."""
    address = filled(hostile_client, address)
    answer = hostile_client.get(address, params=None if address.startswith("/api") else dict(lang=language, **dict(
        part.split("=") for part in address.partition("?")[2].replace("%3C", "<").split("&") if part)))
    hostile_client.cookies.clear()
    assert answer.status_code == 200, answer.text[:300]
    assert naked(answer.text) == []


@pytest.mark.parametrize("payload", [NAMES[0] + NAMES[1], NAMES[4] + NAMES[2], NAMES[5] + NAMES[6]])
@pytest.mark.parametrize("address", [
    "/facilities?q={}", "/facilities?class_code={}", "/facilities?located={}", "/gaps?area={}", "/gaps?min_people={}",
    "/gaps?service={}", "/?service={}", "/?threshold={}", "/?lang={}", "/gaps?cursor={}", "/facilities?cursor={}", "/{}",
    "/map/{}/main.js",
])
def test_what_a_visitor_types_is_text(demo_client: TestClient, address: str, payload: str):
    """A payload in an address comes back escaped or not at all, on the page and on the page of its refusal."""
    from urllib.parse import quote

    answer = demo_client.get(address.format(quote(payload, safe="")), headers={"accept": "text/html"})
    assert answer.status_code in (200, 400, 404), answer.text[:300]
    assert answer.headers["content-type"].startswith("text/html")
    assert naked(answer.text) == []
    demo_client.cookies.clear()


def test_names_come_through_the_api_unharmed(hostile_client: TestClient):
    """JSON carries every name letter by letter: escaping is the page's business."""
    features = hostile_client.get("/api/collections/facilities/items").json()["features"]
    assert {f"所{name}" for name in NAMES} <= {each["properties"]["name"] for each in features}
