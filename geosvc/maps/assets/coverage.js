/* Draws one run on a Leaflet map that Folium made. ES2018, no other library.
   Everything that comes from a registry is set with textContent: a name never becomes markup. */
(function () {
  'use strict';

  var NEAR = ['#0b4f6c', '#2f7f9e', '#6fb0c4', '#b5d8e0'];
  var FAR = ['#fdf3dc', '#fae0b3', '#f3c585', '#e5a45c'];
  var POLICY = [1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240];
  var UNREACHABLE = '#8d8496';
  var NO_DATA = '#e3e7e9';
  var GROUPS = {
    hospital: '#b3203a', township: '#1f6f4a', community: '#1f6f4a', village: '#5b8c2a', clinic: '#4f7f86',
    maternal: '#a0458f', emergency: '#c4520a', blood: '#8e1b1b', fitness: '#2f5fb3', pharmacy: '#7a7a2e',
    public_health: '#4d5f9e', care: '#7c5c3e', other: '#5f6b73'
  };

  function element(tag, className, text) {
    var made = document.createElement(tag);
    if (className) { made.className = className; }
    if (text !== undefined && text !== null) { made.textContent = String(text); }
    return made;
  }

  function number(value, digits) {
    return Number(value).toLocaleString('en-US', { maximumFractionDigits: digits || 0, minimumFractionDigits: 0 });
  }

  function rgb(colour) {
    var whole = parseInt(colour.slice(1), 16);
    return [(whole >> 16) & 255, (whole >> 8) & 255, whole & 255];
  }

  /* The bands of the legend break at the values of policies and split at the limit, which is covered. */
  function bandsFor(limit) {
    var below = POLICY.filter(function (value) { return value < limit; }).slice(1 - NEAR.length).concat([limit]);
    var above = POLICY.filter(function (value) { return value > limit; }).slice(0, FAR.length - 1).concat([Infinity]);
    var bands = [];
    var low = 0;
    below.forEach(function (high, i) {
      bands.push({ low: low, high: high, colour: NEAR[NEAR.length - below.length + i], covered: true });
      low = high;
    });
    above.forEach(function (high, i) {
      bands.push({ low: low, high: high, colour: FAR[FAR.length - above.length + i], covered: false });
      low = high;
    });
    return bands;
  }

  var CanvasOverlay = L.ImageOverlay.extend({
    _initImage: function () {
      var canvas = this._image = this._url;
      L.DomUtil.addClass(canvas, 'leaflet-image-layer gm-surface');
      if (this._zoomAnimated) { L.DomUtil.addClass(canvas, 'leaflet-zoom-animated'); }
      canvas.onselectstart = L.Util.falseFn;
      canvas.onmousemove = L.Util.falseFn;
    }
  });

  function Surface(data, image) {
    var canvas = document.createElement('canvas');
    canvas.width = data.width;
    canvas.height = data.height;
    var context = canvas.getContext('2d', { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    var pixels = context.getImageData(0, 0, data.width, data.height);
    var numbers = new Uint8Array(data.width * data.height);
    for (var i = 0; i < numbers.length; i += 1) { numbers[i] = pixels.data[4 * i]; }
    this.data = data;
    this.canvas = canvas;
    this.numbers = numbers;
    this.context = context;
    this.pixels = pixels;
  }

  Surface.prototype.paint = function (limit) {
    var data = this.data;
    var bands = bandsFor(limit);
    var table = new Uint8ClampedArray(256 * 4);
    for (var n = 0; n < 256; n += 1) {
      var value = n * data.step;
      var colour = null;
      if (n === data.no_data) { colour = NO_DATA; }
      else if (n === data.unreachable) { colour = UNREACHABLE; }
      else if (n <= data.farther) {
        for (var b = 0; b < bands.length && !colour; b += 1) {
          if (value <= bands[b].high + 1e-9 && n < data.farther) { colour = bands[b].colour; }
        }
        colour = colour || FAR[FAR.length - 1];
      }
      if (colour) { table.set(rgb(colour).concat(n === data.no_data ? 130 : 240), 4 * n); }
    }
    var out = this.pixels.data;
    for (var i = 0; i < this.numbers.length; i += 1) {
      var at = 4 * this.numbers[i];
      out[4 * i] = table[at];
      out[4 * i + 1] = table[at + 1];
      out[4 * i + 2] = table[at + 2];
      out[4 * i + 3] = table[at + 3];
    }
    this.context.putImageData(this.pixels, 0, 0);
  };

  /* The number of the pixel under a point; null outside the picture. */
  Surface.prototype.at = function (latlng) {
    var b = this.data.bounds;
    var low = L.CRS.EPSG3857.project(L.latLng(b[1], b[0]));
    var high = L.CRS.EPSG3857.project(L.latLng(b[3], b[2]));
    var point = L.CRS.EPSG3857.project(latlng);
    var col = Math.floor((point.x - low.x) / (high.x - low.x) * this.data.width);
    var row = Math.floor((high.y - point.y) / (high.y - low.y) * this.data.height);
    if (col < 0 || row < 0 || col >= this.data.width || row >= this.data.height) { return null; }
    return this.numbers[row * this.data.width + col];
  };

  /* One SVG pattern serves every gap and the legend. */
  function hatchDefinition() {
    var ns = 'http://www.w3.org/2000/svg';
    var svg = document.createElementNS(ns, 'svg');
    svg.setAttribute('width', '0');
    svg.setAttribute('height', '0');
    svg.setAttribute('aria-hidden', 'true');
    svg.style.position = 'absolute';
    var pattern = document.createElementNS(ns, 'pattern');
    pattern.setAttribute('id', 'gm-hatch');
    pattern.setAttribute('width', '7');
    pattern.setAttribute('height', '7');
    pattern.setAttribute('patternUnits', 'userSpaceOnUse');
    pattern.setAttribute('patternTransform', 'rotate(45)');
    var bar = document.createElementNS(ns, 'rect');
    bar.setAttribute('width', '1.1');
    bar.setAttribute('height', '7');
    bar.setAttribute('fill', '#8a2d5c');
    pattern.appendChild(bar);
    var defs = document.createElementNS(ns, 'defs');
    defs.appendChild(pattern);
    svg.appendChild(defs);
    document.body.appendChild(svg);
  }

  function hatchSwatch() {
    var ns = 'http://www.w3.org/2000/svg';
    var holder = element('span', 'gm-swatch');
    var svg = document.createElementNS(ns, 'svg');
    svg.setAttribute('width', '20');
    svg.setAttribute('height', '12');
    var box = document.createElementNS(ns, 'rect');
    box.setAttribute('width', '20');
    box.setAttribute('height', '12');
    box.setAttribute('fill', 'url(#gm-hatch)');
    svg.appendChild(box);
    holder.appendChild(svg);
    return holder;
  }

  function legendRow(swatch, text, count) {
    var row = element('div', 'gm-row');
    row.appendChild(swatch);
    row.appendChild(element('span', '', text));
    if (count !== undefined && count !== null) { row.appendChild(element('span', 'gm-count', count)); }
    return row;
  }

  function colourSwatch(colour) {
    var swatch = element('span', 'gm-swatch');
    swatch.style.background = colour;
    return swatch;
  }

  function dot(colour, hollow) {
    var made = element('span', 'gm-dot' + (hollow ? ' gm-hollow' : ''));
    made.style.background = colour;
    return made;
  }

  function control(map, position, node) {
    var made = L.control({ position: position });
    made.onAdd = function () {
      L.DomEvent.disableClickPropagation(node);
      L.DomEvent.disableScrollPropagation(node);
      return node;
    };
    made.addTo(map);
    return made;
  }

  function legend(doc) {
    var words = doc.words;
    var card = element('section', 'gm-card gm-legend');
    card.setAttribute('aria-label', words.legend);
    card.id = 'gm-legend';
    card.appendChild(element('h3', '', words.surface + words.open_bracket + words.unit + words.close_bracket));
    bandsFor(doc.threshold.value).forEach(function (band) {
      var low = number(band.low, 2);
      var text = band.high === Infinity ? '> ' + low : (band.low === 0 ? '≤ ' : low + '–') + number(band.high, 2);
      card.appendChild(legendRow(colourSwatch(band.colour), text, null));
    });
    var people = doc.people;
    var count = function (state) { return people ? number(people[state]) + ' ' + words.people : words.unknown; };
    card.appendChild(element('h3', '', words.states));
    card.appendChild(legendRow(hatchSwatch(), words.gap, number(doc.gap_count)));
    card.appendChild(legendRow(colourSwatch(UNREACHABLE), words.unreachable, count('unreachable')));
    card.appendChild(legendRow(colourSwatch(NO_DATA), words.no_data, count('no_data')));
    card.appendChild(element('h3', '', words.facilities));
    var groups = {};
    doc.facilities.group.forEach(function (group, i) {
      var key = group + (doc.facilities.illustrative[i] ? '*' : '');
      groups[key] = (groups[key] || 0) + 1;
    });
    Object.keys(groups).sort().forEach(function (key) {
      var group = key.replace('*', '');
      var label = (words['group_' + group] || group) + (key.endsWith('*') ? words.illustrative_mark : '');
      card.appendChild(legendRow(dot(GROUPS[group] || GROUPS.other), label, number(groups[key])));
    });
    card.appendChild(legendRow(dot('#ffffff', true), words.to_be_located, number(doc.to_be_located)));
    return card;
  }

  function titleBlock(doc) {
    var words = doc.words;
    var card = element('section', 'gm-card gm-title');
    card.id = 'gm-title';
    card.appendChild(element('h2', '', doc.title));
    card.appendChild(element('p', '', doc.subtitle));
    var list = element('dl', 'gm-kpis');
    doc.kpis.forEach(function (kpi) {
      list.appendChild(element('dt', '', kpi.label));
      list.appendChild(element('dd', '', kpi.text));
    });
    card.appendChild(list);
    if (doc.flags.length) {
      var flags = element('details', 'gm-flag');
      flags.appendChild(element('summary', '', doc.flag_title));
      var items = element('ul', '');
      doc.flags.forEach(function (text) { items.appendChild(element('li', '', text)); });
      flags.appendChild(items);
      card.appendChild(flags);
    }
    card.appendChild(element('p', '', words.run + ' ' + doc.run + ' · ' + doc.dated));
    card.appendChild(element('p', '', doc.crs));
    card.appendChild(element('p', '', words.review_number + (doc.review_number || words.internal)));
    return card;
  }

  function facilityLayer(doc, map) {
    var data = doc.facilities;
    var places = {};
    data.id.forEach(function (id, i) {
      var key = data.lon[i] + ',' + data.lat[i];
      (places[key] = places[key] || []).push(i);
    });
    var layer = L.layerGroup();
    Object.keys(places).forEach(function (key) {
      var members = places[key];
      var first = members[0];
      var marker = L.circleMarker([data.lat[first], data.lon[first]], {
        radius: members.length > 1 ? 9 : 7, weight: 2, color: '#ffffff', fillOpacity: 1, opacity: 1,
        fillColor: GROUPS[data.group[first]] || GROUPS.other, pane: 'facilities'
      });
      marker.bindTooltip(function () { return tooltip(doc, members); }, { direction: 'top', className: 'gm-tip' });
      marker.bindPopup(function () { return popup(doc, members); }, { maxWidth: 320 });
      layer.addLayer(marker);
      if (members.length > 1) {
        var icon = element('span', '', members.length);
        layer.addLayer(L.marker([data.lat[first], data.lon[first]], {
          interactive: false, keyboard: false, pane: 'counts',
          icon: L.divIcon({ className: 'gm-stack', html: icon, iconSize: [18, 18] })
        }));
      }
    });
    layer.addTo(map);
    return layer;
  }

  function tooltip(doc, members) {
    var node = element('div', '');
    members.slice(0, 6).forEach(function (i) { node.appendChild(element('div', '', doc.facilities.name[i])); });
    if (members.length > 6) { node.appendChild(element('div', '', '+' + (members.length - 6))); }
    return node;
  }

  function popup(doc, members) {
    var data = doc.facilities;
    var node = element('div', 'gm-popup');
    members.forEach(function (i) {
      node.appendChild(element('b', '', data.name[i]));
      node.appendChild(element('div', '', data['class'][i] + (data.illustrative[i] ? doc.words.illustrative_mark : '')));
      node.appendChild(element('div', '', data.method[i]));
    });
    return node;
  }

  function gapLayer(doc, map) {
    var layer = L.geoJSON(doc.gaps, {
      renderer: L.svg({ pane: 'gaps', padding: 0.5 }), pane: 'gaps',
      style: { color: '#8a2d5c', weight: 1, fillColor: 'url(#gm-hatch)', fillOpacity: 1, className: 'gm-gap' },
      onEachFeature: function (feature, part) {
        part.bindPopup(function () { return gapPopup(doc, feature.properties); }, { maxWidth: 320 });
      }
    });
    layer.addTo(map);
    return layer;
  }

  function gapPopup(doc, gap) {
    var words = doc.words;
    var node = element('div', 'gm-popup');
    node.appendChild(element('b', '', words.gap + ' ' + gap.rank + (gap.area_name ? ' · ' + gap.area_name : '')));
    var people = gap.people === null ? words.unknown : number(gap.people) + ' ' + words.people;
    node.appendChild(element('div', '', words.people_label + words.colon + people));
    node.appendChild(element('div', '', words.area_label + words.colon + number(gap.km2, 1) + ' km²'));
    if (gap.worst !== null) {
      node.appendChild(element('div', '', words.worst + words.colon + number(Math.ceil(gap.worst)) + ' ' + words.unit));
    }
    if (gap.settlements.length) {
      node.appendChild(element('div', '', words.settlements + words.colon));
      var list = element('ul', '');
      gap.settlements.forEach(function (each) {
        list.appendChild(element('li', '', each.name + ' ' + number(each.people)));
      });
      node.appendChild(list);
    }
    return node;
  }

  function readout(doc, map, surface) {
    var card = element('div', 'gm-card gm-readout', doc.words.hover);
    card.setAttribute('role', 'status');
    control(map, 'bottomright', card);
    map.on('mousemove', function (event) {
      var n = surface.at(event.latlng);
      card.textContent = '';
      if (n === null || n === surface.data.outside) { card.textContent = doc.words.hover; return; }
      if (n === surface.data.no_data) { card.textContent = doc.words.no_data; return; }
      if (n === surface.data.unreachable) { card.textContent = doc.words.unreachable; return; }
      var value = Math.ceil(n * surface.data.step - 1e-9);
      card.appendChild(element('b', '', (n >= surface.data.farther ? '> ' : '≤ ') + number(value)));
      card.appendChild(element('span', '', ' ' + doc.words.unit));
    });
  }

  function pane(map, name, order) {
    map.createPane(name).style.zIndex = order;
  }

  /* Show the whole study; where there is room, between the cards and not below them. */
  function fit(map, b, title, key) {
    var width = map.getSize().x;
    var left = title ? title.offsetWidth + 20 : 12;
    var right = key.offsetWidth + 20;
    var room = width - left - right > width * 0.45;
    map.fitBounds([[b[1], b[0]], [b[3], b[2]]], {
      paddingTopLeft: [room ? left : 12, 12], paddingBottomRight: [room ? right : 12, 28]
    });
  }

  function draw(map, id) {
    var doc = JSON.parse(document.getElementById(id).textContent);
    ['surface', 'roads', 'gaps', 'boundary', 'facilities', 'counts'].forEach(function (name, i) { pane(map, name, 350 + 20 * i); });
    map.getPane('counts').style.pointerEvents = 'none';
    map.attributionControl.setPrefix(false);
    map.attributionControl.addAttribution(element('span', '', doc.attribution).innerHTML);
    map.zoomControl.setPosition('topright');
    L.control.scale({ imperial: false, position: 'bottomleft' }).addTo(map);
    control(map, 'topright', element('div', 'gm-north', '北 N ▲')).getContainer().textContent = doc.words.north;
    hatchDefinition();
    if (doc.boundary) {
      L.geoJSON(doc.boundary, { pane: 'boundary', interactive: false, style: { color: '#16242e', weight: 1.6, fill: false } }).addTo(map);
    }
    if (doc.roads) {
      L.geoJSON(doc.roads, { pane: 'roads', interactive: false, style: function (feature) {
        return { color: '#3c4a52', opacity: 0.5, weight: feature.properties.rank > 1 ? 1.5 : 0.6 };
      } }).addTo(map);
    }
    gapLayer(doc, map);
    facilityLayer(doc, map);
    var title = doc.title_block ? titleBlock(doc) : null;
    if (title) { control(map, 'topleft', title); }
    var key = legend(doc);
    control(map, 'bottomright', key);
    fit(map, doc.bounds, title, key);
    var image = new Image();
    image.onload = function () {
      var surface = new Surface(doc.picture, image);
      surface.paint(doc.threshold.value);
      var b = doc.picture.bounds;
      new CanvasOverlay(surface.canvas, [[b[1], b[0]], [b[3], b[2]]], { pane: 'surface' }).addTo(map);
      readout(doc, map, surface);
      document.documentElement.setAttribute('data-map', 'ready');
    };
    image.onerror = function () { document.documentElement.setAttribute('data-map', 'failed'); };
    image.src = doc.picture.source;
  }

  window.geosvcCoverage = { draw: draw };
}());
