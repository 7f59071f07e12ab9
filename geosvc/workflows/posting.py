"""Sending a message to an address somewhere else: checked, signed, in bounded time, and not led elsewhere."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import secrets
import socket
import ssl
import threading
import time
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from geosvc import __version__
from geosvc.errors import InvalidParameter

SECRET_PREFIX = "whsec_"  # noqa: S105  not a secret, but what one begins with
SECONDS = 10.0
_LONGEST = 2000
_PORTS = {"http": 80, "https": 443}


def new_secret() -> str:
    """Return a secret that nobody can guess (256 bits), written as Standard Webhooks do."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of ``Webhook-Signature``: HMAC-SHA256 of id, second and body."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return "v1," + base64.b64encode(hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()).decode()


def check_address(address: str, *, private: bool) -> None:
    """Refuse an address to which nothing may be sent; a name that nobody knows yet is looked up again when sending.

    Raises
    ------
    InvalidParameter
    """
    _scheme, host, port, _path = _parts(address)
    try:
        _resolved(host, port, private=private)
    except socket.gaierror:
        return


def post(address: str, secret: str, message_id: str, body: bytes, *, private: bool, seconds: float = SECONDS) -> None:
    """Send a signed message; nothing of the answer is read but its head, and redirects are not followed.

    Raises
    ------
    InvalidParameter
        If nothing may be sent there.
    OSError
        If it did not arrive, or the answer is not 2xx.
    """
    scheme, host, port, path = _parts(address)
    moment = int(time.time())
    headers = {
        "Content-Type": "application/json", "User-Agent": f"geosvc/{__version__}", "Connection": "close", "Webhook-Id": message_id,
        "Webhook-Timestamp": str(moment), "Webhook-Signature": signature(secret, message_id, moment, body),
    }
    family, place = _resolved(host, port, private=private)
    connection = HTTPConnection(host, port, timeout=seconds)
    plain = socket.socket(family, socket.SOCK_STREAM)
    # Each wait has its own limit; who sends a letter now and then is cut off by this one.
    timer = threading.Timer(seconds, _cut, [plain])
    timer.daemon = True
    timer.start()
    try:
        plain.settimeout(seconds)
        plain.connect(place)  # the very address that was checked: the name is not asked again
        connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host) if scheme == "https" else plain
        timer.cancel()
        timer = threading.Timer(seconds, _cut, [connection.sock])
        timer.daemon = True
        timer.start()
        connection.request("POST", path, body=body, headers=headers)
        status = connection.getresponse().status
    except HTTPException as error:
        raise OSError(f"the answer is not HTTP ({type(error).__name__})") from error
    finally:
        timer.cancel()
        connection.close()
        plain.close()
    if not 200 <= status < 300:
        raise OSError(f"HTTP {status}" + ("; redirects are not followed: register the address it leads to" if 300 <= status < 400 else ""))


def _cut(connected: socket.socket) -> None:
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        connected.close()


def _parts(address: str) -> tuple[str, str, int, str]:
    """Return (scheme, host, port, path with query)."""
    wrong = InvalidParameter(
        f"an address is expected such as https://example.gov.cn/changes, without a name, a password or a #part, got {address[:_LONGEST]!r}")
    try:
        told = urlsplit(address)
        scheme, host, port = told.scheme, told.hostname, told.port
        if host:
            host = host.encode("idna").decode() if not host.isascii() else host
    except ValueError:
        raise wrong from None
    if len(address) > _LONGEST or not address.isascii() or any(each <= " " or each in "\\\x7f" for each in address):
        raise wrong
    if scheme not in _PORTS or not host or "@" in told.netloc or told.fragment or port == 0:
        raise wrong
    return scheme, host, port or _PORTS[scheme], (told.path or "/") + (f"?{told.query}" if told.query else "")


def _resolved(host: str, port: int, *, private: bool) -> tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]:
    """Return where to connect; every address that a name stands for must be allowed."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise InvalidParameter(f"{host!r} is no name of a computer") from None
    for *_others, place in found:
        _check_ip(str(place[0]), host, private=private)
    return found[0][0], found[0][4]  # type: ignore[return-value]  # the stubs know of machines without IPv6


def _check_ip(text: str, host: str, *, private: bool) -> None:
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or ip
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        raise InvalidParameter(f"nothing is sent to {host} ({ip}): it is no address of a single server")
    if not ip.is_global and not private:
        raise InvalidParameter(
            f"{host} ({ip}) lies in a private network or on this machine, to which nothing is sent; "
            "where that is wanted (an intranet), start the server with GEOSVC_WEBHOOK_PRIVATE=true")
