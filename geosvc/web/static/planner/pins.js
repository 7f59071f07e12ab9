/* Facilities that can be moved: dragged, with Shift and the arrows, or by typing where they stand. */

import { button, element, fill, word } from './text.js';

const MOST_PINS = 400;
const PIXELS = { ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8] };

/* The facilities as changes make them, from those that are registered. */
export function facilitiesOf(registered, changes, planner) {
  const closed = new Set(changes.close || []);
  const moved = {};
  (changes.move || []).forEach((each) => { moved[each.facility] = each; });
  const found = registered.map((each) => {
    const there = moved[each.id];
    return Object.assign({}, each, { closed: closed.has(each.id), moved: Boolean(there), lon: there ? there.lon : each.lon, lat: there ? there.lat : each.lat });
  });
  (changes.open || []).forEach((each) => found.push({
    id: null, number: each.number, planned: true, lon: each.lon, lat: each.lat, group: planner.group,
    name: each.name || fill('planned_name', { number: each.number })
  }));
  return found;
}

/* Facilities at one place stand around it, so that each can be pointed at. */
function apart(facilities) {
  const places = {};
  facilities.forEach((each) => { const key = `${each.lon},${each.lat}`; (places[key] = places[key] || []).push(each); });
  Object.keys(places).filter((key) => places[key].length > 1).forEach((key) => {
    const members = places[key];
    const radius = Math.max(13, (28 * members.length) / (2 * Math.PI));
    members.forEach((each, i) => {
      const angle = (2 * Math.PI * i) / members.length - Math.PI / 2;
      each.aside = [Math.round(radius * Math.cos(angle)), Math.round(radius * Math.sin(angle))];
    });
  });
  return facilities;
}

/* What decides how a pin looks: while it is the same, the pin is moved and not made anew. */
function lookOf(each) { return JSON.stringify([each.closed, each.moved, each.name, each.aside]); }

export function makePins(map, tools, planner, edits) {
  const layer = L.layerGroup();
  let pins = {};
  let focus = null;
  let held = null; // the pin in the hand is not drawn anew

  const keyOf = (each) => (each.planned ? `n${each.number}` : `f${each.id}`);

  function icon(each) {
    const mark = element('span', `map-pin${each.planned ? ' pin-planned' : ''}${each.closed ? ' pin-closed' : ''}${each.moved ? ' pin-moved' : ''}`);
    mark.style.setProperty('--pin', tools.groups[each.group] || tools.groups.other);
    const [x, y] = each.aside || [0, 0];
    return L.divIcon({ className: 'pin-box', html: mark, iconSize: [28, 28], iconAnchor: [14 - x, 14 - y] });
  }

  function labelOf(each) {
    const state = each.closed ? word('pin_closed') : (each.planned ? word('pin_planned') : (each.moved ? word('pin_moved') : ''));
    return state ? `${each.name}${word('open_bracket')}${state}${word('close_bracket')}` : each.name;
  }

  function make(each) {
    const marker = L.marker([each.lat, each.lon], { icon: icon(each), draggable: !each.closed, keyboard: true, autoPan: true, pane: 'facilities', title: '' });
    marker.facility = each;
    marker.drawnAs = lookOf(each);
    marker.bindTooltip(() => element('div', '', labelOf(marker.facility)), { direction: 'top', className: 'gm-tip', offset: [0, -10] });
    let before = null;
    marker.on('dragstart', () => { before = edits.begin(); held = keyOf(marker.facility); marker.closeTooltip(); });
    marker.on('drag', () => edits.move(marker.facility, marker.getLatLng(), true));
    marker.on('dragend', () => { held = null; edits.end(before); });
    marker.on('click', () => open(marker));
    marker.on('add', () => {
      const node = marker.getElement();
      node.setAttribute('aria-label', labelOf(marker.facility));
      node.addEventListener('keydown', (event) => pressed(marker, event));
      if (focus === keyOf(marker.facility)) { node.focus(); focus = null; }
    });
    return marker;
  }

  function pressed(marker, event) {
    const step = PIXELS[event.key];
    if (step && event.shiftKey && !marker.facility.closed) {
      const at = map.latLngToContainerPoint(marker.getLatLng()).add(step);
      focus = keyOf(marker.facility);
      edits.move(marker.facility, map.containerPointToLatLng(at), false);
    } else if (event.key === 'Delete' || event.key === 'Backspace') {
      focus = keyOf(marker.facility);
      if (marker.facility.planned) { edits.remove(marker.facility); } else { edits.close(marker.facility); }
    } else if (event.key === 'Enter' || event.key === ' ') {
      open(marker);
    } else { return; }
    event.preventDefault();
    event.stopPropagation();
  }

  function open(marker) {
    const each = marker.facility;
    edits.chosen(each);
    const box = element('div', 'pin-menu');
    box.appendChild(element('b', '', labelOf(each)));
    const close = () => map.closePopup();
    const actions = element('div', 'pin-actions');
    if (each.planned) {
      const name = box.appendChild(element('label', '', word('name')));
      const input = name.appendChild(element('input'));
      input.value = each.name;
      input.maxLength = 200;
      input.addEventListener('change', () => edits.rename(each, input.value));
      actions.appendChild(button(word('remove_planned'), 'quiet small-button', () => { edits.remove(each); close(); }));
    } else {
      box.appendChild(element('a', '', word('facility_page'))).href = `/facilities/${each.id}`;
      const text = each.closed ? 'reopen_facility' : 'close_facility';
      actions.appendChild(button(word(text), 'quiet small-button', () => { edits.close(each); close(); }));
      if (each.moved) { actions.appendChild(button(word('move_back'), 'quiet small-button', () => { edits.back(each); close(); })); }
    }
    if (!each.closed) { box.appendChild(typedPlace(each, edits, close)); }
    box.appendChild(actions);
    L.popup({ maxWidth: 300, offset: [0, -8] }).setLatLng(marker.getLatLng()).setContent(box).openOn(map);
  }

  return {
    layer,
    show(facilities) {
      const now = {};
      apart(facilities.filter((each) => each.lon !== null).slice(0, MOST_PINS)).forEach((each) => { now[keyOf(each)] = each; });
      Object.keys(pins).filter((key) => !now[key]).forEach((key) => { layer.removeLayer(pins[key]); delete pins[key]; });
      Object.keys(now).forEach((key) => {
        const each = now[key];
        const known = pins[key];
        if (known && key === held) { known.facility = each; return; }
        if (known && known.drawnAs === lookOf(each)) {
          known.facility = each;
          known.setLatLng([each.lat, each.lon]);
          return;
        }
        if (known) {
          if (document.activeElement === known.getElement()) { focus = key; }
          layer.removeLayer(known);
        }
        pins[key] = make(each);
        layer.addLayer(pins[key]);
      });
    },
    clear() { layer.clearLayers(); pins = {}; }
  };
}

/* A place can be typed: who cannot drag needs it, and who has a coordinate on paper too. */
function typedPlace(each, edits, close) {
  const form = element('form', 'pin-place');
  const inputs = ['lon', 'lat'].map((name) => {
    const label = form.appendChild(element('label', '', word(name)));
    const input = label.appendChild(element('input'));
    Object.assign(input, { type: 'number', step: '0.00001', value: String(Math.round(each[name] * 1e5) / 1e5), required: true });
    input.min = name === 'lon' ? '-180' : '-90';
    input.max = name === 'lon' ? '180' : '90';
    return input;
  });
  const go = form.appendChild(element('button', 'quiet small-button', word('move_here')));
  go.type = 'submit';
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    edits.move(each, L.latLng(inputs[1].valueAsNumber, inputs[0].valueAsNumber), false);
    close();
  });
  return form;
}
