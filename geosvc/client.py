"""A client of a geosvc server for scripts: tables as DataFrames, features as GeoDataFrames, refusals as :mod:`geosvc.errors`.

It knows the HTTP API and nothing of the program behind it. docs/api.md shows each question with it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypedDict, cast

import geopandas as gpd
import pandas as pd
import requests

from geosvc import errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_TRIES_WHEN_BUSY, _BUSY = 5, 503
_OPEN = ("waiting", "running")
_FAMILIES = {400: errors.InvalidParameter, 401: errors.NotSignedIn, 403: errors.NotAllowed, 404: errors.NotFound,
             409: errors.Unsolvable, 412: errors.Conflict, 413: errors.TooLarge, 428: errors.MissingPrecondition, 429: errors.TooManyAttempts}


class Service(TypedDict):
    """A service, as ``/api/services`` lists it (some of its members)."""

    id: str
    zh: str
    en: str
    unit: str
    thresholds: list[dict[str, Any]]
    computable: bool
    run: str | None
    changed_since: list[str]


class Job(TypedDict):
    """A job (some of its members); ``result.measured`` names the runs when it is done."""

    id: int
    state: str
    progress: float
    result: dict[str, Any] | None
    error: dict[str, Any] | None


class Scenario(TypedDict):
    """A scenario (some of its members)."""

    id: int
    name: str
    version: int
    changes: dict[str, Any]
    measured: list[dict[str, str]]


class WhatIf(TypedDict, total=False):
    """What a service would answer under changes; which members there are says ``parts``."""

    service: str
    unit: str
    run: str
    thresholds: dict[str, dict[str, Any]]
    areas: list[dict[str, Any]]
    curve: dict[str, Any]
    picture: dict[str, Any]


class Client:
    """One server and who asks it.

    Parameters
    ----------
    base_url : str
        Such as ``http://127.0.0.1:8000``.
    key : str, optional
        An API key; a public server answers readers without one.
    timeout_seconds : float
        How long to wait for one answer.

    Every method raises what the server refuses as the class of :mod:`geosvc.errors` that the server names, and
    ``requests.RequestException`` where no answer comes. Filters are the query parameters of the address (docs/api.md).
    """

    def __init__(self, base_url: str, key: str | None = None, *, timeout_seconds: float = 60.0) -> None:
        """Keep the address; nothing is asked yet."""
        self.base_url, self.timeout_seconds = base_url.rstrip("/"), timeout_seconds
        self.session = requests.Session()
        if key is not None:
            self.session.headers["Authorization"] = f"Bearer {key}"

    def request(self, method: str, path: str, *, params: Mapping[str, Any] | None = None, json: Any = None) -> requests.Response:
        """Return an answer that is good; a server that is busy is asked again when it says so, a few times."""
        address = path if path.startswith("http") else f"{self.base_url}/api{path}"
        if not address.startswith(f"{self.base_url}/"):
            raise errors.InvalidInput(f"{address} is not on {self.base_url}, whose key it is; give the address under which the server knows itself")
        for left in reversed(range(_TRIES_WHEN_BUSY)):
            answer = self.session.request(method, address, params=_asked(params or {}), json=json, timeout=self.timeout_seconds)
            if answer.status_code != _BUSY or "Retry-After" not in answer.headers or not left:
                break
            time.sleep(float(answer.headers["Retry-After"]))
        if not answer.ok:
            raise _refusal(answer)
        return answer

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        """Return the JSON of an address under ``/api``."""
        return cast("dict[str, Any]", self.request("GET", path, params=params).json())

    def post(self, path: str, body: Any) -> dict[str, Any]:
        """Return the JSON with which an address under ``/api`` answers a document."""
        return cast("dict[str, Any]", self.request("POST", path, json=body).json())

    def pages(self, path: str, **params: Any) -> Iterator[dict[str, Any]]:
        """Yield each page of a list, following its next links."""
        page = self.get(path, **params)
        yield page
        while following := [link["href"] for link in page["links"] if link["rel"] == "next"]:
            page = self.get(following[0])
            yield page

    def services(self) -> list[Service]:
        """Return the services with their newest runs."""
        return cast("list[Service]", self.get("/services")["services"])

    def coverage(self, service: str, **which: Any) -> pd.DataFrame:
        """Return the coverage by area, one row for each; states of people are columns ``people_…``, NaN where unknown.

        ``attrs`` hold run, threshold, unit, notes and whether data is schematic.
        """
        table = self.get(f"/services/{service}/coverage", **which)
        rows = [{**row, **{f"{name}_{key}": value for name in ("people", "km2", "share") for key, value in (row[name] or {}).items()}}
                for row in table.pop("rows")]
        frame = pd.DataFrame(rows).drop(columns=["people", "km2", "share"], errors="ignore")
        frame.attrs.update(**table)
        return frame

    def features(self, collection: str, **filters: Any) -> gpd.GeoDataFrame:
        """Return all features of ``facilities``, ``areas`` or ``gaps``, in degrees (CRS84); ``attrs`` hold run and notes."""
        pages = list(self.pages(f"/collections/{collection}/items", **{"limit": 1000, **filters}))
        found = [{**each, "properties": {"id": each["id"], **each["properties"]}} for page in pages for each in page["features"]]
        frame = gpd.GeoDataFrame.from_features(found, crs="OGC:CRS84") if found else gpd.GeoDataFrame(geometry=[], crs="OGC:CRS84")
        frame.attrs = {name: value for name, value in pages[0].items() if name not in ("features", "links", "type", "numberReturned")}
        return frame

    def gaps(self, service: str | None = None, **filters: Any) -> gpd.GeoDataFrame:
        """Return the gaps of a service, most people first."""
        return self.features("gaps", service=service, **filters)

    def surface(self, service: str, **which: Any) -> bytes:
        """Return the surface, a GeoTIFF; ``rasterio.MemoryFile(...)`` opens it. Band 1 is minutes (or km), NaN not reached."""
        return self.request("GET", f"/services/{service}/surface", params=which).content

    def sheet(self, service: str, **which: Any) -> bytes:
        """Return the map to print: ``f`` pdf or png, ``paper`` a4 or a3, ``language`` zh or en."""
        return self.request("GET", f"/services/{service}/sheet", params=which).content

    def changes(self, cursor: str | None = None) -> tuple[list[dict[str, Any]], str | None]:
        """Return what changed after a cursor, and the cursor to come back with."""
        pages = list(self.pages("/changes", cursor=cursor, limit=1000))
        return [each for page in pages for each in page["changes"]], pages[-1]["cursor"]

    def what_if(self, service: str, changes: Mapping[str, Any] | None = None, *, parts: Collection[str] = ("figures", "areas")) -> WhatIf:
        """Return what a service would answer under changes; nothing is stored."""
        return cast("WhatIf", self.post(f"/services/{service}/what-if", {"changes": changes or {}, "parts": list(parts)}))

    def explain(self, service: str, lon: float, lat: float, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return why a place (degrees) has its time: nearest facility, way, who would be next."""
        return self.post(f"/services/{service}/explain", {"lon": lon, "lat": lat, "changes": changes or {}})

    def scenarios(self) -> list[Scenario]:
        """Return the scenarios that the key may see."""
        return cast("list[Scenario]", self.get("/scenarios")["scenarios"])

    def save_scenario(self, name: str, changes: Mapping[str, Any], *, notes: str = "") -> Scenario:
        """Save changes under a name; the registry stays as it is."""
        return cast("Scenario", self.post("/scenarios", {"name": name, "notes": notes, "changes": changes}))

    def compare(self, second: int | str, first: int | str = "baseline", **which: Any) -> dict[str, Any]:
        """Return two measured scenarios side by side, area by area, with the difference."""
        return self.get("/scenarios/compare", first=first, second=second, **which)

    def measure(self, **parameters: Any) -> Job:
        """Ask for a measurement: ``service``, ``conditions``, ``datetime``, ``scenario``; returns at once."""
        return cast("Job", self.post("/jobs", {"kind": "measure", "parameters": parameters}))

    def wait(self, job: Job, *, timeout_seconds: float = 600.0) -> Job:
        """Return a job when it is done.

        Raises
        ------
        TimeoutError
            If it is still open after so long; it goes on.
        Unsolvable, and others of geosvc.errors
            If it failed or was cancelled.
        """
        until = time.monotonic() + timeout_seconds
        while job["state"] in _OPEN:
            if time.monotonic() > until:
                raise TimeoutError(f"job {job['id']} is {job['state']} ({job['progress']:.0%}) after {timeout_seconds:g} s")
            answer = self.request("GET", f"/jobs/{job['id']}")
            job = cast("Job", answer.json())
            if job["state"] in _OPEN:
                time.sleep(float(answer.headers.get("Retry-After", 1)))
        if job["state"] != "done":
            told = job["error"] or {}
            raise _class_of(told.get("title", ""), told.get("status", 409))(told.get("detail", f"job {job['id']} was {job['state']}"))
        return job


def _asked(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return query parameters as the server writes them: true and false in small letters, None not at all."""
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in params.items() if value is not None}


def _class_of(title: str, status: int) -> type[errors.GeosvcError]:
    """Return the class that a problem names, where a sentence is enough to make it; else the family of its status."""
    named = getattr(errors, title, None)
    if isinstance(named, type) and issubclass(named, errors.GeosvcError) and not issubclass(named, errors.RefusedRows | errors.WaitingRows):
        return named
    return _FAMILIES.get(status, errors.StoreError if status >= 500 else errors.InvalidInput)


def _refusal(answer: requests.Response) -> errors.GeosvcError:
    """Return what the server refused, with its sentence."""
    try:
        told = answer.json()
        detail, title = str(told["detail"]), str(told["title"])
    except (ValueError, KeyError, TypeError):  # no geosvc, or something between here and it
        detail, title = f"{answer.request.method} {answer.url} was answered with {answer.status_code} {answer.reason}", ""
    kind = _class_of(title, answer.status_code)
    if issubclass(kind, errors.Busy | errors.TooManyAttempts):
        return kind(detail, int(answer.headers.get("Retry-After", 0)))
    if issubclass(kind, errors.Conflict):
        return kind(detail, told.get("changed"))
    return kind(detail)
