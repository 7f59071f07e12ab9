/* The form of a facility, made easier: rows are added in place, checks come while one types, and the
   place is chosen on a map. Everything works without it. What comes from the registry is set with
   textContent: a name never becomes markup. The server alone reads, converts and judges. */
(function () {
  'use strict';

  var form = document.querySelector('form[data-check]');
  if (!form) { return; }
  var said = JSON.parse(form.dataset.words);
  var fields = {};
  ['x', 'y', 'datum', 'paste', 'position_method', 'area_code'].forEach(function (name) { fields[name] = document.getElementById(name); });
  var saveButton = document.getElementById('save');
  var note = document.getElementById('bar-note');
  var expired = document.getElementById('expired');
  var dirty = false;
  document.getElementById('check-only').hidden = true;

  function text(tag, className, content) {
    var made = document.createElement(tag);
    if (className) { made.className = className; }
    made.textContent = content;
    return made;
  }

  function fill(sentence, values) {
    return sentence.replace(/\{(\w+)\}/g, function (all, name) { return name in values ? String(values[name]) : all; });
  }

  /* -- rows of groups ---------------------------------------------------------------------- */

  function renumbered(name, number) { return name.replace(/\.\d+\./, '.' + number + '.'); }

  function addRow(table) {
    var body = table.tBodies[0];
    var row = body.rows[body.rows.length - 1].cloneNode(true);
    var last = 0;
    table.querySelectorAll('[name]').forEach(function (each) { last = Math.max(last, Number(each.name.split('.')[1]) + 1); });
    row.querySelectorAll('input, select').forEach(function (each) {
      each.value = '';
      each.removeAttribute('aria-invalid');
      each.name = renumbered(each.name, last);
      if (each.id) { each.id = renumbered(each.id, last); }
      if (each.hasAttribute('aria-describedby')) { each.setAttribute('aria-describedby', renumbered(each.getAttribute('aria-describedby'), last)); }
    });
    row.querySelectorAll('[data-said]').forEach(function (each) {
      each.dataset.said = renumbered(each.dataset.said, last);
      each.id = 'said-' + each.dataset.said;
      each.textContent = '';
    });
    body.appendChild(row);
    giveRemover(row);
    row.querySelector('input:not([type=hidden]), select').focus();
  }

  function giveRemover(row) {
    var old = row.querySelector('td.remover');
    if (old) { old.remove(); }
    var cell = document.createElement('td');
    cell.className = 'remover';
    var button = text('button', 'quiet bare', '×');
    button.type = 'button';
    button.setAttribute('aria-label', said.remove);
    button.title = said.remove;
    button.addEventListener('click', function () {
      var body = row.parentNode;
      if (body.rows.length > 1) { row.remove(); } else { row.querySelectorAll('input, select').forEach(function (each) { each.value = ''; }); }
      changed();
    });
    cell.appendChild(button);
    row.appendChild(cell);
  }

  document.querySelectorAll('table[data-rows]').forEach(function (table) {
    table.tHead.rows[0].appendChild(document.createElement('td'));
    Array.prototype.forEach.call(table.tBodies[0].rows, giveRemover);
  });
  document.querySelectorAll('button[data-more]').forEach(function (button) {
    button.addEventListener('click', function (event) {
      event.preventDefault();
      addRow(document.querySelector('table[data-rows="' + button.dataset.more + '"]'));
    });
  });

  /* -- checks while one types -------------------------------------------------------------- */

  var waiting = null;
  var asked = 0;

  function changed() {
    dirty = true;
    asked += 1; // an answer that is still under way speaks of what stood here before: it would take a pasted place away
    window.clearTimeout(waiting);
    waiting = window.setTimeout(look, 250);
  }

  function look() {
    var mine = asked += 1;
    window.fetch(form.dataset.check, { method: 'POST', body: new URLSearchParams(new FormData(form)), credentials: 'same-origin', headers: { Accept: 'application/json' } })
      .then(function (answer) { return answer.ok ? answer.json() : null; })
      .then(function (told) { if (told && mine === asked) { show(told); } })
      .catch(function () { /* looked at again when it is saved */ });
  }

  /* A field that is still empty is not wrong yet. */
  function isFilled(name) {
    var field = document.getElementById(name);
    return Boolean(field && field.value.trim()) || (name === 'datum' && Boolean(fields.x.value && fields.y.value));
  }

  function show(told) {
    document.querySelectorAll('[data-said]').forEach(function (place) {
      var name = place.dataset.said;
      var field = document.getElementById(name);
      var wrong = told.problems[name] && isFilled(name) ? told.problems[name] : null;
      place.textContent = '';
      if (wrong) { place.appendChild(text('p', 'wrong', wrong)); }
      told.findings.forEach(function (each) {
        if (each.field !== name) { return; }
        var line = text('p', each.severity, '');
        line.appendChild(text('b', '', each.severity === 'warning' ? said.warning : said.note));
        line.appendChild(document.createTextNode(' ' + each.detail));
        place.appendChild(line);
      });
      if (field && wrong) { field.setAttribute('aria-invalid', 'true'); } else if (field) { field.removeAttribute('aria-invalid'); }
    });
    var warnings = told.findings.filter(function (each) { return each.severity === 'warning'; }).length;
    form.elements.accepted.value = told.accepted;
    saveButton.textContent = warnings ? said.anyway : said.save;
    saveButton.classList.toggle('anyway', warnings > 0);
    note.textContent = warnings ? fill(said.look, { count: warnings }) : '';
    if (fields.paste.value && !told.values.paste) {
      fields.x.value = told.values.x;
      fields.y.value = told.values.y;
      fields.paste.value = '';
    }
    place(told.place);
  }

  form.addEventListener('input', function (event) {
    if (event.target.name === 'valid_from') { form.querySelector('[name=change][value=update]').checked = true; }
    changed();
  });
  form.addEventListener('change', changed);

  /* -- the map ------------------------------------------------------------------------------ */

  var map = null;
  var pin = null;
  var rawPin = null;
  var between = null;
  var was = null;

  function place(where) {
    var filled = fields.x.value.trim() || fields.y.value.trim();
    document.getElementById('unplaced').hidden = Boolean(filled);
    document.getElementById('unplace').hidden = !filled;
    document.getElementById('converted').hidden = !where;
    if (where) {
      document.getElementById('converted-text').textContent = where.lon.toFixed(6) + ', ' + where.lat.toFixed(6);
      document.getElementById('metres').textContent = where.metres === null ? '' : where.metres >= 1
        ? fill(said.metres, { metres: Math.round(where.metres).toLocaleString('en-US') }) : said.same;
    }
    if (map) { draw(where, filled); }
  }

  function draw(where, filled) {
    if (!where) {
      if (!filled && pin) { pin.remove(); pin = null; }
      if (rawPin) { rawPin.remove(); between.remove(); rawPin = null; }
      return;
    }
    var here = [where.lat, where.lon];
    if (!pin) {
      pin = L.marker(here, { draggable: true, autoPan: true, icon: L.divIcon({ className: 'pin', iconSize: [22, 22], iconAnchor: [11, 11] }), alt: said.pin, title: said.pin, zIndexOffset: 1000 }).addTo(map);
      pin.on('dragend', function () { choose(pin.getLatLng()); });
    } else {
      pin.setLatLng(here);
    }
    if (rawPin) { rawPin.remove(); between.remove(); rawPin = null; }
    if (where.raw && where.metres >= 1) {
      var told = [where.raw[1], where.raw[0]];
      between = L.polyline([told, here], { color: '#8a4b08', weight: 2, dashArray: '4 4', interactive: false }).addTo(map);
      rawPin = L.marker(told, { interactive: false, keyboard: false, icon: L.divIcon({ className: 'raw-pin', iconSize: [18, 18], iconAnchor: [9, 9] }) }).addTo(map);
      rawPin.bindTooltip(named(Math.round(where.metres).toLocaleString('en-US') + ' m'), { permanent: true, direction: where.raw[0] < where.lon ? 'left' : 'right', offset: [where.raw[0] < where.lon ? -10 : 10, 0], className: 'metres' });
    }
    var all = L.latLngBounds([here]).extend(rawPin ? rawPin.getLatLng() : here).extend(was || here);
    if (!map.getBounds().pad(-0.05).contains(all)) { map.fitBounds(all, { maxZoom: Math.max(map.getZoom(), 14), padding: [50, 50] }); }
  }

  /* A place shown on this map is in WGS 84. */
  function choose(at) {
    fields.x.value = at.wrap().lng.toFixed(6);
    fields.y.value = at.lat.toFixed(6);
    fields.datum.value = 'WGS84';
    fields.paste.value = '';
    draw({ lon: at.wrap().lng, lat: at.lat, raw: null, metres: null }, true);
    changed();
  }

  function named(name) { return function () { return text('span', '', name); }; }

  function addBoundaries(box) {
    window.fetch('/api/collections/areas/items?has_polygon=true&limit=300&bbox=' + box.join(','), { credentials: 'same-origin' })
      .then(function (answer) { return answer.ok ? answer.json() : { features: [] }; })
      .then(function (found) {
        var few = found.features.length <= 60;
        var layer = L.geoJSON(found, {
          interactive: false,
          style: function (feature) { return { color: feature.properties.level === 'county' ? '#4a5b66' : '#9fb0b9', weight: feature.properties.level === 'county' ? 2 : 1, fillColor: '#ffffff', fillOpacity: 0.6 }; },
          onEachFeature: function (feature, shape) {
            if (few && feature.properties.level === 'township') {
              shape.bindTooltip(named(feature.properties.name), { permanent: true, direction: 'center', className: 'area-name', interactive: false });
            }
          }
        }).addTo(map);
        layer.eachLayer(function (shape) { shape.bringToBack(); });
        var own = found.features.filter(function (each) { return each.id === fields.area_code.value.trim(); })[0];
        if (own && !pin) { map.fitBounds(L.geoJSON(own).getBounds(), { padding: [20, 20] }); }
      })
      .catch(function () { /* only a background */ });
  }

  var others = null;
  var roads = null;
  var seenBox = null;
  var seenZoom = 0;
  var WIDE = { motorway: 3, trunk: 3, primary: 2.5, secondary: 2, tertiary: 1.5 };

  function addAround() {
    var box = map.getBounds();
    var zoom = map.getZoom();
    if (zoom < 9 || (seenBox && seenBox.contains(box) && zoom - seenZoom < 3)) { return; }
    seenBox = box.pad(0.5);
    seenZoom = zoom;
    var asked = [seenBox.getWest(), seenBox.getSouth(), seenBox.getEast(), seenBox.getNorth()].map(function (each, i) { return Math.max(-90 * (2 - i % 2), Math.min(90 * (2 - i % 2), each)).toFixed(5); });
    window.fetch('/facilities/roads?bbox=' + asked.join(','), { credentials: 'same-origin', headers: { Accept: 'application/json' } })
      .then(function (answer) { return answer.ok ? answer.json() : { features: [] }; })
      .then(function (found) {
        roads.clearLayers();
        L.geoJSON(found, { interactive: false, style: function (feature) { return { color: '#cfd8dc', weight: WIDE[feature.properties.road_class.replace('_link', '')] || 1, interactive: false }; } }).addTo(roads);
        document.getElementById('schematic').hidden = !found.schematic;
      })
      .catch(function () { /* only a background */ });
    window.fetch('/api/collections/facilities/items?limit=300&bbox=' + asked.join(','), { credentials: 'same-origin' })
      .then(function (answer) { return answer.ok ? answer.json() : { features: [] }; })
      .then(function (found) {
        others.clearLayers();
        found.features.forEach(function (each) {
          if (String(each.id) === form.dataset.number) { return; }
          var at = each.geometry.coordinates;
          L.circleMarker([at[1], at[0]], { radius: 4, color: '#5d6c75', weight: 1, fillColor: '#c9d1d5', fillOpacity: 0.9 }).bindTooltip(named(each.properties.name)).addTo(others);
        });
      })
      .catch(function () { /* only a background */ });
  }

  function begin() {
    var box = JSON.parse(form.dataset.extent);
    var first = JSON.parse(form.dataset.place);
    document.getElementById('picker').hidden = false;
    map = L.map('pick', { attributionControl: false, zoomControl: false, minZoom: 2, maxZoom: 19, worldCopyJump: true });
    L.control.zoom({ zoomInTitle: said.zoom_in, zoomOutTitle: said.zoom_out }).addTo(map);
    L.control.scale({ imperial: false }).addTo(map);
    roads = L.layerGroup().addTo(map);
    others = L.layerGroup().addTo(map);
    map.fitBounds([[box[1], box[0]], [box[3], box[2]]]);
    if (first) { map.setView([first.lat, first.lon], 13); }
    map.on('click', function (event) { choose(event.latlng); });
    map.on('moveend', addAround);
    addBoundaries(first ? [Math.max(first.lon - 0.5, -180), Math.max(first.lat - 0.5, -90), Math.min(first.lon + 0.5, 180), Math.min(first.lat + 0.5, 90)] : box);
    place(first);
    if (first && form.dataset.number) {
      was = L.latLng(first.lat, first.lon);
      L.circleMarker(was, { radius: 6, color: '#0b4f6c', weight: 2, dashArray: '3 3', fill: false }).bindTooltip(named(said.was)).addTo(map);
    }
    addAround();
    form.dataset.map = 'ready';
  }

  document.getElementById('unplace').addEventListener('click', function (event) {
    event.preventDefault();
    ['x', 'y', 'datum', 'paste', 'position_method'].forEach(function (name) { fields[name].value = ''; });
    changed();
    place(null);
  });

  /* -- saving: what was typed outlives a session that ran out --------------------------------- */

  var fresh = false;
  form.addEventListener('submit', function (event) {
    if (fresh) { return; }
    event.preventDefault();
    var button = event.submitter;
    window.fetch('/facilities/form-token', { credentials: 'same-origin', headers: { Accept: 'application/json' } })
      .then(function (answer) { return answer.ok ? answer.json() : { status: answer.status }; })
      .then(function (told) {
        if (told.csrf_token === undefined) { expired.hidden = false; return; }
        form.elements.csrf_token.value = told.csrf_token;
        fresh = true;
        dirty = false;
        form.requestSubmit(button);
      })
      .catch(function () { note.textContent = said.offline; });
  });
  window.addEventListener('pageshow', function () { fresh = false; });
  window.addEventListener('beforeunload', function (event) {
    if (dirty && !fresh) { event.preventDefault(); event.returnValue = ''; }
  });

  if (window.L) { begin(); }
}());
