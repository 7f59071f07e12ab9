"""Ground and sources in, travel times out: arrays only, no files, no coordinates.

Compiled kernels are loaded by the first solve, not by this import.
"""

from geosvc.travel.explaining import Leg
from geosvc.travel.hybrid import HybridField, solve_hybrid
from geosvc.travel.network import Network, build_network
from geosvc.travel.raster import Field, solve
from geosvc.travel.snapping import snap_sources

__all__ = ["Field", "HybridField", "Leg", "Network", "build_network", "snap_sources", "solve", "solve_hybrid"]
