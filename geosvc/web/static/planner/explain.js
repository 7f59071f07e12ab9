/* A place explained: which facility, how long by which legs, the second nearest, who lives there, and what would change it. */

import { post } from './answers.js';
import { showProblem } from './problems.js';
import { amount, element, fill, people, word } from './text.js';

const WIDEST = 320;
const TIP = 34; // from a place to the words below it: the tip, and as much as Leaflet leaves beneath the words
const ABOVE = 7; // Leaflet's own
const CORNER = 36; // how near to its corner the tip of the words may stand
const COLOURS = { foot: '#5b3a8c', cycle: '#5b3a8c', ride: '#16242e' };

/* `trial` gives what is being tried, or null where nothing may be. */
export function explainPlaces(state, shown, planner, trial) {
  const { map } = shown;
  let legs = null;
  let asked = 0;
  const clear = () => { if (legs) { legs.remove(); legs = null; } };
  map.on('popupclose', clear);

  async function explain(at, gap) {
    asked += 1;
    const mine = asked;
    clear();
    // What is known of the gap stands there at once; the way there follows.
    const whole = element('div', 'gm-popup explain');
    const box = whole.appendChild(element('div', '', word('asking')));
    const right = besideLegend(shown);
    let towards = null;
    const popup = L.popup({
      autoPan: false, maxWidth: WIDEST, minWidth: 240, maxHeight: Math.max(220, map.getSize().y - 120), autoPanPaddingTopLeft: [10, 56], autoPanPaddingBottomRight: [right, 10]
    }).setLatLng(at).setContent(whole);
    if (gap) { whole.appendChild(folded(gap(), () => place(popup, map, right, towards))); }
    popup.openOn(map);
    place(popup, map, right, towards);
    try {
      const told = await post(planner, `/api/services/${encodeURIComponent(planner.service)}/explain`,
        { lon: Number(at.lng.toFixed(6)), lat: Number(at.lat.toFixed(6)), changes: trial() ? trial().changes() : {} });
      if (mine !== asked) { return; }
      // The pixel may be of the cell beside: an area that the server names holds.
      const outside = shown.surface.numberAt(at) === shown.surface.data.outside && !(told.areas && told.areas.length);
      fillBox(box, told, state.get().limit, outside);
      if (typeof told.value === 'number') { map.fire('explained', { text: amount(told.value) }); }
      if (trial()) { box.appendChild(wouldChange(told, at, trial(), () => map.closePopup(popup))); }
      const way = (told.legs || []).concat((told.then && told.then.legs) || []);
      legs = drawLegs(map, way);
      towards = endOf(way);
    } catch (error) {
      if (mine === asked) { showProblem(box, error); }
    }
    place(popup, map, right, towards);
  }
  return explain;
}

/* The legend lies above popups: where there is room for both, the words keep clear of it. */
function besideLegend({ map, legend }) {
  const taken = legend.offsetWidth + 20;
  return map.getSize().x - taken > WIDEST + 80 ? taken : 10;
}

/* Above or below the place, wherever more room is, so that the map need not move away from under the reader; and beside the
   way from there, as far as the map and its legend leave room. */
function place(popup, map, right, towards) {
  const box = popup.getElement();
  if (!box || !popup.isOpen()) { return; }
  popup.options.autoPan = false;
  popup.update(); // its new words decide how wide and so how high it is
  const at = map.latLngToContainerPoint(popup.getLatLng());
  const width = box.offsetWidth;
  const below = at.y < map.getSize().y / 2;
  let start = at.x - width / 2;
  if (towards) { start = map.latLngToContainerPoint(towards).x < at.x ? at.x - CORNER : at.x - width + CORNER; }
  start = Math.max(10, Math.min(start, map.getSize().x - right - width));
  const tip = Math.max(CORNER, Math.min(at.x - start, width - CORNER)); // a place under the legend: the map moves after all
  box.classList.toggle('explain-below', below);
  popup.options.offset = [width / 2 - tip, below ? box.offsetHeight + TIP : ABOVE];
  popup.options.autoPan = true;
  popup.update();
  box.querySelector('.leaflet-popup-tip-container').style.left = `${tip}px`;
}

/* Where the way from a place ends. */
function endOf(legs) {
  const last = legs.filter((leg) => leg.line && leg.line.length).pop();
  return last ? L.latLng(last.line[last.line.length - 1][1], last.line[last.line.length - 1][0]) : null;
}

/* What the gap around a place is, one line until somebody unfolds it: the place comes first. */
function folded(gap, grown) {
  const details = element('details', 'explain-gap');
  details.addEventListener('toggle', grown);
  details.appendChild(element('summary', '', gap.firstChild.textContent));
  gap.firstChild.remove();
  details.appendChild(gap);
  return details;
}

/* What would change the time of a place: a facility right here, or the loss of the nearest one. Both are tried, never done. */
function wouldChange(told, at, trial, done) {
  const box = element('div', 'explain-change');
  box.appendChild(element('p', 'gm-soft', word('would_change')));
  const act = (text, what) => {
    const button = box.appendChild(element('button', 'quiet', text));
    button.type = 'button';
    button.addEventListener('click', () => { done(); what(); });
  };
  act(word('try_here'), () => trial.openHere(at));
  if (told.nearest && trial.knows(told.nearest.id)) { act(fill('try_without', { name: nameOf(told.nearest) }), () => trial.closeOne(told.nearest.id)); }
  return box;
}

function fillBox(box, told, limit, outside) {
  box.textContent = '';
  const line = (label, text) => {
    const row = box.appendChild(element('div', 'explain-row'));
    row.appendChild(element('span', 'gm-soft', label));
    row.appendChild(element('span', '', text));
  };
  if (told.value === null || told.value === undefined) {
    box.appendChild(element('b', '', word(`place_${told.state}`)));
  } else {
    const head = box.appendChild(element('p', 'explain-head'));
    head.appendChild(element('b', '', amount(told.value)));
    // The limit is for those who live here: a place in no area is neither covered nor beyond it.
    if (!outside) { head.appendChild(element('span', told.value <= limit ? 'tag-near' : 'tag-far', told.value <= limit ? word('covered') : fill('beyond_by_amount', { amount: amount(told.value - limit) }))); }
  }
  journey(line, told, 'nearest');
  if (told.then) {
    if (told.between_minutes) { line(word('leg_between'), amount(told.between_minutes)); }
    journey(line, told.then, 'then_nearest');
  }
  if (outside) {
    line(word('area'), word('outside'));
  } else if (told.areas && told.areas.length) { line(word('area'), told.areas.map((each) => each.name).reverse().join(' · '));
  }
  if (told.people !== undefined && !outside) { line(word('people_here'), people(told.people)); }
}

// Planned facilities are numbered from here (coverage/changes.py); one without a name is called in the page's language.
const PLANNED_FROM = 1000000000;

/* To an account of some areas the facilities of others are not named. */
function nameOf(facility) {
  if (!facility) { return word('nearest_elsewhere'); }
  const planned = facility.id > PLANNED_FROM && /^＋\d+$/.test(facility.name);
  return planned ? fill('planned_name', { number: facility.id - PLANNED_FROM }) : facility.name;
}

function journey(line, told, label) {
  if (told.nearest || told.elsewhere) { line(word(label), nameOf(told.nearest)); }
  (told.legs || []).forEach((leg) => {
    const minutes = fill('leg_minutes', { minutes: leg.minutes.toFixed(1) });
    line(word(`leg_${leg.mode}`), leg.metres > 0 ? `${minutes} · ${lengthOf(leg.metres)}` : minutes);
  });
  if (told.second) { line(word('second_nearest'), `${nameOf(told.second.facility)} · ${amount(told.second.value)}`); }
}

/* A few steps are metres: nobody walks 0.0 km. */
function lengthOf(metres) {
  return metres < 95 ? fill('leg_m', { m: Math.max(1, Math.round(metres)) }) : fill('leg_km', { km: (metres / 1000).toFixed(1) });
}

function drawLegs(map, legs) {
  const lines = legs.filter((leg) => leg.line && leg.line.length > 1).map((leg) => L.polyline(leg.line.map(([lon, lat]) => [lat, lon]), {
    color: COLOURS[leg.mode] || COLOURS.ride, weight: 3.5, opacity: 0.9, dashArray: leg.mode === 'foot' ? '2 6' : null, interactive: false, pane: 'boundary'
  }));
  return L.layerGroup(lines).addTo(map);
}
