/* Asking the server what a scenario would change: one question under way, the newest one waiting, the others forgotten. */

import { problemIn } from './problems.js';

// The gaps of every limit take as long as all the rest: they are asked for when the hand rests.
const MOVING = ['figures', 'curve', 'picture'];
const RESTING = MOVING.concat(['gaps']);

/* `first` are the numbers of the run that the page shows: an answer tells only what differs from them. */
export function makeAsker(planner, tools, first, told) {
  let underWay = false;
  let waiting = null;

  async function ask(changes, live) {
    if (underWay) { waiting = { changes, live }; return; }
    underWay = true;
    const began = performance.now();
    try {
      const answer = await answerOf(planner, tools, first, changes, live ? MOVING : RESTING);
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

async function answerOf(planner, tools, first, changes, parts) {
  const told = await post(planner, `/api/services/${encodeURIComponent(planner.service)}/what-if`, { changes, parts, picture_since: planner.run });
  const picture = told.picture;
  const image = await loaded(picture.png);
  return {
    curves: told.curve,
    thresholds: planner.thresholds.map((each) => Object.assign({ id: each.id, value: each.value }, told.thresholds[each.id])),
    numbers: numbersIn(picture, image, first, tools),
    facilities: told.facilities,
    run: told.run
  };
}

/* The numbers of a picture; where it tells a part only, all others are as they were. */
function numbersIn(picture, image, first, tools) {
  if (!picture.box) { return tools.numbersOf(image, picture.width, picture.height); }
  const [left, top, right, bottom] = picture.box;
  const part = tools.numbersOf(image, right - left, bottom - top);
  const numbers = first.slice();
  for (let row = top; row < bottom; row += 1) {
    const from = (row - top) * (right - left);
    numbers.set(part.subarray(from, from + right - left), row * picture.width + left);
  }
  return numbers;
}

function loaded(source) {
  return new Promise((done, failed) => {
    const image = new Image();
    image.onload = () => done(image);
    image.onerror = () => failed(new Error('picture'));
    image.src = source;
  });
}
