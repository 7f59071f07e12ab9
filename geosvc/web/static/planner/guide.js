/* A first look around: five steps, each beside what it speaks of. It takes no focus from who did not ask for it, leaves the
   page usable, is left with Escape, and does not come again by itself. */

import { button, element, fill, word } from './text.js';

const SEEN = 'geosvc-guide';
const GAP = 12; // pixels between a step and what it explains
const STEPS = [
  { name: 'service', target: '.panel form.chooser' },
  { name: 'limit', target: '#limit-box' },
  { name: 'map', target: '#gm-legend' },
  { name: 'areas', target: '#modes' },
  { name: 'trial', target: '#trial', other: '#gap-list' }
];

/* Where storage is blocked the guide comes with every visit of a page, but not twice on one. */
const memory = {
  seen() { try { return window.localStorage.getItem(SEEN) !== null; } catch (error) { return false; } },
  keep() { try { window.localStorage.setItem(SEEN, 'seen'); } catch (error) { /* blocked: it will come again */ } }
};

function shownNode(step) {
  return [step.target, step.other].filter(Boolean).map((each) => document.querySelector(each)).find((node) => node && node.offsetParent !== null) || null;
}

/* A place for a box of this size beside a rectangle, within the window; null where it fits on no side. */
export function beside(target, size, room) {
  const clamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));
  const top = clamp(target.top, GAP, room.height - size.height - GAP);
  const left = clamp(target.left, GAP, room.width - size.width - GAP);
  const places = [
    { left: target.right + GAP, top, fits: target.right + size.width + 2 * GAP <= room.width },
    { left: target.left - size.width - GAP, top, fits: target.left - size.width - 2 * GAP >= 0 },
    { left, top: target.bottom + GAP, fits: target.bottom + size.height + 2 * GAP <= room.height },
    { left, top: target.top - size.height - GAP, fits: target.top - size.height - 2 * GAP >= 0 }
  ];
  return places.find((each) => each.fits) || null;
}

export function makeGuide(opener) {
  const steps = STEPS.filter((each) => shownNode(each));
  let box = null;
  let ring = null;
  let at = 0;

  function build() {
    box = element('section', 'guide');
    box.setAttribute('role', 'dialog');
    box.setAttribute('aria-modal', 'false');
    box.setAttribute('aria-labelledby', 'guide-title');
    box.setAttribute('aria-describedby', 'guide-text');
    box.tabIndex = -1;
    box.append(
      Object.assign(element('p', 'guide-count'), { id: 'guide-count' }), Object.assign(element('h2'), { id: 'guide-title' }),
      Object.assign(element('p'), { id: 'guide-text' }), element('p', 'guide-actions'));
    box.querySelector('#guide-text').setAttribute('aria-live', 'polite');
    const actions = box.querySelector('.guide-actions');
    actions.append(button(word('guide_skip'), 'bare guide-skip', close), button(word('guide_back'), 'quiet guide-back', () => go(at - 1)), button(word('guide_next'), 'guide-next', () => go(at + 1)));
    ring = element('div', 'guide-ring');
    ring.setAttribute('aria-hidden', 'true');
    // After the button that opens it: who reads in order meets it there.
    opener.after(box);
    document.body.appendChild(ring);
    document.addEventListener('keydown', escaped);
    window.addEventListener('resize', place);
    document.addEventListener('scroll', place, true);
  }

  function go(number) {
    if (number >= steps.length) { close(); return; }
    at = Math.max(0, number);
    const { name } = steps[at];
    box.querySelector('#guide-count').textContent = fill('guide_count', { number: at + 1, count: steps.length });
    box.querySelector('#guide-title').textContent = word(`guide_${name}`);
    box.querySelector('#guide-text').textContent = word(`guide_${name}_text`);
    const back = box.querySelector('.guide-back');
    // The button under the finger stays where it is; one that leads nowhere cannot be pressed.
    back.disabled = at === 0;
    box.querySelector('.guide-next').textContent = word(at === steps.length - 1 ? 'guide_done' : 'guide_next');
    const target = shownNode(steps[at]);
    if (target) { target.scrollIntoView({ block: 'nearest' }); }
    place();
  }

  /* Beside the target; where no side has room the target is brought to one end of the window and the step to the other. */
  function place() {
    const target = box && shownNode(steps[at]);
    if (!target) { return; }
    const room = { width: document.documentElement.clientWidth, height: window.innerHeight };
    let there = target.getBoundingClientRect();
    const size = { width: box.offsetWidth, height: box.offsetHeight };
    let spot = beside(there, size, room);
    if (!spot) {
      target.scrollIntoView({ block: 'start' });
      there = target.getBoundingClientRect();
      spot = beside(there, size, room) || { left: GAP, top: there.top > room.height / 2 ? GAP : room.height - size.height - GAP };
    }
    box.style.left = `${spot.left}px`;
    box.style.top = `${spot.top}px`;
    Object.assign(ring.style, { left: `${there.left - 4}px`, top: `${there.top - 4}px`, width: `${there.width + 8}px`, height: `${there.height + 8}px` });
  }

  function escaped(event) { if (event.key === 'Escape') { close(); } }

  function close() {
    if (!box) { return; }
    const inside = box.contains(document.activeElement);
    memory.keep();
    document.removeEventListener('keydown', escaped);
    window.removeEventListener('resize', place);
    document.removeEventListener('scroll', place, true);
    box.remove();
    ring.remove();
    box = ring = null;
    opener.setAttribute('aria-expanded', 'false');
    if (inside) { opener.focus(); }
  }

  function open(asked) {
    if (box || !steps.length) { return; }
    build();
    opener.setAttribute('aria-expanded', 'true');
    go(0);
    if (asked) { box.focus(); }
  }

  opener.hidden = !steps.length;
  opener.setAttribute('aria-expanded', 'false');
  opener.addEventListener('click', () => { if (box) { close(); } else { open(true); } });
  if (!memory.seen()) { open(false); }
}
