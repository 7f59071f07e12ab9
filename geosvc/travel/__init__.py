"""Ground and sources in, travel times out: arrays only, no files, no coordinates.

Compiled kernels are loaded by the first solve, not by this import.
"""

from geosvc.travel.bounded import BoundedFields, bounded_fields
from geosvc.travel.chain import Chain, chain
from geosvc.travel.explaining import Leg
from geosvc.travel.graph import GraphField, solve_graph
from geosvc.travel.hybrid import HybridField, solve_hybrid
from geosvc.travel.network import Network, build_network
from geosvc.travel.raster import Field, solve
from geosvc.travel.second import second_nearest
from geosvc.travel.snapping import snap_sources
from geosvc.travel.times import Times

__all__ = [
    "BoundedFields", "Chain", "Field", "GraphField", "HybridField", "Leg", "Network", "Times", "bounded_fields",
    "build_network", "chain", "second_nearest", "snap_sources", "solve", "solve_graph", "solve_hybrid",
]
