/* The figures of the panel: as things are, and beside them what is being tried. */

import { extremes, figuresAt, peopleOf } from './figures.js';
import { element, people, percent, signed, whole, within, word } from './text.js';

const STATES = ['covered', 'beyond', 'unreachable', 'beyond_horizon', 'no_data'];

export function showFigures(state, boxes, planner) {
  const listed = new Set(planner.levels);
  const draw = () => {
    const { limit, baseline, tried } = state.get();
    const before = figuresAt(baseline, limit);
    const now = tried ? figuresAt(tried, limit) : before;
    headline(boxes.headline, now, tried ? before : null);
    list(boxes.kpis, now, tried ? before : null);
    table(boxes.areas, now, tried ? before : null, listed);
  };
  state.on(['limit', 'tried', 'baseline'], draw);
  return draw;
}

function headline(box, now, before) {
  if (!box || now.states === null) { return; }
  box.querySelector('.big').textContent = percent(now.share);
  const bar = box.querySelector('.bar');
  const total = peopleOf(now.states);
  bar.textContent = '';
  bar.setAttribute('aria-label', `${word('people_covered')} ${percent(now.share)}`);
  STATES.filter((name) => now.states[name] > 0 && total > 0).forEach((name) => {
    const part = element('span', `bar-${name}`);
    part.style.width = `${(100 * now.states[name]) / total}%`;
    bar.appendChild(part);
  });
  let delta = box.querySelector('.delta');
  if (!delta) { delta = box.querySelector('.big').parentNode.appendChild(element('p', 'delta')); }
  delta.hidden = !before || before.share === null;
  if (!delta.hidden) {
    delta.textContent = `${arrow(now.share - before.share)} ${signed(100 * (now.share - before.share), 1)} ${word('points')}`;
  }
}

function arrow(value) { return Math.abs(value) < 5e-7 ? '＝' : (value > 0 ? '▲' : '▼'); }

function rowsOf(now, before) {
  const rows = [];
  const add = (label, text, change) => rows.push({ label, text, change });
  const counted = (name) => {
    add(word(`people_${name}`), people(now.states[name]), before ? now.states[name] - before.states[name] : null);
  };
  if (now.states) {
    counted('covered');
    counted('beyond');
    STATES.slice(2).filter((name) => now.states[name] > 0 || (before && before.states[name] > 0)).forEach(counted);
    if (now.percentiles) {
      ['p50', 'p90'].forEach((name) => {
        const both = before && before[name] !== null && now[name] !== null;
        add(word(name), within(now[name]), both ? Math.ceil(now[name] - 1e-9) - Math.ceil(before[name] - 1e-9) : null);
      });
    }
  }
  if (now.gaps !== null) {
    const inhabited = now.inhabited !== null && now.inhabited !== now.gaps ? ` ${word('inhabited').replace('{count}', whole(now.inhabited))}` : '';
    add(word('gap_count'), word('places_beyond').replace('{count}', whole(now.gaps)) + inhabited, before && before.gaps !== null ? now.gaps - before.gaps : null);
    if (now.largest !== null || now.gaps === 0) {
      add(word('largest_gap'), now.gaps ? `${people(now.largest)} ${word('people')}` : word('none'), before && before.largest !== null ? now.largest - before.largest : null);
    }
  }
  if (now.gaps === null && before) { add(word('gap_count'), '…', null); }
  const ends = extremes(now.rows);
  if (ends) {
    add(word('best_area'), `${ends.best.name} ${percent(ends.best.share)}`, null);
    add(word('worst_area'), `${ends.worst.name} ${percent(ends.worst.share)}`, null);
  }
  return rows;
}

function list(box, now, before) {
  if (!box) { return; }
  box.textContent = '';
  rowsOf(now, before).forEach((row) => {
    const line = element('div');
    line.appendChild(element('dt', '', row.label));
    const value = element('dd', '', row.text);
    if (row.change !== null && row.change !== undefined) { value.appendChild(element('span', 'change', signed(row.change))); }
    line.appendChild(value);
    box.appendChild(line);
  });
}

function table(box, now, before, listed) {
  if (!box) { return; }
  const earlier = {};
  if (before) { before.rows.forEach((row) => { earlier[row.code] = row; }); }
  box.textContent = '';
  const head = element('tr');
  const names = ['area', 'covered', 'beyond', 'share_covered'].concat(before ? ['change'] : []);
  names.forEach((name, i) => { const cell = element('th', i ? 'num' : '', word(name)); cell.scope = 'col'; head.appendChild(cell); });
  box.appendChild(element('thead')).appendChild(head);
  const body = box.appendChild(element('tbody'));
  now.rows.filter((row) => listed.has(row.level)).forEach((row) => body.appendChild(areaRow(row, before ? earlier[row.code] : null, Boolean(before))));
}

function areaRow(row, earlier, compares) {
  const line = element('tr', `level-${row.level}`);
  const name = element('th', '', row.level === 'outside' ? word('outside') : row.name);
  name.scope = 'row';
  line.appendChild(name);
  if (row.share === null) {
    const cell = element('td', 'num', word('no_data'));
    cell.colSpan = compares ? 4 : 3;
    line.appendChild(cell);
    return line;
  }
  line.appendChild(element('td', 'num', whole(row.states.covered)));
  line.appendChild(element('td', 'num', whole(peopleOf(row.states) - row.states.covered)));
  const share = element('td', 'num share', percent(row.share));
  share.style.setProperty('--share', `${100 * row.share}%`);
  line.appendChild(share);
  if (compares) { line.appendChild(element('td', 'num change', earlier && earlier.states ? signed(row.states.covered - earlier.states.covered) : '')); }
  return line;
}
