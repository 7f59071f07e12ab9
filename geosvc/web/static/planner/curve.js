/* The coverage curve: which share of people is within how many minutes; the limit is a line. */

import { areaOf, TOTAL } from './figures.js';
import { percent, word } from './text.js';

const WIDTH = 344;
const HEIGHT = 132;
const LEFT = 34;
const BOTTOM = 20;
const TOP = 8;
const NS = 'http://www.w3.org/2000/svg';

function svg(tag, attributes, text) {
  const made = document.createElementNS(NS, tag);
  Object.keys(attributes).forEach((name) => made.setAttribute(name, attributes[name]));
  if (text !== undefined) { made.textContent = text; }
  return made;
}

export function showCurve(state, box, planner) {
  const most = Math.max(...planner.thresholds.map((each) => each.value)) * 2;
  const x = (value) => LEFT + (value / most) * (WIDTH - LEFT - 6);
  const y = (share) => TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);
  const picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img' });
  const before = svg('path', { class: 'curve-before' });
  const now = svg('path', { class: 'curve-now' });
  const line = svg('line', { class: 'curve-limit', y1: TOP - 4, y2: HEIGHT - BOTTOM });
  const spot = svg('circle', { class: 'curve-spot', r: 4 });
  axes(picture, x, y, most);
  [before, now, line, spot].forEach((part) => picture.appendChild(part));
  box.appendChild(picture);
  const share = (answer, limit) => {
    const area = areaOf(answer, TOTAL);
    const sums = cumulative(area);
    return sums.total > 0 ? sums.at[Math.min(Math.round(limit / answer.curves.step), sums.at.length - 1)] / sums.total : null;
  };
  const path = (answer) => {
    const { at, total } = cumulative(areaOf(answer, TOTAL));
    const last = Math.min(at.length - 1, Math.round(most / answer.curves.step));
    let text = '';
    for (let k = 0; k <= last; k += 1) { text += `${k ? 'L' : 'M'}${x(k * answer.curves.step).toFixed(1)},${y(at[k] / total).toFixed(1)}`; }
    return text;
  };
  const drawLines = () => {
    const { baseline, tried } = state.get();
    before.setAttribute('d', tried ? path(baseline) : '');
    now.setAttribute('d', path(tried || baseline));
  };
  const drawLimit = () => {
    const { limit, baseline, tried } = state.get();
    const here = share(tried || baseline, limit);
    line.setAttribute('x1', x(limit));
    line.setAttribute('x2', x(limit));
    spot.setAttribute('cx', x(limit));
    spot.setAttribute('cy', y(here || 0));
    picture.setAttribute('aria-label', `${word('curve')}${word('colon')}${limit} ${word('unit')}${word('within')} ${percent(here)}`);
  };
  const area = areaOf(state.get().baseline, TOTAL);
  if (!area || area.people === null || cumulative(area).total === 0) { box.hidden = true; return; }
  box.hidden = false;
  state.on(['baseline', 'tried'], () => { drawLines(); drawLimit(); });
  state.on(['limit'], drawLimit);
  drawLines();
  drawLimit();
}

function cumulative(area) {
  if (!area.shares) {
    let sum = 0;
    const at = area.people.map((each) => { sum += each; return sum; });
    area.shares = { at, total: sum + area.unreachable + area.no_data };
  }
  return area.shares;
}

function axes(picture, x, y, most) {
  [0, 0.5, 1].forEach((share) => {
    picture.appendChild(svg('line', { class: 'curve-grid', x1: x(0), x2: WIDTH - 6, y1: y(share), y2: y(share) }));
    picture.appendChild(svg('text', { class: 'curve-tick', x: LEFT - 5, y: y(share) + 4, 'text-anchor': 'end' }, `${share * 100}%`));
  });
  const tick = [1, 2, 5, 10, 15, 30, 60, 120].find((each) => most / each <= 8) || most / 4;
  for (let value = 0; value <= most + 1e-9; value += tick) {
    picture.appendChild(svg('text', { class: 'curve-tick', x: x(value), y: HEIGHT - 6, 'text-anchor': value + tick > most + 1e-9 ? 'end' : 'middle' }, String(value)));
  }
}
