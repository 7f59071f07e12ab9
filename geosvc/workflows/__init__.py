"""The verbs that the API, the pages and the command line share.

=================  =============================================================
module             verbs
=================  =============================================================
``workspace``      make a workspace, open it, say what it holds
``importing``      bring files in (facilities: ``facility_imports``, with a dry run before)
``mapping``        the columns of a file: guessed, said, remembered
``staging``        uploaded files that wait: describe, preview, commit, discard
``import_records`` the imports that there were
``undoing``        take an import back
``exporting``      take the facilities out, as files that come back unchanged
``study``          put a workspace on its grid: areas, ground, people
``measuring``      answer a service: surface, coverage, gaps; the run's record
``surfaces``       facilities on the grid, and how far everybody is from them
``reading``        services and what their runs found, for pages and scripts
``features``       facilities, areas and gaps as GeoJSON, page by page
``publishing``     maps to hand over
``demo``           all of it, for the demo county
=================  =============================================================
"""
