/* The largest gaps and the facilities in the panel, linked with the map both ways. */

import { read } from './answers.js';
import { showProblem } from './problems.js';
import { amount, button, element, fill, people, whole, word } from './text.js';

const MOST_GAPS = 8;
const MOST_FACILITIES = 12;

/* What is chosen in a list is outlined on the map, above everything and in nobody's way. */
function makeHighlight(map) {
  map.createPane('chosen').style.zIndex = 440;
  map.getPane('chosen').style.pointerEvents = 'none';
  const renderer = L.svg({ pane: 'chosen', padding: 0.5 });
  const casing = { renderer, pane: 'chosen', interactive: false, fill: false, color: '#ffffff', weight: 6, opacity: 0.9 };
  const line = Object.assign({}, casing, { color: '#16242e', weight: 2.5, opacity: 1 });
  let layer = null;
  const show = (made) => { if (layer) { layer.remove(); } layer = made ? made.addTo(map) : null; };
  return {
    clear: () => show(null),
    shape: (geometry) => show(L.layerGroup([casing, line].map((style) => L.GeoJSON.geometryToLayer({ type: 'Feature', geometry }, style)))),
    spot: (at) => show(L.layerGroup([casing, line].map((style) => L.circleMarker(at, Object.assign({}, style, { radius: 17 })))))
  };
}

export function showLists(state, shown, planner, boxes) {
  const highlight = makeHighlight(shown.map);
  gapList(state, shown, planner, boxes.gaps, highlight);
  facilityTable(state, shown, planner, boxes.facilities, highlight);
}

/* Bring into the panel's view what was chosen on the map; what is folded stays folded. */
function mark(list, chosen) {
  list.querySelectorAll('[aria-current]').forEach((each) => each.removeAttribute('aria-current'));
  if (!chosen) { return; }
  chosen.setAttribute('aria-current', 'true');
  if (chosen.offsetParent !== null) { chosen.scrollIntoView({ block: 'nearest' }); }
}

// -- gaps ------------------------------------------------------------------------------------

function gapList(state, shown, planner, box, highlight) {
  if (!box) { return; }
  const body = box.querySelector('[data-box=body]');
  const names = {};
  shown.doc.facilities.id.forEach((id, i) => { names[id] = shown.doc.facilities.name[i]; });
  const drawn = shown.gapParts.map((part) => ({ id: part.id, geometry: part.layer.feature.geometry, properties: part.gap })).sort((a, b) => a.properties.rank - b.properties.rank);
  const known = { [shown.doc.threshold.id]: { features: drawn.slice(0, MOST_GAPS), matched: drawn.length } };
  let chosen = null;
  let asked = null;

  async function found(threshold) {
    if (!known[threshold.id]) {
      const address = `/api/collections/gaps/items?service=${encodeURIComponent(planner.service)}&run=${planner.run}&threshold=${encodeURIComponent(threshold.id)}&limit=${MOST_GAPS}`;
      const told = await read(address);
      known[threshold.id] = { features: told.features, matched: told.numberMatched };
    }
    return known[threshold.id];
  }

  async function draw() {
    const { limit, tried } = state.get();
    const threshold = planner.thresholds.find((each) => Math.abs(each.value - limit) < 1e-9);
    asked = threshold || null;
    if (!threshold) { between(); return; }
    // Nobody is asked for what nobody looks at.
    if (!known[threshold.id] && !box.open) { body.textContent = ''; box.classList.remove('filled'); return; }
    box.classList.add('filled');
    try {
      if (!known[threshold.id]) { body.textContent = word('asking'); }
      const told = await found(threshold);
      if (asked === threshold) { list(threshold, told, Boolean(tried)); }
    } catch (error) {
      if (asked === threshold) { showProblem(body, error); }
    }
  }

  /* Gaps are kept for the service's own limits; of the others their number is known, and the largest. */
  function between() {
    box.classList.add('filled');
    body.textContent = '';
    body.appendChild(element('p', 'small', word('gaps_of_own_limits')));
    const row = body.appendChild(element('p', 'go-to-limits'));
    planner.thresholds.forEach((each) => row.appendChild(button(`${each.value} ${word('unit')}`, 'quiet small-button', () => state.set({ limit: each.value }))));
  }

  function list(threshold, told, tried) {
    body.textContent = '';
    if (tried) { body.appendChild(element('p', 'small', word('gaps_of_baseline'))); }
    if (!told.features.length) { body.appendChild(element('p', 'small', word('no_gaps'))); return; }
    const items = body.appendChild(element('ol', 'listed'));
    told.features.forEach((feature) => {
      const item = items.appendChild(gapRow(feature, names, () => choose(feature, item)));
      item.dataset.gap = feature.id;
      if (feature.id === chosen) { item.setAttribute('aria-current', 'true'); }
    });
    const more = body.appendChild(element('p', 'small'));
    const link = more.appendChild(element('a', '', fill('all_gaps', { count: whole(told.matched) })));
    link.href = `/gaps?service=${encodeURIComponent(planner.service)}&threshold=${encodeURIComponent(threshold.id)}`;
  }

  function choose(feature, item) {
    chosen = feature.id;
    mark(body, item);
    highlight.shape(feature.geometry);
    shown.map.fitBounds(L.geoJSON(feature.geometry).getBounds(), { maxZoom: 13, padding: [50, 50], animate: false });
  }

  shown.gapParts.forEach((part) => part.layer.on('click', () => {
    chosen = part.id;
    mark(body, Array.from(body.querySelectorAll('li')).find((each) => each.dataset.gap === String(part.id)));
    highlight.clear();
  }));
  box.addEventListener('toggle', () => { if (box.open) { draw(); } else { highlight.clear(); } });
  state.on(['limit'], () => { chosen = null; highlight.clear(); draw(); });
  state.on(['tried'], draw);
  box.hidden = shown.doc.gap_count === null;
  draw();
}

/* The row of a gap: its place is the button, what is known of it stands beside. Names are elements of their own, so that each
   keeps its language. */
function gapRow(feature, names, pressed) {
  const gap = feature.properties;
  const item = element('li');
  const places = (gap.settlements || []).map((each) => each.name);
  const more = gap.settlements_count === null || gap.settlements_count > 1 || places.length > 1;
  const head = item.appendChild(element('div', 'item-head'));
  const title = head.appendChild(element('span', 'item-title', `${gap.rank}. `));
  title.appendChild(button([gap.area_name, places[0]].filter(Boolean).join(' · ') || word('gap'), 'link', () => {}));
  if (places.length && more) { title.appendChild(element('span', '', word('and_others'))); }
  head.appendChild(element('span', 'num', gap.people === null ? word('unknown') : `${people(gap.people)} ${word('people')}`));
  const km2 = `${gap.km2.toLocaleString('en-US', { maximumFractionDigits: gap.km2 < 1 ? 2 : 0 })} km²`;
  const facts = item.appendChild(element('div', 'item-facts', `${km2} · ${gap.worst === null ? word('unreachable') : fill('at_worst', { amount: amount(gap.worst) })}`));
  const nearest = gap.nearest_name || names[gap.nearest_facility] || (gap.nearest_elsewhere ? word('nearest_elsewhere') : '');
  if (nearest) { facts.append(` · ${word('nearest_is')}`, element('span', '', nearest)); }
  // The whole row can be pressed; its button for who has no pointer.
  item.addEventListener('click', pressed);
  return item;
}

// -- facilities ------------------------------------------------------------------------------

function facilityTable(state, shown, planner, box, highlight) {
  if (!box) { return; }
  const body = box.querySelector('[data-box=body]');
  const data = shown.doc.facilities;
  const all = data.id.map((id, i) => ({ id, name: data.name[i], kind: data.class[i], at: L.latLng(data.lat[i], data.lon[i]) }));
  let curves = null;
  let failed = null;
  let step = 1;

  /* People of the catchment within the limit; null where they are not known. */
  function peopleOf(id) {
    const sums = curves && curves[id];
    if (!sums) { return null; }
    const k = Math.min(Math.round(state.get().limit / step), sums.steps - 1);
    return sums.people.slice(0, k + 1).reduce((sum, each) => sum + each, 0);
  }

  async function begin() {
    if (curves) { return; }
    try {
      const told = await read(`/api/services/${encodeURIComponent(planner.service)}/catchment-curves?run=${planner.run}`);
      step = told.step;
      curves = {};
      told.facilities.forEach((each) => { if (each.id !== null && each.people !== null) { curves[each.id] = { people: each.people, steps: told.steps }; } });
      failed = null;
    } catch (error) { failed = error; }
    draw();
  }

  function draw() {
    if (!box.open && !curves) { return; }
    box.classList.toggle('filled', curves !== null);
    const { limit, tried, facility } = state.get();
    body.textContent = '';
    if (failed) { showProblem(body.appendChild(element('p', 'small')), failed); }
    const sorted = all.slice().sort((a, b) => (peopleOf(b.id) || 0) - (peopleOf(a.id) || 0) || a.id - b.id);
    const seen = sorted.slice(0, MOST_FACILITIES);
    // Who was chosen on the map is in the table, however small.
    const other = sorted.slice(MOST_FACILITIES).find((each) => each.id === facility);
    if (other) { seen.push(other); }
    const table = body.appendChild(element('table', 'plain facilities-served'));
    const head = table.appendChild(element('thead')).appendChild(element('tr'));
    [word('facility_word'), word('facility_class'), fill('served_within', { limit, unit: word('unit') })].forEach((text, i) => {
      const cell = head.appendChild(element('th', i === 2 ? 'num' : '', text));
      cell.scope = 'col';
    });
    const rows = table.appendChild(element('tbody'));
    seen.forEach((each) => rows.appendChild(row(each, each.id === facility)));
    body.appendChild(element('p', 'small', word(tried ? 'served_of_baseline' : 'served_note')));
    if (all.length > seen.length) { body.appendChild(element('p', 'small', fill('facilities_shown', { count: seen.length, all: whole(all.length) }))); }
    const link = body.appendChild(element('p', 'small')).appendChild(element('a', '', word('all_facilities')));
    link.href = '/facilities';
  }

  function row(each, chosen) {
    const line = element('tr');
    line.dataset.facility = each.id;
    const name = line.appendChild(element('th'));
    name.scope = 'row';
    name.appendChild(button(each.name, 'link', () => {
      state.set({ facility: each.id });
      highlight.spot(each.at);
      shown.map.setView(each.at, Math.max(shown.map.getZoom(), 12), { animate: false });
      const again = body.querySelector(`tr[data-facility="${each.id}"] button`);
      if (again) { again.focus(); }
    }));
    line.appendChild(element('td', '', each.kind));
    const served = peopleOf(each.id);
    line.appendChild(element('td', 'num', served === null ? (curves || failed ? word('unknown') : '…') : people(served)));
    if (chosen) { line.setAttribute('aria-current', 'true'); }
    return line;
  }

  shown.facilityParts.forEach((part) => part.layer.on('click popupopen', () => state.set({ facility: part.ids[0] })));
  state.on(['facility'], () => { highlight.clear(); draw(); mark(body, body.querySelector('tr[aria-current]')); });
  state.on(['limit', 'tried'], draw);
  box.addEventListener('toggle', () => { if (box.open) { draw(); begin(); } else { highlight.clear(); } });
  box.hidden = !all.length;
}
