"""The live what-if: what a service would answer if facilities were opened, closed or moved, while somebody drags them.

Nothing is stored. What was settled for one question is kept and edited into what the next one asks, so an
answer costs what differs; every figure is the one that :func:`geosvc.workflows.measuring.measure_service`
would store for the same changes.
"""

from geosvc.workflows.live.answering import PARTS, Live
from geosvc.workflows.live.warming import Warming

__all__ = ["PARTS", "Live", "Warming"]
