"""Ground and sources in, travel times out: arrays only, no files, no coordinates.

Compiled kernels are loaded by the first solve, not by this import.
"""

from geosvc.travel.raster import Field, solve
from geosvc.travel.snapping import snap_sources

__all__ = ["Field", "snap_sources", "solve"]
