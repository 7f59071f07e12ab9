/* The planner's page: one state, and parts of the page that show it. */

import { showAges } from './ages.js';
import { areasAsked, showAreas } from './areas.js';
import { read } from './answers.js';
import { showEquity } from './equity.js';
import { explainPlaces } from './explain.js';
import { makeGuide } from './guide.js';
import { limitControl } from './limit.js';
import { showLists } from './lists.js';
import { showProblem } from './problems.js';
import { scenarioForm } from './scenario.js';
import { showCurve } from './curve.js';
import { showFigures } from './panel.js';
import { showSurface } from './surface.js';
import { makeState } from './state.js';
import { makeTrial } from './trial.js';
import { element, speak } from './text.js';

const $ = (id) => document.getElementById(id);

function ready() {
  const { shown } = window.geosvcCoverage;
  return shown ? Promise.resolve(shown) : new Promise((done) => {
    document.addEventListener('geosvc:map', () => done(window.geosvcCoverage.shown), { once: true });
  });
}

function curvesOf(planner) {
  return read(`/api/services/${encodeURIComponent(planner.service)}/curves?run=${planner.run}`);
}

/* The address always opens what is seen: a limit of the service by its id, one's own by its value. */
function keepAddress(state, planner) {
  let timer = 0;
  state.on(['limit', 'mode', 'level', 'measure'], () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => {
      const address = new URL(window.location.href);
      const own = planner.thresholds.find((each) => each.value === state.get().limit);
      address.searchParams.delete(own ? 'limit' : 'threshold');
      address.searchParams.set(own ? 'threshold' : 'limit', own ? own.id : String(state.get().limit));
      const { mode, level, measure } = state.get();
      if (mode === 'areas') { address.searchParams.set('by', measure === 'share' ? level : `${level}-${measure}`); } else { address.searchParams.delete('by'); }
      window.history.replaceState(null, '', address.pathname + address.search);
    }, 400);
  });
}

function showViews(state, box, planner) {
  const choose = () => {
    const { tried, view } = state.get();
    // Without an outline there is no surface to compare.
    box.hidden = !tried || !planner.may_place;
    box.querySelectorAll('button').forEach((each) => each.setAttribute('aria-pressed', String(each.value === view)));
  };
  box.querySelectorAll('button').forEach((each) => each.addEventListener('click', () => state.set({ view: each.value })));
  state.on(['tried', 'view'], choose);
  choose();
}

function areaBoxes() {
  $('map-bar').hidden = false;
  return { modes: $('modes'), choice: $('area-choice'), level: $('area-level'), measure: $('area-measure'), status: $('area-status'), swipe: $('views').querySelector('[value=swipe]') };
}

/* A gap that another page points at: brought into view, with what is known of it. */
function showGap(shown, id) {
  const part = shown.gapParts.find((each) => String(each.id) === id);
  if (!part) { return; }
  shown.map.fitBounds(part.layer.getBounds(), { maxZoom: 13, padding: [40, 40], animate: false });
  L.popup({ maxWidth: 320 }).setLatLng(part.at).setContent(part.content()).openOn(shown.map);
}

/* An area or a facility that another page points at: brought into view and named. */
function showPlace(shown, place) {
  const [west, south, east, north] = place.box;
  const bounds = L.latLngBounds([south, west], [north, east]);
  shown.map.fitBounds(bounds, { maxZoom: 13, padding: [40, 40], animate: false });
  L.popup({ maxWidth: 320 }).setLatLng(bounds.getCenter()).setContent(element('div', 'place-shown', place.text)).openOn(shown.map);
}

async function start() {
  const planner = JSON.parse($('planner-data').textContent);
  speak(planner);
  const tools = window.geosvcCoverage.tools;
  const [shown, curves] = await Promise.all([ready(), curvesOf(planner)]);
  const baseline = { curves, thresholds: planner.thresholds, numbers: shown.surface.numbers };
  const byArea = areasAsked(new URL(window.location.href).searchParams.get('by'), curves);
  const state = makeState(Object.assign({ limit: planner.limit, baseline, tried: null, changes: {}, view: 'now', facility: null }, byArea));
  const boxes = { headline: $('headline'), kpis: $('kpis'), areas: $('areas') };
  const draw = showFigures(state, boxes, planner);
  limitControl(state, $('limit-box'), planner);
  showCurve(state, $('curve'), planner);
  showSurface(state, shown, tools);
  showViews(state, $('views'), planner);
  keepAddress(state, planner);
  let trial = null;
  showAreas(state, shown, planner, tools, areaBoxes(), (at) => Boolean(trial && trial.took(at)));
  showLists(state, shown, planner, { gaps: $('gap-list'), facilities: $('facility-list') });
  showAges(state, $('by-age'), planner);
  showEquity(state, $('equity'), planner);
  draw();
  const root = $('trial');
  if (planner.may_try && root) {
    const named = {};
    root.querySelectorAll('[data-box]').forEach((node) => { named[node.dataset.box] = node; });
    trial = makeTrial(state, shown, planner, tools, Object.assign(named, { root }));
    root.hidden = false;
    root.addEventListener('toggle', () => { if (root.open) { trial.begin(); } });
    const form = $('scenario-form');
    if (form) { scenarioForm(form, trial, planner); }
    if (planner.scenario) { root.open = true; trial.start(planner.scenario.changes); }
  }
  const explain = explainPlaces(state, shown, planner, () => trial);
  const clicked = (at, gap) => { if (!(trial && trial.took(at)) && planner.may_explain) { explain(at, gap); } };
  shown.map.on('click', (event) => clicked(event.latlng, null));
  window.geosvcCoverage.clicked = clicked;
  const asked = new URL(window.location.href).searchParams.get('gap');
  if (asked) { showGap(shown, asked); }
  if (planner.place) { showPlace(shown, planner.place); }
  makeGuide($('guide-open'));
  document.documentElement.setAttribute('data-planner', 'ready');
}

start().catch((error) => {
  // The page the server drew stays as it is: complete, only without the slider and the trial.
  document.documentElement.setAttribute('data-planner', 'failed');
  const box = $('planner-failed');
  if (box) { box.hidden = false; showProblem(box.querySelector('span'), error); }
});
