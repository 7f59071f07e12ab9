/* The limit: presets of policies, a slider and a number. Nothing is asked of the server. */

import { word } from './text.js';

export function limitControl(state, box, planner) {
  const slider = box.querySelector('input[type=range]');
  const typed = box.querySelector('input[type=number]');
  const step = state.get().baseline.curves.step;
  const most = Math.max(...planner.thresholds.map((each) => each.value)) * 2;
  [slider, typed].forEach((input) => { input.min = String(step); input.max = String(most); input.step = String(step); });
  const whole = (value) => Math.min(most, Math.max(step, Math.round(value / step) * step));
  const choose = (value) => { if (Number.isFinite(value)) { state.set({ limit: whole(value) }); } };
  slider.addEventListener('input', () => choose(slider.valueAsNumber));
  typed.addEventListener('change', () => choose(typed.valueAsNumber));
  const show = () => {
    const limit = state.get().limit;
    slider.value = String(limit);
    slider.setAttribute('aria-valuetext', `${limit} ${word('unit')}`);
    slider.style.setProperty('--done', `${(100 * (limit - step)) / (most - step)}%`);
    if (document.activeElement !== typed || typed.valueAsNumber !== limit) { typed.value = String(limit); }
    document.querySelectorAll('.limits a[data-limit]').forEach((link) => {
      if (Number(link.dataset.limit) === limit) { link.setAttribute('aria-current', 'true'); } else { link.removeAttribute('aria-current'); }
    });
    const own = planner.thresholds.some((each) => each.value === limit);
    box.querySelector('.own-limit').hidden = own;
    const origin = document.getElementById('origin');
    if (origin) { origin.hidden = !own || Number(origin.dataset.limit) !== limit; }
  };
  document.querySelectorAll('.limits a[data-limit]').forEach((link) => {
    link.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) { return; }
      event.preventDefault();
      choose(Number(link.dataset.limit));
    });
  });
  state.on(['limit'], show);
  box.hidden = false;
  show();
}
