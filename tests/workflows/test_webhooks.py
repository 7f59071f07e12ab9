"""Addresses that are told of changes: signed, in order, nothing lost; only where it may go; by administrators only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from fastapi.testclient import TestClient
from people import BY, GOOD_PASSWORD, headers_of

from geosvc.application import create_app
from geosvc.errors import InvalidParameter, NotFound
from geosvc.registry import audit, facilities
from geosvc.registry.facilities import Facility
from geosvc.settings import Settings
from geosvc.workflows import people, webhooks
from geosvc.workflows.history import changes_since
from geosvc.workflows.posting import check_address
from geosvc.workflows.webhooks import Sender


class Receiver:
    """A server on this machine that keeps what it gets and answers as told."""

    def __init__(self) -> None:
        self.got, self.answers, self.location = [], [], None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = outer.answers.pop(0) if outer.answers else 204
                outer.got.append((status, self.path, dict(self.headers), body))
                self.send_response(status)
                if outer.location:
                    self.send_header("Location", outer.location)
                self.end_headers()

            def log_message(self, *_told):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/hook?x=1"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def lines(self, *, good: bool = True) -> list[int]:
        return [line["line"] for status, _path, _headers, body in self.got if (status < 300) == good for line in json.loads(body)["data"].get("changes", [])]


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def register(store, count: int) -> None:
    with store.writing() as session:
        for number in range(count):
            facilities.save(session, Facility(name=f"所{number}", class_code="D600"), facility_id=None, **BY)


def until(done, seconds: float = 8.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def told(store) -> bool:
    return all(each.lag == 0 for each in webhooks.list_webhooks(store))


def sender(store) -> Sender:
    made = Sender(lambda: store, private=True, every_seconds=0.05, first_wait_seconds=0.05)
    made.start_if_needed()
    return made


def add(store, receiver) -> str:
    return webhooks.add_webhook(store, receiver.address, private=True, **BY)[1]


def test_every_change_comes_once_in_order_and_signed(store, receiver):
    """1203 changes come in their order in messages of at most 500; each signature is that of the secret; earlier changes do not come."""
    register(store, 3)
    secret = add(store, receiver)
    register(store, 1203)
    running = sender(store)
    until(lambda: told(store))
    running.stop()
    begun = [each["line"] for each in changes_since(store, "0", limit=5000)[0] if each["subject"].startswith("facility:")]
    assert receiver.lines() == begun[3:]
    assert len(receiver.got) == 3
    for _status, path, headers, body in receiver.got:
        signed = f"{headers['Webhook-Id']}.{headers['Webhook-Timestamp']}.".encode() + body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        assert headers["Webhook-Signature"] == "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert path == "/hook?x=1"
        assert abs(time.time() - int(headers["Webhook-Timestamp"])) < 60
        assert len(json.loads(body)["data"]["changes"]) <= 500
    with store.reading() as session:
        assert audit.verify(session).holds
    assert "whsec" not in "".join(map(str, webhooks.list_webhooks(store)))


def test_a_failing_receiver_and_a_restart_lose_nothing(store, receiver):
    """While answers are bad the cursor stays and the error is shown; another server goes on where the first stopped."""
    add(store, receiver)
    receiver.answers = [500, 503] + [404] * 1000
    register(store, 5)
    first = sender(store)
    until(lambda: len(receiver.got) >= 3)
    first.stop()
    (seen,) = webhooks.list_webhooks(store)
    assert seen.lag >= 5
    assert "HTTP" in seen.error
    assert receiver.lines() == []
    receiver.answers = []
    second = sender(store)
    until(lambda: told(store))
    second.stop()
    assert len(receiver.lines()) == len(set(receiver.lines())) == 5
    assert webhooks.list_webhooks(store)[0].error is None


def test_redirects_are_not_followed(store, receiver):
    """A receiver cannot send the server elsewhere."""
    number = webhooks.add_webhook(store, receiver.address, private=True, **BY)[0]
    receiver.answers, receiver.location = [307], receiver.address + "&again"
    assert "HTTP 307" in webhooks.try_webhook(store, number, private=True)
    assert len(receiver.got) == 1


def test_a_paused_or_removed_address_is_told_nothing(store, receiver):
    """Paused: nothing until it goes on, then all of it; removed: nothing."""
    number = webhooks.add_webhook(store, receiver.address, private=True, **BY)[0]
    webhooks.pause_webhook(store, number, paused=True, **BY)
    register(store, 2)
    running = sender(store)
    time.sleep(0.3)
    assert receiver.got == []
    webhooks.pause_webhook(store, number, paused=False, **BY)
    until(lambda: len(receiver.lines()) == 2)
    webhooks.remove_webhook(store, number, **BY)
    register(store, 1)
    time.sleep(0.3)
    running.stop()
    assert len(receiver.lines()) == 2
    with pytest.raises(NotFound):
        webhooks.remove_webhook(store, number, **BY)
    with store.reading() as session:
        assert audit.verify(session).holds


@pytest.mark.parametrize("address", ["ftp://1.1.1.1/", "1.1.1.1", "http://", "http://u:p@1.1.1.1/", "http://1.1.1.1/#x", "http://1.1.1.1:99999/",
                                     "http://1.1.1.1/a b", "http://1.1.1.1/\r\nX: y", "http://169.254.1.1/", "http://0.0.0.0/", "http://[fe80::1]/"])
def test_addresses_that_are_never_good(address):
    """Not http, with a password, link-local: refused, whatever the setting."""
    with pytest.raises(InvalidParameter):
        check_address(address, private=True)


@pytest.mark.parametrize("address", ["http://127.0.0.1/", "http://[::1]/", "http://localhost/", "http://10.1.2.3/", "http://192.168.0.9:81/", "http://[::ffff:10.0.0.1]/", "http://2130706433/"])
def test_private_addresses_need_the_setting(store, address):
    """Intranet and this machine only where the setting says so, also at the time of sending."""
    with pytest.raises(InvalidParameter, match="GEOSVC_WEBHOOK_PRIVATE"):
        check_address(address, private=False)
    number = webhooks.add_webhook(store, address, private=True, **BY)[0]
    assert "GEOSVC_WEBHOOK_PRIVATE" in webhooks.try_webhook(store, number, private=False)


def test_a_public_address_is_good():
    """An address of the open network needs no setting."""
    check_address("https://1.1.1.1/hook", private=False)


def test_the_page_is_for_administrators_and_shows_the_secret_once(settings, store, receiver):
    """Others are refused; a form without its token too; the server tells of a change by itself."""
    with TestClient(create_app(Settings(workspace=settings.workspace, webhook_private=True)), follow_redirects=False) as client:
        admin, editor = headers_of(store, "admin"), headers_of(store, "editor")
        assert client.get("/webhooks").status_code == 401
        assert client.get("/webhooks", headers=editor).status_code == 403
        assert client.post("/webhooks", headers=editor, data={"address": receiver.address}).status_code == 403
        assert client.post("/webhooks", headers=admin, data={"address": "http://u:p@1.1.1.1/"}).status_code == 422
        made = client.post("/webhooks", headers=admin, data={"address": receiver.address})
        assert made.status_code == 200 and made.headers["cache-control"] == "no-store"
        (secret,) = re.findall(r"whsec_[\w+/=]+", made.text)
        shown = client.get("/webhooks", headers=admin).text
        assert receiver.address.split("?")[0] in shown and secret not in shown
        register(store, 1)
        until(lambda: len(receiver.lines()) == 1)
        assert "测试消息已送达" in client.post("/webhooks/1", headers=admin, data={"what": "test"}).text
        assert client.post("/webhooks/1", headers=admin, data={"what": "remove"}).status_code == 303
        assert webhooks.list_webhooks(store) == []
        account, link = people.create_account(store, "boss", role="admin", areas=None, **BY)
        client.post(f"/welcome/{link}", data={"password": GOOD_PASSWORD, "again": GOOD_PASSWORD})
        client.post("/sign-in", data={"name": "boss", "password": GOOD_PASSWORD})
        assert client.get("/webhooks").status_code == 200
        assert client.post("/webhooks", data={"address": receiver.address}).status_code == 403
        assert webhooks.list_webhooks(store) == []
