"""Ask the demo county again what ``geosvc/api/examples.json`` shows, and write what it answers now.

``python docs/make_api_examples.py`` after an answer of the API has changed on purpose. An entry says what is asked
(``parameters`` of the address, ``query``, ``body``) and what came (``answer``), lists cut short. ``@run`` stands for the
newest run of the service ``hospital-drive``.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi.testclient import TestClient

from geosvc.application import create_app
from geosvc.settings import Settings
from geosvc.workflows import people
from geosvc.workflows.demo import run_demo
from geosvc.workflows.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLES = Path(__file__).resolve().parents[1] / "geosvc" / "api" / "examples.json"
_BASE = "http://127.0.0.1:8000"
_MOST_ENTRIES, _MOST_NUMBERS, _LONGEST_TEXT = 1, 6, 200


def shortened(value: Any) -> Any:
    """Return JSON with one entry of a list (of numbers six), rings of four corners, no long text."""
    if isinstance(value, dict):
        return {name: shortened(each) for name, each in value.items()}
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_TEXT else value[:_LONGEST_TEXT] + "…"
    if not isinstance(value, list):
        return value
    if value and all(_is_position(each) for each in value):
        return [*value[:4], value[0]] if len(value) > 5 and value[0] == value[-1] else value[:5]
    return value[:_MOST_NUMBERS] if all(isinstance(each, int | float) for each in value) else [shortened(each) for each in value[:_MOST_ENTRIES]]


def _is_position(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(each, float) for each in value)


def asked_again(client: Any, headers: Mapping[str, str], entry: str, example: Mapping[str, Any]) -> Any:
    """Return what a server answers now to what an example asks, cut short."""
    method, path = entry.split()
    run = client.get("/api/services/hospital-drive").json()["run"]
    for name, value in example.get("parameters", {}).items():
        path = path.replace(f"{{{name}}}", value.replace("@run", run))
    answer = client.request(method.upper(), path, params=example.get("query"), json=example.get("body"), headers=headers)
    if answer.status_code >= 300:
        raise SystemExit(f"{entry} was answered with {answer.status_code}: {answer.text}")
    return json.loads(json.dumps(shortened(answer.json())).replace(str(client.base_url).rstrip("/"), _BASE))


def main() -> None:
    """Write the file anew."""
    examples = json.loads(EXAMPLES.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(workspace=Path(folder) / "workspace", public_read=True)
        run_demo(settings, Path(folder) / "maps", progress=lambda _share, _text: None)
        store = open_workspace(settings)
        by = {"author": "local", "origin": "local"}
        account, _link = people.create_account(store, "wang", role="analyst", areas=None, **by)
        headers = {"Authorization": f"Bearer {people.make_key(store, account.id, 'examples', days=1, **by)}"}
        store.close()
        with TestClient(create_app(settings)) as client:
            for entry, example in examples.items():
                example["answer"] = asked_again(client, headers, entry, example)
    EXAMPLES.write_text(json.dumps(examples, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
