/* Two maps of two runs, drawn by coverage.js; where one is moved the other follows. */
(function () {
  'use strict';
  var maps = ['first', 'second'].map(function (side) {
    var map = L.map('map-' + side, { minZoom: 4, maxZoom: 17, zoomSnap: 0.25, zoomDelta: 0.5 });
    map.setView([0, 0], 4);
    window.geosvcCoverage.draw(map, 'compare-' + side);
    return map;
  });
  var following = false;
  maps.forEach(function (map, i) {
    map.on('move', function () {
      if (following) { return; }
      following = true;
      maps[1 - i].setView(map.getCenter(), map.getZoom(), { animate: false });
      following = false;
    });
  });
}());
