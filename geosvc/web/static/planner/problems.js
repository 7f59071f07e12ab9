/* What went wrong, in the language of the page. What the server says itself is English and for who can use it: it stands
   in a fold. */

import { element, word } from './text.js';

/* An error of an answer that is no answer: `kind` is the server's name for it, `detail` its own sentence. */
export function problemIn(status, text) {
  let told = {};
  try { told = JSON.parse(text) || {}; } catch (error) { told = {}; }
  const failed = new Error(`HTTP ${status}`);
  failed.status = status;
  failed.kind = told.title || '';
  failed.detail = told.detail || told.title || '';
  return failed;
}

/* The sentence for a reader: by the server's name of the error, by its status, else that it was unexpected. */
export function sentenceOf(error) {
  const known = (name) => (word(name) === name ? null : word(name));
  if (error.kind && known(`problem_${error.kind}`)) { return word(`problem_${error.kind}`); }
  if (error.status) { return known(`problem_${error.status}`) || word('problem_unexpected'); }
  // Without a status nothing came back, or what came back was no answer of ours.
  return word(error instanceof TypeError ? 'problem_offline' : 'problem_unexpected');
}

/* Write into a box what happened; the server's own words can be unfolded. */
export function showProblem(box, error, lead) {
  box.textContent = '';
  box.appendChild(element('span', '', (lead || '') + sentenceOf(error)));
  const detail = [error.status ? `HTTP ${error.status}` : '', error.kind, error.detail || (error.status ? '' : error.message)].filter(Boolean).join(' · ');
  if (!detail) { return; }
  const fold = box.appendChild(element('details', 'problem-detail'));
  fold.appendChild(element('summary', '', word('error_detail')));
  const text = fold.appendChild(element('code', '', detail));
  text.lang = 'en';
}
