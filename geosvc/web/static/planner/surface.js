/* What the map shows of the numbers: minutes split at the limit, or what a scenario changes. */

import { Hatch } from './hatch.js';
import { figuresAt } from './figures.js';
import { element, people, whole, word } from './text.js';

// From much quicker to much slower: one hue each, both dark at their end, none of them red or green.
const CHANGES = [
  { name: 'newly_covered', colour: '#0b4f6c' }, { name: 'quicker', colour: '#8fc3d3' }, { name: 'no_change', colour: '#eef1f2' },
  { name: 'slower', colour: '#e3b3c9' }, { name: 'newly_beyond', colour: '#8a2d5c' }
];

export function showSurface(state, shown, tools) {
  const { map, surface, layers, legend } = shown;
  const first = surface.numbers;
  const hatch = new Hatch(surface);
  const polygons = layers.gaps;
  const drawnFor = shown.doc.threshold.value;
  // Areas without an outline have no gaps to draw, and nothing to switch.
  const gapSwitch = legend.querySelector('#gm-gap-switch input');
  const switched = () => gapSwitch !== null && gapSwitch.checked;
  const beneath = new tools.Surface(surface.data, surface.canvas);
  let waiting = 0;

  const paint = () => {
    waiting = 0;
    const { limit, baseline, tried, view, mode } = state.get();
    const k = Math.round(limit / baseline.curves.step);
    const numbers = tried ? tried.numbers : first;
    surface.numbers = numbers;
    const bands = tools.bandsFor(limit);
    // The polygons of the run, which can be walked through by keyboard, speak for its own limit only.
    const layer = limit === drawnFor && !tried ? polygons : hatch;
    if (layers.gaps !== layer) { layers.gaps.remove(); layers.gaps = layer; }
    // Where areas are shown instead, the surface is kept up to date and not seen: one click brings it back.
    const seen = mode !== 'areas';
    if (seen && switched()) { if (!map.hasLayer(layer)) { layer.addTo(map); } } else { layer.remove(); }
    surface.canvas.style.visibility = seen ? '' : 'hidden';
    if (view === 'difference' && tried) {
      surface.context.putImageData(differences(surface, first, numbers, k, tools), 0, 0);
      hatch.cut(k, numbers);
      legendRows(legend, tools, null);
    } else {
      surface.paint(bands);
      hatch.cut(k, numbers);
      legendRows(legend, tools, bands);
    }
    if (view === 'swipe' && tried) {
      beneath.numbers = first;
      beneath.paint(bands);
    }
    countRows(legend, figuresAt(tried || baseline, limit));
    document.documentElement.setAttribute('data-painted', String(limit));
  };
  const later = () => { if (!waiting) { waiting = window.requestAnimationFrame(paint); } };
  state.on(['limit', 'tried', 'baseline', 'view', 'mode'], later);
  swipe(state, shown, beneath, tools, (column) => {
    const { limit, baseline, tried } = state.get();
    if (tried) { hatch.cut(Math.round(limit / baseline.curves.step), tried.numbers, first, column); }
  });
  paint();
  return { paint };
}

/* The legend counts what the map shows: a sheet may be read without the panel. */
function countRows(legend, figures) {
  const gaps = legend.querySelector('#gm-gap-switch .gm-count');
  if (gaps && figures.gaps !== null) { gaps.textContent = whole(figures.gaps); }
  ['unreachable', 'no_data'].forEach((name) => {
    const count = legend.querySelector(`[data-state=${name}] .gm-count`);
    if (count && figures.states) { count.textContent = `${people(figures.states[name])} ${word('people')}`; }
  });
}

function legendRows(legend, tools, bands) {
  const box = legend.querySelector('.gm-bands');
  const rows = bands ? box.querySelectorAll('.gm-row') : [];
  if (bands && rows.length === bands.length) {
    // The colours stay: only what is written beside them follows the limit.
    tools.bandRows(bands).childNodes.forEach((fresh, i) => {
      if (rows[i].textContent !== fresh.textContent) { rows[i].lastChild.textContent = fresh.textContent; }
      rows[i].firstChild.style.background = fresh.firstChild.style.background;
    });
    return;
  }
  box.textContent = '';
  if (bands) { box.appendChild(tools.bandRows(bands)); return; }
  CHANGES.forEach((each) => {
    const row = element('div', 'gm-row');
    const swatch = row.appendChild(element('span', 'gm-swatch'));
    swatch.style.background = each.colour;
    row.appendChild(element('span', '', word(each.name)));
    box.appendChild(row);
  });
}

function differences(surface, before, now, k, tools) {
  const pixels = surface.context.createImageData(surface.data.width, surface.data.height);
  const words = new Uint32Array(pixels.data.buffer);
  const colours = CHANGES.map((each) => { const [r, g, b] = tools.rgb(each.colour); return ((240 << 24) | (b << 16) | (g << 8) | r) >>> 0; });
  const { outside, no_data: noData } = surface.data;
  for (let i = 0; i < now.length; i += 1) {
    const a = before[i];
    const b = now[i];
    if (b === outside || b === noData) { words[i] = 0; continue; }
    let kind = 2;
    if (a > k && b <= k) { kind = 0; } else if (a <= k && b > k) { kind = 4; } else if (b < a) { kind = 1; } else if (b > a) { kind = 3; }
    words[i] = colours[kind];
  }
  return pixels;
}

/* Two panes, one over the other, cut at a line that is dragged or moved with the arrow keys. */
function swipe(state, shown, beneath, tools, hatched) {
  const { map, surface } = shown;
  const under = tools.overlayOf(beneath);
  const handle = element('input', 'swipe');
  Object.assign(handle, { type: 'range', min: '0', max: '100', value: '50' });
  handle.setAttribute('aria-label', word('swipe'));
  const line = element('div', 'swipe-line');
  line.appendChild(element('span', 'swipe-left', word('baseline')));
  line.appendChild(element('span', 'swipe-right', word('scenario')));
  map.getContainer().appendChild(line);
  map.getContainer().appendChild(handle);
  L.DomEvent.disableClickPropagation(handle);
  const clip = () => {
    const on = state.get().view === 'swipe' && state.get().tried && state.get().mode !== 'areas';
    handle.hidden = line.hidden = !on;
    if (!on) { surface.canvas.style.clipPath = ''; under.remove(); return; }
    if (!map.hasLayer(under)) { under.addTo(map); under.bringToBack(); }
    const at = (map.getSize().x * Number(handle.value)) / 100;
    line.style.left = `${at}px`;
    const box = surface.canvas.getBoundingClientRect();
    const left = at - (box.left - map.getContainer().getBoundingClientRect().left);
    const share = (100 * left) / box.width;
    surface.canvas.style.clipPath = `inset(0 0 0 ${Math.max(0, share)}%)`;
    beneath.canvas.style.clipPath = `inset(0 ${Math.max(0, 100 - share)}% 0 0)`;
    hatched(Math.round((share / 100) * surface.data.width));
  };
  handle.addEventListener('input', clip);
  map.on('move zoomend resize', clip);
  // After the map is painted, which is done at the next frame too.
  state.on(['view', 'tried', 'limit', 'mode'], () => window.requestAnimationFrame(() => window.requestAnimationFrame(clip)));
  clip();
}
