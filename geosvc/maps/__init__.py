"""Maps that work without internet; the only place that knows Folium and (lat, lon) order."""
