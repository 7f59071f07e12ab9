"""``python -m geosvc`` is the command line."""

from geosvc.cli import main

main()
