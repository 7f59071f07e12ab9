/* Draws one run on a Leaflet map that Folium made. ES2018, no other library.
   Everything that comes from a registry is set with textContent: a name never becomes markup. */
(function () {
  'use strict';

  var NEAR = ['#0b4f6c', '#2f7f9e', '#6fb0c4', '#b5d8e0'];
  var FAR = ['#fdf3dc', '#fae0b3', '#f3c585', '#e5a45c'];
  var POLICY = [1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240];
  var UNREACHABLE = '#8d8496';
  var NO_DATA = '#e3e7e9';
  var EVERY_LIMIT = '#f6ecd6';
  var MOST_NAMES = 80;
  var VILLAGES_FROM_M = 80; // a pixel
  var HAN = /[\u3400-\u9fff]/;
  var speaks = 'zh';
  var GROUPS = {
    hospital: '#b3203a', township: '#1f6f4a', community: '#1f6f4a', village: '#5b8c2a', clinic: '#4f7f86',
    maternal: '#a0458f', emergency: '#c4520a', blood: '#8e1b1b', fitness: '#2f5fb3', pharmacy: '#7a7a2e',
    public_health: '#4d5f9e', care: '#7c5c3e', other: '#5f6b73'
  };

  function element(tag, className, text) {
    var made = document.createElement(tag);
    if (className) { made.className = className; }
    if (text !== undefined && text !== null) {
      made.textContent = String(text);
      // Names and sources keep their language: a screen reader must not spell Chinese as English.
      if (speaks !== 'zh' && HAN.test(made.textContent)) { made.lang = 'zh'; }
    }
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

  /* Where the limits are for different people no colour may judge: one hue, breaks at every limit. */
  function bandsBeside(limits) {
    var low = 0;
    var bands = limits.map(function (high, i) {
      var band = { low: low, high: high, colour: NEAR[Math.min(i, NEAR.length - 1)] };
      low = high;
      return band;
    });
    return bands.concat([{ low: low, high: Infinity, colour: EVERY_LIMIT }]);
  }

  function bandsOf(doc) {
    return doc.threshold.value === null ? bandsBeside(doc.limits) : bandsFor(doc.threshold.value);
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
    this.data = data;
    this.canvas = canvas;
    this.context = canvas.getContext('2d');
    this.pixels = this.context.createImageData(data.width, data.height);
    this.words = new Uint32Array(this.pixels.data.buffer);
    this.numbers = numbersOf(image, data.width, data.height);
  }

  /* The numbers of a picture: an 8-bit PNG, of which the browser makes four equal bytes a pixel. */
  function numbersOf(image, width, height) {
    var canvas = document.createElement('canvas');
    canvas.width = width;
    canvas.height = height;
    var context = canvas.getContext('2d', { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    var pixels = context.getImageData(0, 0, width, height).data;
    var numbers = new Uint8Array(width * height);
    for (var i = 0; i < numbers.length; i += 1) { numbers[i] = pixels[4 * i]; }
    return numbers;
  }

  /* The colour of each number, red first in memory as a canvas holds it. */
  function colourTable(data, bands) {
    var last = bands[bands.length - 1].colour;
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
        colour = colour || last;
      }
      if (colour) { table.set(rgb(colour).concat(n === data.no_data ? 130 : 240), 4 * n); }
    }
    return new Uint32Array(table.buffer);
  }

  Surface.prototype.paint = function (bands) { this.fill(colourTable(this.data, bands)); };

  /* Paint each pixel with the colour that a table of 256 has for its number. */
  Surface.prototype.fill = function (table) {
    var words = this.words;
    var numbers = this.numbers;
    for (var i = 0; i < numbers.length; i += 1) { words[i] = table[numbers[i]]; }
    this.context.putImageData(this.pixels, 0, 0);
  };

  /* The number of the pixel under a point; null outside the picture. */
  Surface.prototype.numberAt = function (latlng) {
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
    pattern.setAttribute('width', '9');
    pattern.setAttribute('height', '9');
    pattern.setAttribute('patternUnits', 'userSpaceOnUse');
    pattern.setAttribute('patternTransform', 'rotate(45)');
    var bar = document.createElementNS(ns, 'rect');
    bar.setAttribute('width', '1.1');
    bar.setAttribute('height', '9');
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

  /* A card that folds: open where there is room for it and the map, and always on paper. */
  function foldable(id, className, title) {
    var card = element('details', 'gm-card ' + className);
    card.id = id;
    card.appendChild(element('summary', '', title));
    return card;
  }

  /* A row of the legend that takes a layer off the map and puts it back. */
  function switchRow(map, layer, swatch, text, count) {
    var row = document.createElement('label');
    row.className = 'gm-row gm-switch';
    var box = document.createElement('input');
    box.type = 'checkbox';
    box.checked = true;
    box.addEventListener('change', function () {
      var shown = typeof layer === 'function' ? layer() : layer;
      if (box.checked) { shown.addTo(map); } else { shown.remove(); }
    });
    row.appendChild(swatch);
    row.appendChild(element('span', '', text));
    if (count !== undefined && count !== null) { row.appendChild(element('span', 'gm-count', count)); }
    row.appendChild(box);
    return row;
  }

  /* The bands of a limit as rows: a page that moves the limit writes them anew. */
  function bandRows(bands) {
    var rows = document.createDocumentFragment();
    bands.forEach(function (band) {
      var low = number(band.low, 2);
      var text = band.high === Infinity ? '> ' + low : (band.low === 0 ? '≤ ' : low + '–') + number(band.high, 2);
      rows.appendChild(legendRow(colourSwatch(band.colour), text, null));
    });
    return rows;
  }

  function legend(doc, map, layers) {
    var words = doc.words;
    var card = foldable('gm-legend', 'gm-legend', words.legend);
    // What speaks of the surface has a class: a page that shows areas instead folds it away.
    card.appendChild(element('h3', 'gm-of-surface', words.surface + words.open_bracket + words.unit + words.close_bracket));
    var bands = element('div', 'gm-bands gm-of-surface');
    bands.appendChild(bandRows(bandsOf(doc)));
    card.appendChild(bands);
    var people = doc.people;
    var count = function (state) { return people ? number(people[state]) + ' ' + words.people : words.unknown; };
    card.appendChild(element('h3', 'gm-of-surface', words.states));
    if (doc.gap_count !== null) {
      var gaps = card.appendChild(switchRow(map, function () { return layers.gaps; }, hatchSwatch(), doc.gap_label, number(doc.gap_count)));
      gaps.id = 'gm-gap-switch';
      gaps.classList.add('gm-of-surface');
    }
    [['unreachable', UNREACHABLE], ['no_data', NO_DATA]].forEach(function (pair) {
      var row = card.appendChild(legendRow(colourSwatch(pair[1]), words[pair[0]], count(pair[0])));
      row.setAttribute('data-state', pair[0]);
      row.classList.add('gm-of-surface');
    });
    card.appendChild(switchRow(map, function () { return layers.facilities; }, element('span', ''), words.facilities)).classList.add('gm-head');
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
    ['planned', 'moved'].forEach(function (what) {
      var count = doc.facilities.change.filter(function (each) { return each === what; }).length;
      if (count) { card.appendChild(legendRow(dot('transparent'), words['change_' + what], number(count))).firstChild.classList.add('gm-changed'); }
    });
    card.appendChild(legendRow(dot('#ffffff', true), words.to_be_located, number(doc.to_be_located)));
    if (layers.roads) { card.appendChild(switchRow(map, layers.roads, element('span', 'gm-swatch gm-line'), words.map_layer_roads)); }
    if (layers.water) { card.appendChild(switchRow(map, layers.water, element('span', 'gm-swatch gm-water'), words.map_layer_water)); }
    if (layers.places) {
      var letter = element('span', 'gm-swatch gm-text', words.map_layer_places.slice(0, 1));
      letter.setAttribute('aria-hidden', 'true');
      card.appendChild(switchRow(map, layers.places, letter, words.map_layer_places)).classList.add('gm-of-surface');
    }
    return card;
  }

  function pairs(className, rows) {
    var list = element('dl', className);
    rows.forEach(function (row) {
      list.appendChild(element('dt', '', row.label));
      list.appendChild(element('dd', '', row.text));
    });
    return list;
  }

  function tiles(doc) {
    var list = element('div', 'gm-tiles');
    doc.side_by_side.forEach(function (each) {
      var tile = element('div', each.id === doc.threshold.id ? 'gm-chosen' : '');
      tile.appendChild(element('span', '', each.label));
      tile.appendChild(element('b', '', each.people));
      tile.appendChild(element('span', '', each.share));
      list.appendChild(tile);
    });
    return list;
  }

  /* What a sheet says of itself: it may lie on a desk where nobody can be asked. */
  function titleBlock(doc) {
    var card = element('section', 'gm-card gm-title');
    card.id = 'gm-title';
    card.appendChild(element('h2', '', doc.title));
    card.appendChild(element('p', '', doc.subtitle));
    if (doc.side_by_side.length) {
      card.appendChild(tiles(doc));
      card.appendChild(element('p', 'gm-verdict', doc.verdict));
    }
    card.appendChild(pairs('gm-kpis', doc.kpis));
    if (doc.flags.length) { card.appendChild(element('p', 'gm-flag', doc.flag_title)); }
    var more = element('details', 'gm-more');
    more.appendChild(element('summary', '', doc.words.details));
    var notes = element('ul', 'gm-notes');
    doc.flags.forEach(function (text) { notes.appendChild(element('li', '', text)); });
    if (doc.flags.length) { more.appendChild(notes); }
    more.appendChild(pairs('gm-facts', doc.facts));
    card.appendChild(more);
    return card;
  }

  /* One tab stop for a layer, arrows within it, Enter opens: a county may have thousands of facilities. */
  function keyboardLayer(map, paneName, label, parts) {
    var holder = map.getPane(paneName);
    holder.setAttribute('role', 'group');
    holder.setAttribute('aria-label', label);
    parts.forEach(function (part, i) {
      var node = part.layer.getElement();
      node.setAttribute('role', 'button');
      node.setAttribute('aria-label', part.name);
      if (speaks !== 'zh' && HAN.test(part.name)) { node.setAttribute('lang', 'zh'); }
      node.setAttribute('tabindex', i === 0 ? '0' : '-1');
      node.addEventListener('focus', function () { map.panInside(part.at, { padding: [30, 30], animate: false }); });
      node.addEventListener('keydown', function (event) { pressed(map, parts, i, event); });
    });
  }

  function pressed(map, parts, i, event) {
    var next = { ArrowRight: i + 1, ArrowDown: i + 1, ArrowLeft: i - 1, ArrowUp: i - 1, Home: 0, End: parts.length - 1 }[event.key];
    if (event.key === 'Enter' || event.key === ' ') {
      openByKey(map, parts[i]);
    } else if (next !== undefined) {
      var to = parts[(next + parts.length) % parts.length].layer.getElement();
      parts[i].layer.getElement().setAttribute('tabindex', '-1');
      to.setAttribute('tabindex', '0');
      to.focus();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  function popupOf(part) { return L.popup({ maxWidth: 320 }).setContent(part.content()); }

  /* Focus goes into the popup and, when it closes, back to where it came from. */
  function openByKey(map, part) {
    var popup = part.content ? popupOf(part).setLatLng(part.at) : part.layer.getPopup();
    if (part.content) { popup.openOn(map); } else { part.layer.openPopup(part.at); }
    var box = popup.getElement();
    box.setAttribute('role', 'dialog');
    box.setAttribute('aria-label', part.name);
    if (speaks !== 'zh' && HAN.test(part.name)) { box.setAttribute('lang', 'zh'); }
    box.setAttribute('tabindex', '-1');
    box.focus();
    box.onkeydown = function (event) {
      if (event.key === 'Escape') { map.closePopup(); }
    };
    map.once('popupclose', function () { part.layer.getElement().focus(); });
  }

  /* Leaflet speaks English only. */
  function nameButtons(map, words) {
    [['.leaflet-control-zoom-in', words.zoom_in], ['.leaflet-control-zoom-out', words.zoom_out]].forEach(function (pair) {
      var button = map.getContainer().querySelector(pair[0]);
      button.title = pair[1];
      button.setAttribute('aria-label', pair[1]);
    });
    map.on('popupopen', function (event) {
      var button = event.popup.getElement().querySelector('.leaflet-popup-close-button');
      if (button) { button.setAttribute('aria-label', words.close); }
    });
  }

  function facilityLayer(doc, map) {
    var data = doc.facilities;
    var places = {};
    data.id.forEach(function (id, i) {
      var key = data.lon[i] + ',' + data.lat[i];
      (places[key] = places[key] || []).push(i);
    });
    var layer = L.layerGroup();
    var parts = [];
    Object.keys(places).forEach(function (key) {
      var members = places[key];
      var first = members[0];
      var at = L.latLng(data.lat[first], data.lon[first]);
      var changed = members.some(function (i) { return data.change[i]; });
      layer.addLayer(L.circleMarker(at, {
        // A dark rim: a scenario put it there.
        radius: members.length > 1 ? 9 : 7, weight: changed ? 3 : 2, color: changed ? '#16242e' : '#ffffff',
        fillOpacity: 1, opacity: 1,
        fillColor: GROUPS[data.group[first]] || GROUPS.other, pane: 'facilities', interactive: false
      }));
      // The dot is small; what is pointed at and tapped is a clear disc of 26 px over it.
      var target = L.circleMarker(at, { radius: 13, stroke: false, fillOpacity: 0, pane: 'facilities', className: 'gm-target' });
      target.bindTooltip(function () { return tooltip(doc, members); }, { direction: 'top', className: 'gm-tip' });
      target.bindPopup(function () { return popup(doc, members); }, { maxWidth: 320 });
      layer.addLayer(target);
      parts.push({ layer: target, at: at, ids: members.map(function (i) { return data.id[i]; }), name: members.map(function (i) { return data.name[i]; }).join(', ') });
      if (members.length > 1) {
        var icon = element('span', '', members.length);
        layer.addLayer(L.marker([data.lat[first], data.lon[first]], {
          interactive: false, keyboard: false, pane: 'counts',
          icon: L.divIcon({ className: 'gm-stack', html: icon, iconSize: [18, 18] })
        }));
      }
    });
    layer.addTo(map);
    keyboardLayer(map, 'facilities', doc.words.map_layer_facilities, parts);
    map.getPane('counts').setAttribute('aria-hidden', 'true');
    layer.parts = parts;
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
      var name = element('b', '');
      // A sheet that lies on a stick has no pages; of a planned one there is none.
      var linked = !doc.title_block && !(data.change && data.change[i] === 'planned');
      var text = name.appendChild(element(linked ? 'a' : 'span', '', data.name[i]));
      if (linked) { text.href = '/facilities/' + data.id[i]; }
      node.appendChild(name);
      node.appendChild(element('div', '', data['class'][i] + (data.illustrative[i] ? doc.words.illustrative_mark : '')));
      node.appendChild(element('div', '', data.method[i]));
    });
    return node;
  }

  function gapLayer(doc, map) {
    var parts = [];
    var layer = L.geoJSON(doc.gaps, {
      renderer: L.svg({ pane: 'gaps', padding: 0.5 }), pane: 'gaps',
      style: { color: '#8a2d5c', weight: 1, fillColor: 'url(#gm-hatch)', fillOpacity: 1, className: 'gm-gap' },
      onEachFeature: function (feature, part) {
        var own = { id: feature.id, layer: part, gap: feature.properties, content: function () { return gapPopup(doc, feature.properties); } };
        part.on('click', function (event) {
          L.DomEvent.stopPropagation(event);
          // A page that explains places says more of this one than its gap.
          if (window.geosvcCoverage.clicked) { window.geosvcCoverage.clicked(event.latlng, own.content); } else { popupOf(own).setLatLng(event.latlng).openOn(map); }
        });
        parts.push(own);
      }
    });
    layer.addTo(map);
    layer.parts = parts;
    parts.forEach(function (each) {
      each.at = each.layer.getCenter();
      each.name = gapTitle(doc, each.gap) + doc.words.colon + peopleOf(doc, each.gap);
    });
    keyboardLayer(map, 'gaps', doc.words.map_layer_gaps, parts);
    return layer;
  }

  function gapTitle(doc, gap) {
    return doc.gap_label + ' ' + gap.rank + (gap.area_name ? ' · ' + gap.area_name : '');
  }

  function peopleOf(doc, gap) {
    return gap.people === null ? doc.words.unknown : number(gap.people) + ' ' + doc.words.people;
  }

  /* Minutes are rounded up to whole ones, kilometres to a tenth: nobody seems nearer than they are. */
  function roundedUp(value, unit) {
    return unit === 'km' ? number(Math.ceil(value * 10 - 1e-9) / 10, 1) : number(Math.ceil(value - 1e-9));
  }

  function gapPopup(doc, gap) {
    var words = doc.words;
    var node = element('div', 'gm-popup');
    node.appendChild(element('b', '', gapTitle(doc, gap)));
    node.appendChild(element('div', '', words.people_label + words.colon + peopleOf(doc, gap)));
    node.appendChild(element('div', '', words.area_label + words.colon + number(gap.km2, gap.km2 < 0.1 ? 2 : 1) + ' km²'));
    if (gap.worst !== null) {
      node.appendChild(element('div', '', words.worst + words.colon + roundedUp(gap.worst, gap.unit) + ' ' + words.unit));
    }
    if (gap.settlements.length) {
      node.appendChild(element('div', '', words.settlements + words.colon));
      var list = element('ul', '');
      gap.settlements.forEach(function (each) {
        list.appendChild(element('li', '', each.name + ' ' + number(each.people)));
      });
      node.appendChild(list);
    }
    if (gap.settlements_more) { node.appendChild(element('div', 'gm-soft', gap.settlements_more)); }
    return node;
  }

  function readout(doc, map, surface) {
    var card = element('div', 'gm-card gm-readout', doc.words.hover);
    card.setAttribute('role', 'status');
    control(map, doc.title_block ? 'topright' : 'topleft', card);
    map.on('mousemove click', function (event) {
      var over = event.originalEvent && event.originalEvent.target;
      if (over && over.closest && over.closest('.leaflet-popup')) { return; }  // what lies beneath the words is not asked for
      var n = surface.numberAt(event.latlng);
      card.textContent = '';
      if (n === null || n === surface.data.outside) { card.textContent = doc.words.hover; return; }
      if (n === surface.data.no_data) { card.textContent = doc.words.no_data; return; }
      if (n === surface.data.unreachable) { card.textContent = doc.words.unreachable; return; }
      var far = n >= surface.data.farther;
      var value = (far ? n - 1 : n) * surface.data.step;
      card.appendChild(element('span', '', doc.words.reading + ' '));
      card.appendChild(element('b', '', (far ? '> ' : '≤ ') + roundedUp(value, surface.data.unit)));
      card.appendChild(element('span', '', ' ' + doc.words.unit));
    });
    // A pixel may show the cell beside the one that was asked for: what the server says of the place holds.
    map.on('explained', function (event) {
      card.textContent = '';
      card.appendChild(element('span', '', doc.words.reading + ' '));
      card.appendChild(element('b', '', event.text));
    });
  }

  function pane(map, name, order) {
    map.createPane(name).style.zIndex = order;
  }

  /* Show the whole study; where there is room, between the cards, else under the title. */
  function fit(map, b, title, key) {
    var width = map.getSize().x;
    var left = title ? title.offsetWidth + 20 : 12;
    var right = key.offsetWidth + 20;
    var below = map.attributionControl.getContainer().offsetHeight + 8;
    var room = width - left - right > width * 0.33;
    var top = title && !room ? title.offsetHeight + 20 : 12;
    map.fitBounds([[b[1], b[0]], [b[3], b[2]]], {
      paddingTopLeft: [room ? left : 12, top < map.getSize().y * 0.5 ? top : 12], paddingBottomRight: [room ? right : 12, below], animate: false
    });
  }

  /* Legend and details stand open where they leave the map enough room; the reader may fold them. */
  function unfold(map, title, key) {
    var size = map.getSize();
    var roomy = size.x >= 600 && size.y >= 420;
    key.open = roomy;
    if (title) { title.querySelector('details').open = size.x >= 900 && size.y >= 600; }
  }

  /* Paper has another shape than the window: for printing the map takes the sheet's size, then its old one. */
  function printable(map, doc, title, key) {
    var before = null;
    window.addEventListener('beforeprint', function () {
      if (before) { return; }
      var folded = Array.prototype.filter.call(document.querySelectorAll('details'), function (each) { return !each.open; });
      before = { centre: map.getCenter(), zoom: map.getZoom(), folded: folded };
      folded.forEach(function (each) { each.open = true; });
      document.documentElement.classList.add('gm-printing');
      map.invalidateSize({ animate: false, pan: false });
      fit(map, doc.bounds, title, key);
    });
    window.addEventListener('afterprint', function () {
      if (!before) { return; }
      document.documentElement.classList.remove('gm-printing');
      before.folded.forEach(function (each) { each.open = false; });
      map.invalidateSize({ animate: false, pan: false });
      map.setView(before.centre, before.zoom, { animate: false });
      before = null;
    });
  }

  function credits(parts) {
    var line = element('span', '');
    parts.forEach(function (part, i) {
      if (i > 0) { line.appendChild(document.createTextNode(' · ')); }
      line.appendChild(element('span', '', part));
    });
    return line.innerHTML;
  }

  function backdrop(doc, map) {
    var layers = {};
    if (doc.boundary) {
      layers.boundary = L.geoJSON(doc.boundary, { pane: 'boundary', interactive: false, style: { color: '#16242e', weight: 1.6, fill: false } }).addTo(map);
    }
    if (doc.water) {
      layers.water = L.geoJSON(doc.water, { pane: 'roads', interactive: false, style: function (feature) {
        var flat = feature.geometry.type.indexOf('Polygon') >= 0;
        return { color: '#3f8fb8', weight: flat ? 0.6 : 1.3, opacity: 0.9, fill: flat, fillColor: '#9fcbe2', fillOpacity: 0.85 };
      } }).addTo(map);
    }
    if (doc.roads) {
      layers.roads = L.geoJSON(doc.roads, { pane: 'roads', interactive: false, style: function (feature) {
        return { color: '#3c4a52', opacity: 0.5, weight: feature.properties.rank > 1 ? 1.5 : 0.6 };
      } }).addTo(map);
    }
    if (doc.places) { layers.places = new PlaceNames(doc.places).addTo(map); }
    return layers;
  }

  /* Names of places: those of higher and larger ones first, as many as stand beside each other; villages once one looks closer.
     They are for the eye: lists and tables hold them too. */
  var PlaceNames = L.Layer.extend({
    initialize: function (places) { this._places = places; },
    onAdd: function (map) {
      map.on('moveend zoomend resize', this._write, this).on('zoomstart', this._clear, this);
      this._write();
    },
    onRemove: function (map) {
      map.off('moveend zoomend resize', this._write, this).off('zoomstart', this._clear, this);
      this._clear();
    },
    _clear: function () { this._map.getPane('places').textContent = ''; },
    _write: function () {
      var map = this._map;
      var places = this._places;
      var size = map.getSize();
      var centre = map.getCenter();
      var metres = map.distance(centre, map.containerPointToLatLng(map.latLngToContainerPoint(centre).add([100, 0]))) / 100;
      var taken = [];
      this._clear();
      for (var i = 0; i < places.name.length && taken.length < MOST_NAMES; i += 1) {
        if (places.level[i] === 'village' && metres > VILLAGES_FROM_M) { break; }
        var at = map.latLngToContainerPoint([places.lat[i], places.lon[i]]);
        var half = places.name[i].length * 6.5 + 6;
        var free = at.x > half && at.y > 10 && at.x < size.x - half && at.y < size.y - 10 && !taken.some(function (other) {
          return Math.abs(other.x - at.x) < other.half + half && Math.abs(other.y - at.y) < 18;
        });
        if (free) {
          taken.push({ x: at.x, y: at.y, half: half });
          var node = map.getPane('places').appendChild(element('div', 'gm-place gm-place-' + places.level[i]));
          node.appendChild(element('span', '', places.name[i]));
          L.DomUtil.setPosition(node, map.latLngToLayerPoint([places.lat[i], places.lon[i]]));
        }
      }
    }
  });

  /* Whoever draws more on the map (the planner's page) finds it here, and hears of it when it is ready. */
  function tell(shown) {
    window.geosvcCoverage.shown = shown;
    document.documentElement.setAttribute('data-map', 'ready');
    document.dispatchEvent(new CustomEvent('geosvc:map'));
  }

  function draw(map, id) {
    var doc = JSON.parse(document.getElementById(id).textContent);
    speaks = doc.language;
    ['surface', 'roads', 'gaps', 'boundary', 'facilities', 'counts'].forEach(function (name, i) { pane(map, name, 350 + 20 * i); });
    pane(map, 'places', 420);
    map.getPane('places').setAttribute('aria-hidden', 'true');
    ['counts', 'places'].forEach(function (name) { map.getPane(name).style.pointerEvents = 'none'; });
    map.attributionControl.setPrefix(false);
    map.attributionControl.addAttribution(credits(doc.attribution));
    map.zoomControl.setPosition('topright');
    nameButtons(map, doc.words);
    L.control.scale({ imperial: false, position: 'bottomleft' }).addTo(map);
    control(map, 'topright', element('div', 'gm-north', doc.words.north));
    hatchDefinition();
    var layers = backdrop(doc, map);
    layers.gaps = gapLayer(doc, map);
    layers.facilities = facilityLayer(doc, map);
    var title = doc.title_block ? titleBlock(doc) : null;
    if (title) { control(map, 'topleft', title); }
    var key = legend(doc, map, layers);
    control(map, 'bottomright', key);
    unfold(map, title, key);
    fit(map, doc.bounds, title, key);
    printable(map, doc, title, key);
    var image = new Image();
    image.onload = function () {
      var surface = new Surface(doc.picture, image);
      surface.paint(bandsOf(doc));
      layers.surface = overlayOf(surface).addTo(map);
      readout(doc, map, surface);
      tell({ map: map, doc: doc, surface: surface, layers: layers, legend: key, gapParts: layers.gaps.parts, facilityParts: layers.facilities.parts });
    };
    image.onerror = function () { document.documentElement.setAttribute('data-map', 'failed'); };
    image.src = doc.picture.source;
  }

  function overlayOf(surface) {
    var b = surface.data.bounds;
    return new CanvasOverlay(surface.canvas, [[b[1], b[0]], [b[3], b[2]]], { pane: 'surface' });
  }

  window.geosvcCoverage = {
    draw: draw, shown: null,
    tools: {
      Surface: Surface, numbersOf: numbersOf, overlayOf: overlayOf, bandsFor: bandsFor, bandRows: bandRows, rgb: rgb, element: element,
      number: number, roundedUp: roundedUp, control: control, groups: GROUPS, near: NEAR, far: FAR, noData: NO_DATA, legendRow: legendRow, colourSwatch: colourSwatch,
      keyboardLayer: keyboardLayer, popupOf: popupOf
    }
  };
}());
