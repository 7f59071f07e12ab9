/* The figures of the panel: as things are, and beside them what is being tried. */

import { extremes, figuresAt, peopleOf } from './figures.js';
import { element, fill, people, percent, signed, whole, within, word, write } from './text.js';

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
    const inhabited = now.inhabited !== null && now.inhabited !== now.gaps ? ` ${fill('inhabited', { count: whole(now.inhabited) })}` : '';
    add(word('gap_count'), fill('places_beyond', { count: whole(now.gaps) }) + inhabited, before && before.gaps !== null ? now.gaps - before.gaps : null);
    if (now.largest !== null || now.gaps === 0) {
      add(word('largest_gap'), now.gaps ? `${people(now.largest)} ${word('people')}` : word('none'), before && before.largest !== null ? now.largest - before.largest : null);
    }
  }
  if (now.gaps === null && before && before.gaps !== null) { add(word('gap_count'), '…', null); }
  const ends = extremes(now.rows);
  if (ends) {
    add(word('best_area'), `${ends.best.name} ${percent(ends.best.share)}`, null);
    add(word('worst_area'), `${ends.worst.name} ${percent(ends.worst.share)}`, null);
  }
  return rows;
}

/* Make the parts of a box anew where there are others than before, and else write only what has changed: a step of the
   slider has a sixtieth of a second, and to lay out the panel takes a good part of it. */
function redraw(box, key, make, fresh) {
  if (box.drawnFor !== key) { box.textContent = ''; make(); box.drawnFor = key; }
  fresh();
}

function list(box, now, before) {
  if (!box) { return; }
  const rows = rowsOf(now, before);
  const changes = (row) => row.change !== null && row.change !== undefined;
  redraw(box, rows.map((row) => `${row.label}${changes(row)}`).join('|'), () => rows.forEach((row) => {
    const line = box.appendChild(element('div'));
    line.appendChild(element('dt', '', row.label));
    const value = line.appendChild(element('dd'));
    value.appendChild(element('span'));
    if (changes(row)) { value.appendChild(element('span', 'change')); }
  }), () => rows.forEach((row, i) => {
    const [text, change] = box.children[i].lastChild.children;
    write(text, row.text);
    if (change) { write(change, signed(row.change)); }
  }));
}

function table(box, now, before, listed) {
  if (!box) { return; }
  const earlier = {};
  if (before) { before.rows.forEach((row) => { earlier[row.code] = row; }); }
  const rows = now.rows.filter((row) => listed.has(row.level));
  const known = (row) => row.share !== null;
  redraw(box, `${Boolean(before)}${rows.map((row) => `${row.code}${known(row)}`)}`, () => {
    const head = element('tr');
    const names = ['area', 'covered', 'beyond', 'share_covered'].concat(before ? ['change'] : []);
    names.forEach((name, i) => { const cell = element('th', i ? 'num' : '', word(name)); cell.scope = 'col'; head.appendChild(cell); });
    box.appendChild(element('thead')).appendChild(head);
    const body = box.appendChild(element('tbody'));
    rows.forEach((row) => body.appendChild(areaRow(row, known(row), Boolean(before))));
  }, () => rows.forEach((row, i) => { if (known(row)) { writeRow(box.tBodies[0].rows[i], row, before ? earlier[row.code] : null); } }));
}

function areaRow(row, known, compares) {
  const line = element('tr', `level-${row.level}`);
  const name = line.appendChild(element('th', '', row.level === 'outside' ? word('outside') : row.name));
  name.scope = 'row';
  if (!known) {
    line.appendChild(element('td', 'num', word('no_data'))).colSpan = compares ? 4 : 3;
    return line;
  }
  ['num', 'num', 'num share'].concat(compares ? ['num change'] : []).forEach((kind) => line.appendChild(element('td', kind)));
  return line;
}

function writeRow(line, row, earlier) {
  const [, covered, others, share, change] = line.cells;
  write(covered, whole(row.states.covered));
  write(others, whole(peopleOf(row.states) - row.states.covered));
  write(share, percent(row.share));
  share.style.setProperty('--share', `${100 * row.share}%`);
  if (change) { write(change, earlier && earlier.states ? signed(row.states.covered - earlier.states.covered) : ''); }
}
