"""Accounts: passwords, sessions, keys, one-time links, and the gate before every page and address."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient
from people import BY, GOOD_PASSWORD, headers_of

from geosvc.accounts import passwords, signing_in
from geosvc.accounts.tokens import sha256_of
from geosvc.application import create_app
from geosvc.errors import InvalidInput, NotAllowed, NotFound, NotSignedIn, TooManyAttempts, WeakPassword
from geosvc.registry import audit, facilities
from geosvc.registry.facilities import Facility
from geosvc.settings import Settings
from geosvc.store.accounts import AccountRow, ApiKeyRow, OneTimeLinkRow, SignedInRow
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import people

HOURS = {"hours": 1}
HTML = {"accept": "text/html"}


@pytest.fixture
def private(settings):
    """Settings of a registry that shows nothing to who has not signed in."""
    return Settings(workspace=settings.workspace)


@pytest.fixture
def client(private, store):
    with TestClient(create_app(private), raise_server_exceptions=False, follow_redirects=False, base_url="http://geosvc.test") as made:
        yield made


@pytest.fixture
def admin(store):
    """The first administrator, made by the link of the first start."""
    return people.use_link(store, people.first_link(store), GOOD_PASSWORD, name="王管理", **HOURS).account


def _csrf(page: str) -> str:
    return re.search(r'name="csrf_token" value="([^"]+)"', page).group(1)


def _sign_in(client, name="王管理", password=GOOD_PASSWORD, **more):
    return client.post("/sign-in", data={"name": name, "password": password, **more})


def test_a_password_costs_who_guesses(cheap_passwords):
    """Argon2id with 64 MiB, as it is recommended; the other tests hash with less."""
    assert cheap_passwords().hash(GOOD_PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,")


# --- first start, links


def test_the_first_start_makes_one_administrator_by_a_link_that_works_once(store):
    """Nobody has a default password; the link is good once, and not when there are accounts."""
    old, token = people.first_link(store), people.first_link(store)
    with pytest.raises(NotFound):
        people.use_link(store, old, GOOD_PASSWORD, name="王", **HOURS)
    made = people.use_link(store, token, GOOD_PASSWORD, name=" 王 ", **HOURS)
    assert (made.account.name, made.account.role, made.account.areas) == ("王", "admin", None)
    assert people.first_link(store) is None
    with pytest.raises(NotFound):
        people.use_link(store, token, GOOD_PASSWORD, name="李", **HOURS)
    assert people.sign_in(store, "王", GOOD_PASSWORD, address="", **HOURS).account.name == "王"


def test_a_weak_password_leaves_the_link_as_it_is(store):
    token = people.first_link(store)
    for weak in ("short", "1234567890", "aaaaaaaaaaaa", "password2026", "the name is 王先生 here", "x" * 201):
        with pytest.raises(WeakPassword):
            people.use_link(store, token, weak, name="王先生", **HOURS)
    assert people.needs_first(store)
    people.use_link(store, token, GOOD_PASSWORD, name="王先生", **HOURS)


def test_a_link_to_a_new_password_signs_out_everywhere(store, admin):
    """Whoever lost a password, or fears that it is known, is out of every browser after the reset."""
    before = people.sign_in(store, admin.name, GOOD_PASSWORD, address="", **HOURS)
    people.use_link(store, people.reset_link(store, admin.id), GOOD_PASSWORD + "!", name=None, **HOURS)
    assert people.person_of_token(store, before.token) is None
    with pytest.raises(NotSignedIn):
        people.sign_in(store, admin.name, GOOD_PASSWORD, address="", **HOURS)


def test_nothing_secret_is_stored(store, admin):
    """The database holds the hash of a password and checksums of tokens, never themselves."""
    signed_in = people.sign_in(store, admin.name, GOOD_PASSWORD, address="", **HOURS)
    key = people.make_key(store, admin.id, "月报", days=1, **BY)
    link = people.reset_link(store, admin.id)
    with store.reading() as session:
        account = session.get(AccountRow, admin.id)
        assert account.password_hash.startswith("$argon2id$")
        assert session.get(SignedInRow, sha256_of(signed_in.token)) and session.get(OneTimeLinkRow, sha256_of(link))
        assert session.get(ApiKeyRow, 1).key_sha256 == sha256_of(key)
    store.close()
    told = b"".join(each.read_bytes() for each in store.folder.glob("registry.sqlite*"))
    for secret in (GOOD_PASSWORD, signed_in.token, key, link):
        assert secret.encode() not in told


# --- accounts


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "王\n管理", "王\u202e管理", "王管理", " 王管理", "王\u3000管理"[:1] + "管理"])
def test_names_that_are_empty_hidden_or_taken_are_refused(store, admin, name):
    with pytest.raises(InvalidInput):
        people.create_account(store, name, role="viewer", areas=None, **BY)


def test_names_that_look_alike_are_one_name(store, admin):
    """ＡＢＣ in full width is abc: two accounts never look alike."""
    people.create_account(store, "ＡＢＣ", role="viewer", areas=None, **BY)
    with pytest.raises(InvalidInput, match="already"):
        people.create_account(store, "abc", role="viewer", areas=None, **BY)


def test_the_last_administrator_can_neither_be_locked_nor_demoted(store, admin):
    for change in ({"locked": True}, {"role": "viewer"}):
        with pytest.raises(InvalidInput, match="last administrator"):
            people.change_account(store, admin.id, **change, **BY)
    _second, link = people.create_account(store, "第二", role="admin", areas=None, **BY)
    people.use_link(store, link, GOOD_PASSWORD, name=None, **HOURS)
    assert people.change_account(store, admin.id, locked=True, **BY).locked


@pytest.mark.parametrize(("role", "areas"), [("king", None), ("admin", ["220622"]), ("editor", ["999999"]), ("editor", [])])
def test_roles_and_areas_that_cannot_be_are_refused(store, admin, role, areas):
    with pytest.raises(InvalidInput):
        people.create_account(store, "李", role=role, areas=areas, **BY)


def test_locking_ends_sessions_keys_and_links_at_once(store, admin):
    account, link = people.create_account(store, "李", role="editor", areas=None, **BY)
    signed_in = people.use_link(store, link, GOOD_PASSWORD, name=None, **HOURS)
    key = people.make_key(store, account.id, "x", days=1, **BY)
    again = people.reset_link(store, account.id)
    people.change_account(store, account.id, locked=True, **BY)
    assert people.person_of_token(store, signed_in.token) is None
    assert people.person_of_key(store, key) is None
    with pytest.raises(NotFound):
        people.owner_of_link(store, again)
    with pytest.raises(NotSignedIn):
        people.sign_in(store, "李", GOOD_PASSWORD, address="", **HOURS)
    people.change_account(store, account.id, locked=False, **BY)
    assert people.sign_in(store, "李", GOOD_PASSWORD, address="", **HOURS)


def test_every_change_of_an_account_is_in_the_log_and_no_secret_is(store, admin):
    """Roles, limits, locks, keys and new passwords leave a line; the chain holds, also for a role changed past the log."""
    account, _link = people.create_account(store, "李", role="viewer", areas=None, **BY)
    people.change_account(store, account.id, role="editor", **BY)
    people.make_key(store, account.id, "x", days=1, **BY)
    people.withdraw_key(store, account.id, 1, **BY)
    with store.reading() as session:
        told = [(each["action"], each["subject"]) for each in audit.lines(session, after=0, limit=50)]
        assert audit.verify(session).holds
    assert told[-4:] == [("create", "account:2"), ("change", "account:2"), ("create", "api_key:1"), ("change", "api_key:1")]
    with store._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE account SET role = 'admin' WHERE id = 2")
    with store.reading() as session:
        assert not audit.verify(session).holds


# --- wrong passwords


def test_after_five_wrong_passwords_even_the_right_one_waits(store, admin):
    for _each in range(5):
        with pytest.raises(NotSignedIn):
            people.sign_in(store, admin.name, "not this one", address="10.0.0.7", **HOURS)
    with pytest.raises(TooManyAttempts) as refused:
        people.sign_in(store, admin.name, GOOD_PASSWORD, address="10.0.0.7", **HOURS)
    assert refused.value.retry_after_seconds > 0
    # Its owner at another desk is not locked out by that.
    assert people.sign_in(store, admin.name, GOOD_PASSWORD, address="10.0.0.8", **HOURS)


def test_one_address_cannot_try_many_names(store, admin):
    for number in range(30):
        with pytest.raises(NotSignedIn):
            people.sign_in(store, f"name{number}", "not this one", address="10.0.0.7", **HOURS)
    with pytest.raises(TooManyAttempts):
        people.sign_in(store, "another", "not this one", address="10.0.0.7", **HOURS)


def test_wrong_passwords_are_forgotten_after_a_while(store, admin, monkeypatch):
    for _each in range(5):
        with pytest.raises(NotSignedIn):
            people.sign_in(store, admin.name, "not this one", address="a", **HOURS)
    real = signing_in.moment_in
    monkeypatch.setattr(signing_in, "moment_in", lambda **time: real(**{**time, "minutes": time.get("minutes", 0) + 20}))
    assert people.sign_in(store, admin.name, GOOD_PASSWORD, address="a", **HOURS)


def test_an_unknown_name_is_looked_at_as_long_as_a_known_one(store, admin, monkeypatch):
    """Which names there are cannot be told from the time of the answer: both verify one hash."""
    looked = []
    real = passwords._hasher().verify_and_update
    monkeypatch.setattr(passwords._hasher(), "verify_and_update", lambda *a: looked.append(1) or real(*a))
    for name in (admin.name, "nobody"):
        with pytest.raises(NotSignedIn) as refused:
            people.sign_in(store, name, "not this one", address="", **HOURS)
        assert "name and password do not fit" in str(refused.value)
    assert len(looked) == 2


# --- the gate


READ = ["/", "/gaps", "/facilities", "/about", "/api/collections", "/api/collections/facilities/items", "/api/services",
        "/api/collections/facilities/export?f=csv", "/api/changes", "/api/audit", "/api/audit/export", "/api/duplicates",
        "/api/collections/areas/items", "/api/collections/gaps/items", "/account", "/accounts"]


@pytest.mark.parametrize("address", READ)
def test_nothing_is_read_without_signing_in(client, admin, address):
    """A script gets 401, a browser the page to sign in, from which it comes back."""
    answer = client.get(address)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer" or not address.startswith("/api")
    if not address.startswith("/api"):
        answer = client.get(address, headers=HTML)
        assert answer.status_code == 303
        assert answer.headers["location"] == ("/sign-in" if address == "/" else f"/sign-in?next=%2F{address[1:]}")


def _routes(router):
    for route in router.routes:
        inner = getattr(route, "original_router", None)
        yield from (_routes(inner) if inner is not None else [route])


def test_every_address_is_behind_the_gate(client, admin):
    """Whatever route is added: without a sign-in it answers 401, but for those named here."""
    open_to_all = {"/api", "/api/conformance", "/api/openapi.json", "/sign-in", "/sign-out", "/welcome/{token}", "/map/{run}/main.js",
                   "/sign-in/provider", "/sign-in/provider/back"}
    asked = 0
    for route in _routes(client.app):
        for method in sorted(getattr(route, "methods", None) or ()):
            if route.path in open_to_all or method in ("HEAD", "OPTIONS"):
                continue
            answer = client.request(method, re.sub(r"\{[^}]*\}", "1", route.path.replace("{collection_id}", "areas")))
            # A body that is missing is refused before anything is read.
            assert answer.status_code in (401, 400), (method, route.path, answer.text)
            asked += 1
    assert asked > 30


def test_public_reading_shows_the_registry_and_nothing_of_the_inside(settings, store, admin):
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        for address in ("/facilities", "/api/collections/facilities/items", "/api/changes", "/api/services"):
            assert client.get(address).status_code == 200
        for address in ("/api/audit", "/api/audit/export", "/account", "/accounts"):
            assert client.get(address).status_code == 401


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("analyst", 403), ("editor", 403), ("admin", 200)])
def test_the_log_and_the_accounts_are_for_administrators(client, store, admin, role, status):
    mine = headers_of(store, role)
    for address in ("/api/audit", "/api/audit/export", "/accounts"):
        assert client.get(address, headers=mine).status_code == status


@pytest.mark.parametrize("told", ["Bearer geosvc_wrong", "Basic abc", "Bearer", "", "Bearer \u00e9"])
def test_a_key_that_is_not_good_is_refused_even_where_everybody_may_read(settings, store, admin, told):
    """To go on as nobody would hide the mistake."""
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        answer = client.get("/api/collections/facilities/items", headers={"Authorization": told.encode("latin-1")})
    assert answer.status_code == 401


def test_keys_run_out_and_can_be_withdrawn(store, admin, monkeypatch):
    key = people.make_key(store, admin.id, "x", days=1, **BY)
    assert people.person_of_key(store, key).name == admin.name
    people.withdraw_key(store, admin.id, 1, **BY)
    assert people.person_of_key(store, key) is None
    real = signing_in.moment_in
    monkeypatch.setattr(signing_in, "moment_in", lambda **time: real(seconds=-1))
    assert people.person_of_key(store, people.make_key(store, admin.id, "y", days=1, **BY)) is None


# --- the browser's session


def test_signing_in_and_out_in_a_browser(client, admin):
    answer = _sign_in(client, next="/facilities?q=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/facilities?q=1")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie
    page = client.get("/account", headers=HTML)
    assert page.status_code == 200 and admin.name in page.text
    assert client.post("/sign-out", data={"csrf_token": _csrf(page.text)}).status_code == 303
    assert client.get("/account", headers=HTML).status_code == 303


def test_the_cookie_is_kept_to_https_where_there_is_https(private, store, admin):
    with TestClient(create_app(private), base_url="https://geosvc.test", follow_redirects=False) as client:
        assert "Secure" in _sign_in(client).headers["set-cookie"]


@pytest.mark.parametrize("elsewhere", ["https://evil.test/", "//evil.test", "/\\evil.test", "javascript:alert(1)", "", "/\tx"])
def test_signing_in_leads_to_no_other_site(client, admin, elsewhere):
    assert _sign_in(client, next=elsewhere).headers["location"] == "/"


def test_a_form_without_its_token_changes_nothing(client, admin):
    """CSRF: the cookie alone is not enough, nor is the token of another session, nor a form from elsewhere."""
    _sign_in(client)
    token = _csrf(client.get("/account").text)
    form = {"name": "坏", "role": "admin"}
    assert client.post("/accounts", data=form).status_code == 403
    assert client.post("/accounts", data={**form, "csrf_token": token[::-1]}).status_code == 403
    assert client.post("/accounts", data={**form, "csrf_token": ""}).status_code == 403
    for headers in ({"origin": "https://evil.test"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}, {"sec-fetch-site": "same-site"}):
        assert client.post("/accounts", data={**form, "csrf_token": token}, headers=headers).status_code == 403
    assert client.post("/accounts", json=form).status_code == 403
    made = client.post("/accounts", data={"name": "好", "role": "viewer", "csrf_token": token}, headers={"origin": "http://geosvc.test"})
    assert made.status_code == 200 and "/welcome/" in made.text
    assert client.post("/accounts", data={"name": "也好", "role": "viewer"}, headers={"x-csrf-token": token}).status_code == 200


def test_wrong_passwords_in_a_browser(client, admin):
    for _each in range(5):
        answer = _sign_in(client, password="wrong one here")
        assert answer.status_code == 401 and "账号或密码不对" in answer.text
    answer = _sign_in(client)
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 0


def test_the_welcome_page_makes_the_first_administrator_and_signs_in(client, store):
    token = people.first_link(store)
    assert "管理员" in client.get(f"/welcome/{token}").text
    answer = client.post(f"/welcome/{token}", data={"name": "王", "password": GOOD_PASSWORD, "again": GOOD_PASSWORD + "x"})
    assert answer.status_code == 422 and "不一样" in answer.text
    answer = client.post(f"/welcome/{token}", data={"name": "王", "password": GOOD_PASSWORD, "again": GOOD_PASSWORD})
    assert answer.status_code == 303
    assert client.get("/accounts").status_code == 200
    used = client.get(f"/welcome/{token}", headers={"accept": "text/html"})
    assert used.status_code == 404
    assert "这个链接不能用了" in used.text and "请直接登录" in used.text  # not "no such record"


def test_an_administrator_makes_an_account_and_its_owner_signs_in(client, private, admin):
    _sign_in(client)
    token = _csrf(client.get("/accounts").text)
    page = client.post("/accounts", data={"name": "<script>李</script>", "role": "editor", "csrf_token": token}).text
    assert "<script>李" not in page
    link = re.search(r"/welcome/[\w-]+", page).group(0)
    with TestClient(create_app(private), follow_redirects=False) as other:
        assert other.post(link, data={"password": GOOD_PASSWORD, "again": GOOD_PASSWORD}).status_code == 303
        assert other.get("/accounts").status_code == 403
        assert other.get("/facilities").status_code == 200


def test_one_changes_ones_own_password_and_stays(client, store, admin):
    _sign_in(client)
    elsewhere = people.sign_in(store, admin.name, GOOD_PASSWORD, address="", **HOURS)
    token = _csrf(client.get("/account").text)
    new = "another walnut river"
    for old, status in (("wrong", 422), (GOOD_PASSWORD, 200)):
        answer = client.post("/account/password", data={"old": old, "password": new, "again": new, "csrf_token": token})
        assert answer.status_code == status
    assert client.get("/account").status_code == 200
    assert people.person_of_token(store, elsewhere.token) is None


def test_a_key_made_in_the_browser_is_shown_once_and_works(client, admin):
    _sign_in(client)
    token = _csrf(client.get("/account").text)
    page = client.post("/account/keys", data={"name": "月报", "days": 30, "csrf_token": token}).text
    key = re.search(r"geosvc_[\w-]{30,}", page).group(0)
    assert key not in client.get("/account").text
    client.cookies.clear()
    mine = {"Authorization": f"Bearer {key}"}
    assert client.get("/api/audit", headers=mine).status_code == 200


def test_a_request_that_is_too_large_is_refused_before_it_is_read(client, admin):
    """Told or not told how large it is."""
    def drops():
        for _each in range(6):
            yield b"x" * 1024 * 1024

    assert client.post("/sign-in", content=b"x" * 5 * 1024 * 1024).status_code == 413
    assert client.post("/sign-in", content=drops(), headers={"content-type": "application/x-www-form-urlencoded"}).status_code == 413


# --- areas


@pytest.fixture
def two_townships(store):
    """Two townships with a facility each, and one facility that lies nobody knows where."""
    from geosvc.registry import areas

    with store.writing() as session:
        for code, name, level, parent in (("990001", "县", "county", None), ("990001100", "东镇", "township", "990001"), ("990001200", "西乡", "township", "990001")):
            areas.save(session, areas.Area(code=code, name=name, level=level, parent_code=parent), **BY)
        ids = [
            facilities.save(session, Facility(name=f"{name}卫生院", class_code="C220", area_code=code), facility_id=None, **BY)[0]
            for name, code in (("东镇", "990001100"), ("西乡", "990001200"), ("某", None))
        ]
    return dict(zip(("east", "west", "nowhere"), ids, strict=True))


def test_an_account_of_some_areas_reads_only_those(client, store, admin, two_townships):
    mine = headers_of(store, "editor", ["990001100"])
    found = client.get("/api/collections/facilities/items", headers=mine).json()
    assert (found["numberMatched"], [each["id"] for each in found["features"]]) == (1, [two_townships["east"]])
    for who in ("west", "nowhere"):
        for tail in ("", "/versions"):
            assert client.get(f"/api/collections/facilities/items/{two_townships[who]}{tail}", headers=mine).status_code == 404
        assert client.get(f"/facilities/{two_townships[who]}", headers=mine).status_code == 404
    export = client.get("/api/collections/facilities/export?f=csv", headers=mine).text
    assert "东镇卫生院" in export and "西乡" not in export
    areas = client.get("/api/collections/areas/items", headers=mine).json()["features"]
    assert {each["id"] for each in areas} == {"990001", "990001100"}
    told = {each["subject"] for each in client.get("/api/changes", headers=mine).json()["changes"]}
    assert told == {f"facility:{two_townships['east']}", "area:990001100"}
    page = client.get("/facilities", headers=mine).text
    assert "东镇卫生院" in page and "西乡卫生院" not in page


def test_an_account_of_some_areas_writes_only_those(store, admin, two_townships):
    """Whatever asks for it: the session refuses, before anything is stored."""
    limited = store.limited_to(["990001100"])
    for number, change in ((two_townships["west"], {}), (two_townships["nowhere"], {}), (two_townships["east"], {"area_code": "990001200"}),
                           (None, {"area_code": None}), (None, {"area_code": "990001200"}), (two_townships["west"], {"area_code": "990001100"})):
        facility = Facility(**{"name": "新名", "class_code": "C220", "area_code": "990001100", **change})
        if number == two_townships["west"] and not change:
            facility = Facility(name="新名", class_code="C220", area_code="990001200")
        with pytest.raises(NotAllowed), limited.writing() as session:
            facilities.save(session, facility, facility_id=number, **BY)
    with limited.writing() as session:
        facilities.save(session, Facility(name="东镇中心卫生院", class_code="C210", area_code="990001100"), facility_id=two_townships["east"], **BY)
    with store.reading() as session:
        assert {each.facility.name for each in facilities.find(session, FacilityQuery())} == {"东镇中心卫生院", "西乡卫生院", "某卫生院"}


def test_an_account_of_some_areas_changes_no_area(store, admin, two_townships):
    from geosvc.registry import areas

    limited = store.limited_to(["990001100"])
    with pytest.raises(NotAllowed), limited.writing() as session:
        areas.save(session, areas.Area(code="990001100", name="改名", level="township", parent_code="990001"), **BY)
