"""The verbs that the API, the pages and the command line share.

=================  =============================================================
module             verbs
=================  =============================================================
``workspace``      make a workspace, open it, say what it holds
``importing``      bring files in
``study``          put a workspace on its grid: areas, ground, people
``measuring``      answer a service: surface, coverage, gaps; the run's record
``reading``        what runs found, for pages and scripts
``publishing``     maps to hand over
``demo``           all of it, for the demo county
=================  =============================================================
"""
