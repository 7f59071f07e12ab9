/* The map by area: what share of the people of each township, county or village is within the limit, or how many are not.
   Figures come from the curves, so a new limit, or what is being tried, asks nobody. Shares are colours of areas; numbers of
   people are never a colour but the size of a circle. An area known only by its code is a circle where its people live. */

import { read } from './answers.js';
import { peopleOf, rowsAt } from './figures.js';
import { problemIn, showProblem } from './problems.js';
import { element, fill, people, percent, signed, whole, word } from './text.js';

const LEVELS = ['township', 'county', 'village', 'prefecture', 'province', 'zone'];
// From few to nearly all: the two hues of the surface, far and near.
const BREAKS = [0, 0.2, 0.4, 0.6, 0.8, 0.95];
// Changes in points: dark is much; what differs by less than a tenth of a point is no change.
const CHANGES = [
  { from: 10, colour: '#0b4f6c' }, { from: 0.1, colour: '#8fc3d3' }, { from: -0.1, colour: '#eef1f2' },
  { from: -10, colour: '#e3b3c9' }, { from: -Infinity, colour: '#8a2d5c' }
];
const DARK = ['#0b4f6c', '#8a2d5c'];
const NOBODY = '#f7f9fa';
const BEYOND = '#8a2d5c';
const LARGEST = 34; // radius of the circle of the most people, pixels
const SMALLEST = 4;
const MOST_LABELS = 25;

function classOf(share) {
  let found = 0;
  BREAKS.forEach((from, i) => { if (share >= from - 1e-12) { found = i; } });
  return found;
}

function changeOf(points) { return CHANGES.find((each) => points >= each.from - 1e-9); }

function levelsIn(curves) {
  const there = curves.areas.map((each) => each.level);
  return LEVELS.filter((level) => there.includes(level));
}

/* The row of each area by its code, at a limit. */
function byCode(answer, limit) {
  const found = {};
  rowsAt(answer, Math.round(limit / answer.curves.step)).forEach((row) => { found[row.code] = row; });
  return found;
}

export function showAreas(state, shown, planner, tools, boxes, took) {
  const { map, legend } = shown;
  const renderer = L.svg({ pane: 'areas', padding: 0.5 });
  const colours = [tools.far[3], tools.far[2], tools.far[0], tools.near[3], tools.near[2], tools.near[0]];
  const levels = levelsIn(state.get().baseline.curves);
  let features = null;
  let parts = [];
  let missing = [];
  let drawn = null; // the level that is drawn
  let layer = L.layerGroup();
  let waiting = 0;
  ['areas', 'area-names'].forEach((name, i) => { map.createPane(name).style.zIndex = 360 + 85 * i; });
  map.getPane('area-names').style.pointerEvents = 'none';
  map.getPane('area-names').setAttribute('aria-hidden', 'true');
  const key = element('div', 'gm-area-key');
  key.hidden = true;
  legend.insertBefore(key, legend.querySelector('.gm-of-surface'));

  async function begin() {
    if (features) { return; }
    boxes.status.hidden = false;
    boxes.status.textContent = word('asking');
    try {
      const told = await read(`/api/services/${encodeURIComponent(planner.service)}/areas?run=${planner.run}`);
      if (!told.features) { throw problemIn(500, ''); }
      features = told.features;
      boxes.status.hidden = true;
    } catch (error) {
      state.set({ mode: 'surface' });
      boxes.status.hidden = false;
      showProblem(boxes.status, error, word('areas_failed'));
    }
  }

  /* One part for each area of a level: its polygon, else a circle where its people live. */
  function build(level) {
    const rows = byCode(state.get().baseline, state.get().limit);
    layer.remove();
    layer = L.layerGroup();
    missing = [];
    parts = features.filter((each) => each.properties.level === level && rows[each.id]).map((each) => {
      const { name, centre } = each.properties;
      const part = { code: each.id, title: name, name, most: rows[each.id].states ? rows[each.id].people : 0, polygon: null, circle: null, mark: null };
      if (each.geometry) {
        part.polygon = L.GeoJSON.geometryToLayer(each, { renderer, pane: 'areas', color: '#ffffff', weight: 1.5, fillOpacity: 0.92, className: 'gm-area' });
        part.at = centre ? L.latLng(centre[1], centre[0]) : part.polygon.getBounds().getCenter();
      } else if (centre) {
        part.at = L.latLng(centre[1], centre[0]);
      } else { missing.push(name); return null; }
      part.circle = L.circleMarker(part.at, { renderer, pane: 'areas', interactive: false, weight: 1.5, color: '#ffffff', fillOpacity: 0.88 });
      part.layer = part.polygon || L.circleMarker(part.at, { renderer, pane: 'areas', stroke: false, fillOpacity: 0, className: 'gm-area gm-target' });
      return part;
    }).filter(Boolean);
    // Large ones beneath small ones, so that each can be pointed at.
    parts.sort((a, b) => b.most - a.most || (a.code < b.code ? -1 : 1));
    parts.forEach((part) => { if (part.polygon) { layer.addLayer(part.polygon); } });
    parts.forEach((part) => { layer.addLayer(part.circle); });
    parts.forEach((part) => { if (!part.polygon) { layer.addLayer(part.layer); } });
    layer.addTo(map);
    parts.forEach(bind);
    // Who walks through them by keyboard goes from north to south.
    const walked = parts.slice().sort((a, b) => b.at.lat - a.at.lat || a.at.lng - b.at.lng);
    walked.forEach((part) => { part.content = () => card(part); });
    if (walked.length) { tools.keyboardLayer(map, 'areas', `${word('mode_areas')}${word('colon')}${word(`level_${level}`)}`, walked); }
    names();
    drawn = level;
  }

  function bind(part) {
    part.layer.bindTooltip(() => card(part, true), { direction: 'top', className: 'gm-tip', sticky: Boolean(part.polygon) });
    part.layer.on('click', (event) => {
      L.DomEvent.stopPropagation(event);
      if (!took(event.latlng)) { part.layer.closeTooltip(); tools.popupOf({ content: () => card(part) }).setLatLng(part.polygon ? event.latlng : part.at).openOn(map); }
    });
    const node = part.layer.getElement();
    node.addEventListener('focus', () => part.layer.openTooltip(part.at));
    node.addEventListener('blur', () => part.layer.closeTooltip());
  }

  /* Names stand on the map where there are few areas; each is the first line of its label, the figure the second. */
  function names() {
    parts.forEach((part) => {
      if (parts.length > MOST_LABELS) { return; }
      const node = element('span', 'area-name');
      part.mark = { name: node.appendChild(element('b', '', part.title)), figure: node.appendChild(element('span', '')), node };
      layer.addLayer(L.marker(part.at, { pane: 'area-names', interactive: false, keyboard: false, icon: L.divIcon({ className: 'area-name-box', html: node, iconSize: [0, 0] }) }));
    });
  }

  function figures(part) {
    const { baseline, tried } = state.get();
    const before = part.before;
    const row = part.row;
    const compared = tried && before && row && before.share !== null && row.share !== null;
    return { row, before: tried ? before : null, points: compared ? 100 * (row.share - before.share) : null, baseline };
  }

  function card(part, short) {
    const { row, before, points } = figures(part);
    const box = element('div', short ? '' : 'gm-popup');
    box.appendChild(element('b', '', part.title));
    const line = (label, text) => box.appendChild(element('div', '', `${label}${word('colon')}${text}`));
    if (!row || row.share === null) { box.appendChild(element('div', '', word(row && row.states && row.people === 0 ? 'no_people' : 'no_data'))); return box; }
    line(word('share_covered'), percent(row.share) + (points === null ? '' : ` ${word('open_bracket')}${signed(points, 1)} ${word('points')}${word('close_bracket')}`));
    line(word('people_not_covered'), `${people(peopleOf(row.states) - row.states.covered - row.states.no_data)} / ${people(row.people)}`);
    if (row.states.unreachable > 0) { line(word('people_unreachable'), people(row.states.unreachable)); }
    if (row.states.no_data > 0) { line(word('people_no_data'), people(row.states.no_data)); }
    if (before && before.states) { line(word('baseline'), `${percent(before.share)} · ${people(before.states.covered)}`); }
    if (!short && !part.polygon) { box.appendChild(element('div', 'gm-soft', word('no_outline'))); }
    if (!short) { box.appendChild(gapLink(part)); }
    return box;
  }

  function gapLink(part) {
    const own = planner.thresholds.find((each) => each.value === state.get().limit) || planner.thresholds[0];
    const link = element('a', '', word('gaps_of_area'));
    link.href = `/gaps?service=${encodeURIComponent(planner.service)}&threshold=${encodeURIComponent(own.id)}&area=${encodeURIComponent(part.code)}`;
    return link;
  }

  const beyondOf = (row) => (row.states ? row.states.beyond + row.states.unreachable : null);

  function colourOf(part, differs) {
    const { row, points } = figures(part);
    if (!row || row.share === null) { return row && row.states && row.people === 0 ? NOBODY : tools.noData; }
    if (differs) { return points === null ? tools.noData : changeOf(points).colour; }
    return colours[classOf(row.share)];
  }

  /* What is written below the name of an area, and read aloud for it. */
  function textOf(part, measure, differs) {
    const { row, points } = figures(part);
    if (!row || row.share === null) { return word(row && row.states && row.people === 0 ? 'no_people' : 'no_data'); }
    if (measure === 'beyond') { return `${people(beyondOf(row))} ${word('people')}`; }
    return differs ? (points === null ? word('no_data') : `${signed(points, 1)} ${word('points')}`) : percent(row.share);
  }

  function paint() {
    waiting = 0;
    const { limit, baseline, tried, mode, level, measure, view } = state.get();
    const on = mode === 'areas' && features !== null;
    map.getContainer().classList.toggle('by-area', on);
    legend.classList.toggle('gm-by-area', on);
    key.hidden = !on;
    if (!on) { layer.remove(); drawn = null; return; }
    if (drawn !== level) { build(level); }
    const before = byCode(baseline, limit);
    const rows = tried ? byCode(tried, limit) : before;
    const differs = view === 'difference' && Boolean(tried) && measure === 'share';
    const most = Math.max(1, ...parts.map((part) => part.most));
    parts.forEach((part) => {
      part.before = before[part.code];
      part.row = rows[part.code];
      draw(part, measure, differs, most);
    });
    arrange(map, parts.filter((part) => part.mark), parts, shown.facilityParts);
    describe(key, limit, level, measure, differs, most);
    document.documentElement.setAttribute('data-areas', `${level} ${measure} ${limit}`);
  }

  function draw(part, measure, differs, most) {
    const unknown = !part.row || part.row.share === null;
    const colour = colourOf(part, differs);
    const counted = unknown ? 0 : (measure === 'beyond' ? beyondOf(part.row) : part.row.people);
    const radius = unknown || !(counted > 0) ? SMALLEST : Math.max(SMALLEST, LARGEST * Math.sqrt(counted / most));
    const look = `${colour} ${radius.toFixed(1)} ${measure} ${unknown} ${counted > 0}`;
    label(part, measure, differs, colour, radius, unknown);
    // Most areas look as before when a limit moves by a step: two thousand of them are not drawn anew.
    if (part.look === look) { return; }
    part.look = look;
    const outline = unknown ? { color: '#5d6c75', dashArray: '3 3', weight: 1.5 } : { color: part.polygon ? '#ffffff' : '#4a5b66', dashArray: null, weight: part.polygon ? 1.5 : 1 };
    if (part.polygon) {
      part.polygon.setStyle(Object.assign({ fillColor: measure === 'beyond' && !unknown ? NOBODY : colour }, measure === 'beyond' ? { color: '#7d878d', weight: 1, dashArray: outline.dashArray } : outline));
      const on = measure === 'beyond' && !unknown ? 1 : 0;
      part.circle.setStyle({ opacity: on, fillOpacity: 0.8 * on, color: counted > 0 ? '#ffffff' : BEYOND, fillColor: counted > 0 ? BEYOND : '#ffffff' });
    } else {
      const empty = measure === 'beyond' && !unknown && !(counted > 0);
      part.circle.setStyle(Object.assign(outline, { fillColor: unknown ? colour : (measure === 'beyond' ? (empty ? '#ffffff' : BEYOND) : colour) }, empty ? { color: BEYOND } : {}));
      // The circle may be small; what is pointed at is a disc of 26 px at least.
      part.layer.setRadius(Math.max(13, radius));
    }
    part.circle.setRadius(radius);
  }

  function label(part, measure, differs, colour, radius, unknown) {
    const text = textOf(part, measure, differs);
    part.name = `${part.title}${word('colon')}${text}${unknown ? '' : ` · ${people(part.row.people)} ${word('people')}`}`;
    part.layer.getElement().setAttribute('aria-label', part.name);
    if (part.mark) {
      part.mark.figure.textContent = text;
      part.mark.node.classList.toggle('on-dark', Boolean(part.polygon) && measure === 'share' && DARK.includes(colour));
    }
    part.radius = part.polygon && measure !== 'beyond' ? 0 : radius;
    const tip = part.layer.getTooltip();
    if (tip && tip.isOpen()) { tip.update(); }
  }

  /* The legend counts the areas of each class; unknown stands apart, and what is not drawn is named. */
  function describe(box, limit, level, measure, differs, most) {
    const open = box.querySelector('details') && box.querySelector('details').open;
    box.textContent = '';
    const title = word(measure === 'beyond' ? 'people_not_covered' : (differs ? 'change_of_share' : 'share_covered'));
    box.appendChild(element('h3', '', `${title} · ${word(`level_${level}`)} · ${fill('within_limit', { limit, unit: word('unit') })}`));
    const count = (test) => parts.filter((part) => part.row && part.row.share !== null && test(part)).length;
    const row = (colour, text, number) => box.appendChild(tools.legendRow(tools.colourSwatch(colour), text, whole(number)));
    if (measure === 'share' && !differs) {
      BREAKS.slice().reverse().forEach((from, i) => {
        const to = i ? BREAKS[BREAKS.length - i] : null;
        const text = to === null ? `≥ ${from * 100} %` : (from === 0 ? `< ${to * 100} %` : `${from * 100}–${to * 100} %`);
        row(colours[BREAKS.length - 1 - i], text, count((part) => classOf(part.row.share) === BREAKS.length - 1 - i));
      });
    } else if (differs) {
      CHANGES.forEach((each, i) => row(each.colour, word(`points_${i}`), count((part) => { const { points } = figures(part); return points !== null && changeOf(points) === each; })));
    }
    if (measure === 'beyond' || parts.some((part) => !part.polygon)) { box.appendChild(sizes(most, measure)); }
    if (measure === 'beyond') { box.appendChild(tools.legendRow(element('span', 'gm-ring'), word('nobody_beyond'), whole(count((part) => !(beyondOf(part.row) > 0))))); }
    const unknown = parts.filter((part) => !part.row || part.row.share === null);
    const nobody = unknown.filter((part) => part.row && part.row.states && part.row.people === 0).length;
    row(tools.noData, word('no_data'), unknown.length - nobody).classList.add('gm-unknown');
    if (nobody) { row(NOBODY, word('no_people'), nobody); }
    const round = parts.filter((part) => !part.polygon).length;
    if (round) { box.appendChild(element('p', 'gm-note', fill('areas_as_circles', { count: round }))); }
    if (missing.length) {
      const fold = box.appendChild(element('details', 'gm-missing'));
      fold.open = Boolean(open);
      fold.appendChild(element('summary', '', fill('areas_not_drawn', { count: missing.length })));
      fold.appendChild(element('p', 'gm-note', missing.join(word('list_comma'))));
    }
  }

  function sizes(most, measure) {
    const box = element('div', 'gm-sizes');
    const round = (value) => { const unit = 10 ** Math.floor(Math.log10(value)); return unit * [5, 2, 1].find((each) => each * unit <= value); };
    const values = [round(most), round(most / 4), round(most / 20)].filter((each, i, all) => each >= 1 && all.indexOf(each) === i);
    box.appendChild(element('span', 'gm-sizes-of', word(measure === 'beyond' ? 'circle_beyond' : 'circle_people')));
    values.forEach((value) => {
      const item = box.appendChild(element('span', 'gm-size'));
      const disc = item.appendChild(element('i', measure === 'beyond' ? 'gm-size-beyond' : ''));
      disc.style.width = disc.style.height = `${(2 * Math.max(SMALLEST, LARGEST * Math.sqrt(value / most))).toFixed(1)}px`;
      item.appendChild(element('span', '', whole(value)));
    });
    return box;
  }

  map.on('zoomend', () => arrange(map, parts.filter((part) => part.mark), parts, shown.facilityParts));
  const later = () => { if (!waiting) { waiting = window.requestAnimationFrame(paint); } };
  controls(state, levels, boxes, begin, later);
  state.on(['limit', 'tried', 'baseline', 'view', 'mode', 'level', 'measure'], later);
  if (state.get().mode === 'areas') { begin().then(later); }
}

/* Names beside their circles, clear of other circles, names and facilities where there is room: below, above, right, left. */
function arrange(map, named, parts, facilities) {
  const overlap = (a, b) => Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left)) * Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top));
  const disc = (at, radius) => { const p = map.latLngToLayerPoint(at); return { left: p.x - radius, right: p.x + radius, top: p.y - radius, bottom: p.y + radius }; };
  const taken = parts.filter((part) => part.radius > 0).map((part) => disc(part.at, part.radius)).concat(facilities.map((part) => disc(part.at, 8)));
  named.forEach((part) => {
    const { node } = part.mark;
    const [width, height, r] = [node.offsetWidth, node.offsetHeight, part.radius];
    const p = map.latLngToLayerPoint(part.at);
    const places = [[-width / 2, r + 1], [-width / 2, -r - height - 1], [r + 3, -height / 2], [-r - width - 3, -height / 2]];
    if (r === 0) { places.unshift([-width / 2, -height / 2]); }
    let best = null;
    places.forEach(([x, y]) => {
      const box = { left: p.x + x, right: p.x + x + width, top: p.y + y, bottom: p.y + y + height };
      const cost = taken.reduce((sum, each) => sum + overlap(box, each), 0);
      if (best === null || cost < best.cost) { best = { x, y, box, cost }; }
    });
    node.style.left = `${best.x}px`;
    node.style.top = `${best.y}px`;
    taken.push(best.box);
  });
}

/* The switch beside the views: surface or areas, and of areas which level and which figure. */
function controls(state, levels, boxes, begin, later) {
  const buttons = boxes.modes.querySelectorAll('button');
  const curves = state.get().baseline.curves;
  levels.forEach((level) => {
    const count = curves.areas.filter((each) => each.level === level).length;
    const option = element('option', '', `${word(`level_${level}`)}${word('open_bracket')}${whole(count)}${word('close_bracket')}`);
    option.value = level;
    boxes.level.appendChild(option);
  });
  boxes.modes.hidden = !levels.length;
  buttons.forEach((each) => each.addEventListener('click', async () => {
    state.set({ mode: each.value });
    if (each.value === 'areas') { await begin(); later(); }
  }));
  boxes.level.addEventListener('change', () => state.set({ level: boxes.level.value }));
  boxes.measure.addEventListener('change', () => state.set({ measure: boxes.measure.value }));
  const show = () => {
    const { mode, level, measure, view } = state.get();
    buttons.forEach((each) => each.setAttribute('aria-pressed', String(each.value === mode)));
    boxes.choice.hidden = mode !== 'areas';
    boxes.level.value = level;
    boxes.measure.value = measure;
    // Two panes beside each other are of the surface only.
    boxes.swipe.disabled = mode === 'areas';
    if (mode === 'areas' && view === 'swipe') { state.set({ view: 'now' }); }
  };
  state.on(['mode', 'level', 'measure', 'view'], show);
  show();
}

/* What an address asks for: `by=township`, or `by=village-beyond`; null where it asks for nothing that is there. */
export function areasAsked(text, curves) {
  const [level, measure] = (text || '').split('-');
  const levels = levelsIn(curves);
  const known = levels.includes(level);
  return { mode: known ? 'areas' : 'surface', level: known ? level : levels[0], measure: measure === 'beyond' ? 'beyond' : 'share' };
}
