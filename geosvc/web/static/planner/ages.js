/* People by age at any limit: the share of an age applied to the people of each area whose figure tells it. */

import { areaOf, peopleOf, statesAt } from './figures.js';
import { people, signed } from './text.js';

/* Covered and all people of some ages; null where the areas of their figures are not among the curves. */
export function agesAt(answer, part, limit) {
  const k = Math.round(limit / answer.curves.step);
  let covered = 0;
  let total = 0;
  for (const [code, share] of Object.entries(part.shares)) {
    const states = statesAt(areaOf(answer, code), k);
    if (!states) { return null; }
    covered += share * states.covered;
    total += share * peopleOf(states);
  }
  return { covered, total };
}

export function showAges(state, box, planner) {
  if (!box) { return; }
  const short = box.querySelector('[data-box=short]');
  const draw = () => {
    const { limit, baseline, tried } = state.get();
    planner.by_age.forEach((part, i) => {
      const now = agesAt(tried || baseline, part, limit);
      const before = tried ? agesAt(baseline, part, limit) : null;
      const cells = box.querySelectorAll(`[data-ages="${part.ages}"] td`);
      cells[0].textContent = people(now && now.covered);
      if (now && before) {
        const change = cells[0].appendChild(document.createElement('span'));
        change.className = 'change';
        change.textContent = signed(now.covered - before.covered);
      }
      if (i === planner.by_age.length - 1) { short.textContent = people(now && now.covered); }
    });
  };
  state.on(['limit', 'tried', 'baseline'], draw);
  draw();
}
