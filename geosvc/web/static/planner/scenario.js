/* Saving what was tried under a name, and opening what was saved. */

import { bodyOf, post } from './answers.js';
import { showProblem } from './problems.js';
import { element, word } from './text.js';

export function scenarioForm(form, trial, planner) {
  const said = form.querySelector('[role=status]');
  let known = planner.scenario;
  if (known) {
    form.elements.name.value = known.name;
    form.elements.notes.value = known.notes || '';
  }
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const asNew = event.submitter && event.submitter.value === 'new';
    const body = { name: form.elements.name.value.trim(), notes: form.elements.notes.value.trim(), changes: trial.changes() };
    said.textContent = word('saving');
    try {
      known = await save(planner, asNew ? null : known, body);
      said.textContent = '';
      const link = element('a', '', `${word('saved')} · ${known.name}`);
      link.href = `/scenarios/${known.id}`;
      said.appendChild(link);
      window.history.replaceState(null, '', withScenario(known.id));
    } catch (error) {
      showProblem(said, error);
    }
  });
}

async function save(planner, known, body) {
  if (!known) { return post(planner, '/api/scenarios', body); }
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json', 'If-Match': known.etag || `"${known.version}"` };
  if (planner.csrf) { headers['X-CSRF-Token'] = planner.csrf; }
  const answer = await window.fetch(`/api/scenarios/${known.id}`, { method: 'PUT', headers, body: JSON.stringify(body), credentials: 'same-origin' });
  const told = await bodyOf(answer);
  return Object.assign(told, { etag: answer.headers.get('ETag') });
}

function withScenario(id) {
  const address = new URL(window.location.href);
  address.searchParams.set('scenario', String(id));
  return address.pathname + address.search;
}
