"""From a surface to answers: who is covered, who is not, where the gaps are.

The names an analyst needs; the modules say more.
"""

from geosvc.coverage.gaps import Gap, find_gaps
from geosvc.coverage.measure import CoverageFigures, measure
from geosvc.coverage.people import People, people_from_counts, people_from_points, weights_by_cell
from geosvc.coverage.services import Service, Threshold, read_services, service_from, shipped_services
from geosvc.coverage.shapes import Catchment, Isochrone, catchments, isochrones
from geosvc.coverage.states import CoverageState, states_of
from geosvc.coverage.straight_line import straight_line_surface
from geosvc.coverage.tree import AreaTree
from geosvc.geo.grid import Grid, Surface

__all__ = [
    "AreaTree", "Catchment", "CoverageFigures", "CoverageState", "Gap", "Grid", "Isochrone", "People", "Service",
    "Surface", "Threshold", "catchments", "find_gaps", "isochrones", "measure", "people_from_counts",
    "people_from_points", "read_services", "service_from", "shipped_services", "states_of", "straight_line_surface",
    "weights_by_cell",
]
