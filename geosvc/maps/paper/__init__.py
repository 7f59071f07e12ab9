"""Maps on paper: one description of a sheet, drawn as PDF, picture and Word; the only place that knows their libraries."""
