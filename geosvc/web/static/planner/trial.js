/* Trying: what would change if a facility were opened, closed or moved, a road closed, in winter. The registry stays as it is. */

import { makeAsker } from './answers.js';
import { makeHistory } from './state.js';
import { facilitiesOf, makePins } from './pins.js';
import { showProblem } from './problems.js';
import { button, element, fill, word } from './text.js';

const EMPTY = ['open', 'close', 'move', 'serve', 'close_roads', 'conditions'];

function isEmpty(changes) { return EMPTY.every((key) => !(changes[key] || []).length); }

function tidy(changes) {
  const kept = {};
  EMPTY.forEach((key) => { if ((changes[key] || []).length) { kept[key] = changes[key]; } });
  return kept;
}

function rounded(at) { return { lon: Number(at.lng.toFixed(6)), lat: Number(at.lat.toFixed(6)) }; }

/* The place on a drawn road nearest to where somebody pointed, within a finger's breadth; null without one. */
function onRoad(map, roads, at) {
  const point = map.latLngToLayerPoint(at);
  let best = null;
  let least = 24;
  (roads ? roads.features : []).forEach((feature) => {
    const parts = feature.geometry.type === 'LineString' ? [feature.geometry.coordinates] : feature.geometry.coordinates;
    parts.forEach((line) => {
      for (let i = 1; i < line.length; i += 1) {
        const from = map.latLngToLayerPoint([line[i - 1][1], line[i - 1][0]]);
        const to = map.latLngToLayerPoint([line[i][1], line[i][0]]);
        const near = L.LineUtil.closestPointOnSegment(point, from, to);
        const distance = near.distanceTo(point);
        if (distance < least) { least = distance; best = near; }
      }
    });
  });
  return best ? map.layerPointToLatLng(best) : null;
}

export function makeTrial(state, shown, planner, tools, boxes) {
  const { map, doc, layers } = shown;
  const registered = doc.facilities.id.map((id, i) => ({
    id, name: doc.facilities.name[i], group: doc.facilities.group[i], lon: doc.facilities.lon[i], lat: doc.facilities.lat[i]
  }));
  const roads = L.layerGroup();
  let tool = null;

  const asker = makeAsker(planner, tools, state.get().baseline.numbers, {
    answer(answer, changes, milliseconds) {
      boxes.status.textContent = fill('answered_in', { ms: Math.round(milliseconds) });
      boxes.root.classList.remove('failed');
      document.documentElement.setAttribute('data-answered', String(Math.round(milliseconds)));
      if (!isEmpty(history.now())) { state.set({ tried: answer, asked: changes }); }
    },
    failed(error) {
      showProblem(boxes.status, error, word('trial_failed'));
      boxes.root.classList.add('failed');
    },
    busy(busy) { boxes.root.setAttribute('aria-busy', String(busy)); }
  });

  const history = makeHistory((changes, can, live) => {
    boxes.undo.disabled = !can.undo;
    boxes.redo.disabled = !can.redo;
    boxes.clear.disabled = isEmpty(changes);
    if (boxes.save) { boxes.save.disabled = isEmpty(changes); }
    state.set({ changes });
    pins.show(facilitiesOf(registered, changes, planner));
    showRoads(changes);
    list(changes);
    conditionsShown(changes);
    if (isEmpty(changes)) {
      state.set({ tried: null, view: 'now' });
      boxes.status.textContent = word('trial_hint');
      boxes.root.classList.remove('failed');
    } else if (nobodyLeft(changes)) {
      boxes.status.textContent = word('nobody_left');
      boxes.root.classList.add('failed');
    } else { asker.ask(tidy(changes), live); }
  });

  /* Who sees some areas only does not know who else is there: the server says. */
  function nobodyLeft(changes) {
    return planner.whole && !(changes.open || []).length && registered.every((each) => (changes.close || []).includes(each.id));
  }

  function change(alter, live) {
    const changes = history.now();
    EMPTY.forEach((key) => { changes[key] = changes[key] || []; });
    alter(changes);
    history.put(tidy(changes), live);
  }

  const edits = {
    begin: () => history.now(),
    end: (before) => history.settle(before),
    move(each, at, live) {
      const there = rounded(at);
      change((changes) => {
        if (each.planned) {
          changes.open = changes.open.map((one) => (one.number === each.number ? Object.assign(one, there) : one));
          return;
        }
        changes.move = changes.move.filter((one) => one.facility !== each.id).concat([Object.assign({ facility: each.id }, there)]);
      }, live);
    },
    chosen(each) { state.set({ facility: each.id }); },
    back(each) { change((changes) => { changes.move = changes.move.filter((one) => one.facility !== each.id); }); },
    close(each) {
      change((changes) => {
        const open = changes.close.indexOf(each.id) < 0;
        changes.close = open ? changes.close.concat([each.id]) : changes.close.filter((one) => one !== each.id);
        changes.move = changes.move.filter((one) => one.facility !== each.id);
      });
    },
    remove(each) { change((changes) => { changes.open = changes.open.filter((one) => one.number !== each.number); }); },
    rename(each, name) {
      change((changes) => { changes.open = changes.open.map((one) => (one.number === each.number ? Object.assign(one, { name: name.trim() }) : one)); });
    },
    open(at, code) {
      change((changes) => {
        const number = Math.max(0, ...changes.open.map((one) => one.number)) + 1;
        changes.open.push(Object.assign({ number, class_code: code, name: '' }, rounded(at)));
      });
    },
    serveNo(facility) { change((changes) => { changes.serve = changes.serve.filter((one) => one.facility !== facility); }); },
    closeRoad(at) { change((changes) => { const there = rounded(at); changes.close_roads.push([there.lon, there.lat]); }); },
    reopenRoad(i) { change((changes) => { changes.close_roads.splice(i, 1); }); },
    condition(id, on) { change((changes) => { changes.conditions = changes.conditions.filter((one) => one !== id).concat(on ? [id] : []); }); }
  };
  const pins = makePins(map, tools, planner, edits);

  function showRoads(changes) {
    roads.clearLayers();
    (changes.close_roads || []).forEach(([lon, lat], i) => {
      const mark = L.marker([lat, lon], {
        icon: L.divIcon({ className: 'pin-box', html: element('span', 'road-closed', '✕'), iconSize: [24, 24] }), pane: 'facilities', keyboard: true
      });
      mark.bindTooltip(() => element('div', '', word('road_closed_here')), { className: 'gm-tip' });
      mark.on('click', () => edits.reopenRoad(i));
      roads.addLayer(mark);
    });
  }

  function list(changes) {
    boxes.list.textContent = '';
    const byId = {};
    registered.forEach((each) => { byId[each.id] = each.name; });
    const line = (text, undo) => {
      const item = element('li');
      item.appendChild(element('span', '', text));
      const away = button('×', 'bare', undo);
      away.setAttribute('aria-label', `${word('take_back')} ${text}`);
      item.appendChild(away);
      boxes.list.appendChild(item);
    };
    (changes.open || []).forEach((each) => line(fill('change_open', { name: each.name || fill('planned_name', { number: each.number }) }), () => edits.remove(Object.assign({ planned: true }, each))));
    (changes.move || []).forEach((each) => line(fill('change_move', { name: byId[each.facility] || each.facility }), () => edits.back({ id: each.facility })));
    (changes.close || []).forEach((id) => line(fill('change_close', { name: byId[id] || id }), () => edits.close({ id })));
    (changes.serve || []).forEach((each) => line(
      fill('change_serve', { name: byId[each.facility] || each.facility, mode: planner.modes[each.mode] || each.mode, count: each.areas.length }),
      () => edits.serveNo(each.facility)));
    (changes.close_roads || []).forEach((each, i) => line(fill('change_road', { lon: each[0].toFixed(3), lat: each[1].toFixed(3) }), () => edits.reopenRoad(i)));
    (changes.conditions || []).forEach((id) => line(conditionName(id), () => edits.condition(id, false)));
    boxes.list.hidden = !boxes.list.children.length;
  }

  function conditionName(id) {
    const known = planner.conditions.find((each) => each.id === id);
    return known ? known.name : id;
  }

  function conditionsShown(changes) {
    boxes.conditions.querySelectorAll('input').forEach((input) => { input.checked = (changes.conditions || []).includes(input.value); });
  }

  planner.conditions.forEach((each) => {
    const label = element('label', 'check');
    const input = label.appendChild(element('input'));
    Object.assign(input, { type: 'checkbox', value: each.id });
    input.addEventListener('change', () => edits.condition(each.id, input.checked));
    label.appendChild(document.createTextNode(each.name));
    boxes.conditions.appendChild(label);
  });

  /* A tool that waits for a click on the map; Escape puts it down. */
  function take(name) {
    tool = tool === name ? null : name;
    [['open', boxes.open], ['road', boxes.road]].forEach(([own, node]) => { if (node) { node.setAttribute('aria-pressed', String(tool === own)); } });
    map.getContainer().classList.toggle('picking', tool !== null);
    boxes.hint.textContent = tool ? word(tool === 'open' ? 'click_to_open' : 'click_to_close_road') : '';
  }
  boxes.open.addEventListener('click', () => take('open'));
  if (boxes.road) { boxes.road.addEventListener('click', () => take('road')); }
  boxes.centre.addEventListener('click', () => edits.open(map.getCenter(), boxes.code.value));
  document.addEventListener('keydown', (event) => { if (event.key === 'Escape' && tool) { take(tool); } });
  boxes.undo.addEventListener('click', () => history.undo());
  boxes.redo.addEventListener('click', () => history.redo());
  boxes.clear.addEventListener('click', () => history.put({}));

  function begin() {
    if (!map.hasLayer(pins.layer)) {
      layers.facilities.remove();
      layers.facilities = L.layerGroup([pins.layer, roads]);
      layers.facilities.addTo(map);
    }
    pins.show(facilitiesOf(registered, history.now(), planner));
  }

  function unfold() {
    boxes.root.open = true;
    begin();
  }

  return {
    begin,
    start(changes) { begin(); history.start(changes); },
    changes: () => tidy(history.now()),
    /* From elsewhere on the page: a facility at a place, or without one that is registered. */
    openHere(at) { unfold(); edits.open(at, boxes.code.value); },
    closeOne(id) { unfold(); edits.close({ id }); },
    knows: (id) => registered.some((each) => each.id === id) && (history.now().close || []).indexOf(id) < 0,
    /* Whether a click on the map was meant for a tool. */
    took(at) {
      if (tool === 'open') { edits.open(at, boxes.code.value); take('open'); return true; }
      if (tool === 'road') {
        const there = onRoad(map, doc.roads, at);
        if (there) { edits.closeRoad(there); take('road'); } else { boxes.hint.textContent = word('no_road_here'); }
        return true;
      }
      return false;
    }
  };
}
