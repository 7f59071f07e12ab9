"""Health-facility registry and service-coverage planner.

Start reading at :mod:`geosvc.workflows`: every name in it is a door to one module.
"""

__version__ = "0.1.0"
