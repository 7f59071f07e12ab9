/* Asking the server what a scenario would change: one question under way, the newest one waiting, the others forgotten. */

import { problemIn } from './problems.js';

// The gaps of every limit take as long as all the rest: they are asked for when the hand rests.
const MOVING = ['figures', 'curve', 'picture'];
const RESTING = MOVING.concat(['gaps']);

export function makeAsker(planner, tools, told) {
  let underWay = false;
  let waiting = null;

  async function ask(changes, live) {
    if (underWay) { waiting = { changes, live }; return; }
    underWay = true;
    const began = performance.now();
    try {
      const answer = await answerOf(planner, tools, changes, live ? MOVING : RESTING);
      told.answer(answer, changes, performance.now() - began);
    } catch (error) {
      told.failed(error);
    }
    underWay = false;
    told.busy(waiting !== null);
    if (waiting !== null) { const next = waiting; waiting = null; ask(next.changes, next.live); }
  }

  return { ask(changes, live) { told.busy(true); ask(changes, live); } };
}

export async function post(planner, address, body, method) {
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json' };
  if (planner.csrf) { headers['X-CSRF-Token'] = planner.csrf; }
  const answer = await window.fetch(address, { method: method || 'POST', headers, body: JSON.stringify(body), credentials: 'same-origin' });
  return bodyOf(answer);
}

/* What the server holds at an address. */
export async function read(address) {
  return bodyOf(await window.fetch(address, { headers: { Accept: 'application/json' }, credentials: 'same-origin' }));
}

/* The body of an answer; one that tells of a problem is thrown. */
export async function bodyOf(answer) {
  const text = await answer.text();
  if (!answer.ok) { throw problemIn(answer.status, text); }
  return JSON.parse(text);
}

async function answerOf(planner, tools, changes, parts) {
  const told = await post(planner, `/api/services/${encodeURIComponent(planner.service)}/what-if`, { changes, parts });
  const picture = told.picture;
  const image = await loaded(picture.png);
  return {
    curves: told.curve,
    thresholds: planner.thresholds.map((each) => Object.assign({ id: each.id, value: each.value }, told.thresholds[each.id])),
    numbers: tools.numbersOf(image, picture.width, picture.height),
    facilities: told.facilities,
    run: told.run
  };
}

function loaded(source) {
  return new Promise((done, failed) => {
    const image = new Image();
    image.onload = () => done(image);
    image.onerror = () => failed(new Error('picture'));
    image.src = source;
  });
}
