/* A place explained: which facility, how long by which legs, the second nearest, who lives there. */

import { post } from './answers.js';
import { amount, element, fill, people, word } from './text.js';

const COLOURS = { walk: '#5b3a8c', ride: '#16242e', road: '#16242e' };

export function explainPlaces(state, shown, planner, changes) {
  const { map } = shown;
  let legs = null;
  let asked = 0;
  const clear = () => { if (legs) { legs.remove(); legs = null; } };
  map.on('popupclose', clear);

  async function explain(at, gap) {
    asked += 1;
    const mine = asked;
    clear();
    const box = element('div', 'gm-popup explain', word('asking'));
    const popup = L.popup({ maxWidth: 320, minWidth: 240 }).setLatLng(at).setContent(box).openOn(map);
    try {
      const told = await post(planner, `/api/services/${encodeURIComponent(planner.service)}/explain`,
        { lon: Number(at.lng.toFixed(6)), lat: Number(at.lat.toFixed(6)), changes: changes() });
      if (mine !== asked) { return; }
      fillBox(box, told, state.get().limit);
      legs = drawLegs(map, told.legs || []);
    } catch (error) {
      if (mine !== asked) { return; }
      box.textContent = error.message;
    }
    if (gap) { box.appendChild(gap()); }
    popup.update();
  }
  return explain;
}

function fillBox(box, told, limit) {
  box.textContent = '';
  const line = (label, text) => {
    const row = box.appendChild(element('div', 'explain-row'));
    row.appendChild(element('span', 'gm-soft', label));
    row.appendChild(element('span', '', text));
  };
  if (told.minutes === null || told.minutes === undefined) {
    box.appendChild(element('b', '', word(told.state) || told.state));
    if (told.reason) { box.appendChild(element('p', '', told.reason)); }
  } else {
    const value = told.value === undefined ? told.minutes : told.value;
    const head = box.appendChild(element('p', 'explain-head'));
    head.appendChild(element('b', '', amount(value)));
    head.appendChild(element('span', value <= limit ? 'tag-near' : 'tag-far', word(value <= limit ? 'covered' : 'beyond')));
    if (told.nearest) { line(word('nearest'), told.nearest.name); }
  }
  (told.legs || []).forEach((leg) => {
    line(word(`leg_${leg.kind}`), fill('leg_text', { minutes: leg.minutes.toFixed(1), km: (leg.metres / 1000).toFixed(1) }));
  });
  if (told.second) { line(word('second_nearest'), `${told.second.name} · ${amount(told.second.minutes)}`); }
  if (told.area) { line(word('area'), told.area.name); }
  if (told.people !== undefined) { line(word('people_here'), people(told.people)); }
  (told.would_change || []).forEach((text) => box.appendChild(element('p', 'gm-soft', text)));
}

function drawLegs(map, legs) {
  const lines = legs.filter((leg) => leg.line && leg.line.length > 1).map((leg) => L.polyline(leg.line.map(([lon, lat]) => [lat, lon]), {
    color: COLOURS[leg.kind] || COLOURS.road, weight: 3.5, opacity: 0.9, dashArray: leg.kind === 'walk' ? '2 6' : null, interactive: false, pane: 'boundary'
  }));
  return L.layerGroup(lines).addTo(map);
}
