/* How evenly people are reached, at any limit: the figures of coverage/equity.py, read off the curves. */

import { areaOf, statesAt, peopleOf, TOTAL } from './figures.js';
import { element, fill, percent, signed, word } from './text.js';

const LEVELS = ['township', 'village', 'county', 'prefecture', 'province'];
const WORST = 0.2;
const MOST_NAMED = 4;

/* Half the mean difference of two people chosen at random, as a part of the mean; null where nobody has anything. */
export function gini(values, weights) {
  const total = weights.reduce((sum, each) => sum + each, 0);
  const held = values.reduce((sum, each, i) => sum + each * weights[i], 0);
  if (!(total > 0) || !(held > 0)) { return null; }
  const order = values.map((each, i) => i).sort((a, b) => values[a] - values[b] || a - b);
  let below = 0;
  let area = 0;
  order.forEach((i) => {
    const next = below + (values[i] * weights[i]) / held;
    area += (weights[i] / total) * (below + next);
    below = next;
  });
  return Math.max(0, 1 - area);
}

/* The share covered of the fifth of the people who live in the worst-served areas; the area on the border counts in part. */
export function worstFifth(areas) {
  const total = areas.reduce((sum, each) => sum + each.people, 0);
  if (!(total > 0)) { return null; }
  let left = WORST * total;
  let covered = 0;
  const named = [];
  areas.map((each, i) => ({ each, i })).sort((a, b) => a.each.share - b.each.share || a.i - b.i).forEach(({ each }) => {
    const taken = Math.min(left, each.people);
    if (taken <= 0) { return; }
    covered += taken * each.share;
    left -= taken;
    named.push(each);
  });
  return { share: covered / (WORST * total), areas: named };
}

/* The areas of a level in which somebody of a known state lives; null of fewer than two. */
function areasAt(answer, level, k) {
  const found = answer.curves.areas.filter((each) => each.level === level).map((area) => {
    const states = statesAt(area, k);
    const known = states ? peopleOf(states) - states.no_data : 0;
    return { code: area.code, name: area.name, people: known, share: known > 0 ? states.covered / known : null };
  }).filter((each) => each.people > 0);
  return found.length > 1 ? found : null;
}

/* Whether the areas of a level are all that an account holds: else a figure of them would be of neither its part nor the whole. */
function areAll(answer, level) {
  const total = statesAt(areaOf(answer, TOTAL), 0);
  if (total === null) { return false; }
  const sum = answer.curves.areas.filter((each) => each.level === level).map((area) => statesAt(area, 0))
    .reduce((all, states) => all + (states ? peopleOf(states) : 0), 0);
  return Math.abs(sum - peopleOf(total)) <= 1e-6 * peopleOf(total);
}

/* The equity of an answer at a limit, for the first level that has several areas; null where there is none. */
export function equityAt(answer, limit) {
  const k = Math.round(limit / answer.curves.step);
  const level = LEVELS.find((each) => areasAt(answer, each, k) !== null);
  if (!level) { return null; }
  const areas = areasAt(answer, level, k);
  return { level, count: areas.length, gini: gini(areas.map((each) => each.share), areas.map((each) => each.people)), worst: worstFifth(areas) };
}

export function showEquity(state, box, planner) {
  if (!box) { return; }
  const body = box.querySelector('[data-box=body]');
  const short = box.querySelector('[data-box=short]');
  const draw = () => {
    const { limit, baseline, tried } = state.get();
    const found = equityAt(tried || baseline, limit);
    box.hidden = !found || !(planner.whole || areAll(baseline, found.level));
    if (box.hidden) { return; }
    const before = tried ? equityAt(baseline, limit) : null;
    short.textContent = percent(found.worst.share);
    body.textContent = '';
    const list = body.appendChild(element('dl', 'equity-figures'));
    const add = (label, text, change, explained, names) => {
      const line = list.appendChild(element('div'));
      line.appendChild(element('dt', '', label));
      const value = line.appendChild(element('dd', '', text));
      if (change !== null) { value.appendChild(element('span', 'change', change)); }
      const more = line.appendChild(element('dd', 'explained', explained));
      // Names keep their language, so they are an element of their own; a full-width colon brings its own space.
      if (names) { more.append(explained.endsWith('：') ? '' : ' ', element('span', '', names)); }
    };
    const names = found.worst.areas.slice(0, MOST_NAMED).map((each) => each.name).join(word('list_comma'));
    const more = found.worst.areas.length > MOST_NAMED ? fill('equity_more_areas', { count: found.worst.areas.length }) : '';
    const share = areaShare(tried || baseline, limit);
    add(word('equity_worst'), percent(found.worst.share), before ? `${signed(100 * (found.worst.share - before.worst.share), 1)} ${word('points')}` : null,
      fill('equity_worst_text', { whole: percent(share) }), names + more);
    add(fill('equity_gini', { level: word(`level_${found.level}`) }), found.gini === null ? word('equity_none') : found.gini.toFixed(2),
      before && before.gini !== null && found.gini !== null ? signed(found.gini - before.gini, 2) : null,
      found.gini === null ? word('equity_gini_nobody') : fill('equity_gini_text', { count: found.count }));
  };
  state.on(['limit', 'tried', 'baseline'], draw);
  draw();
}

function areaShare(answer, limit) {
  const states = statesAt(areaOf(answer, TOTAL), Math.round(limit / answer.curves.step));
  return states && peopleOf(states) > 0 ? states.covered / peopleOf(states) : null;
}
