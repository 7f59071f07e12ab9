/* Numbers and sentences as the page's language writes them; the server writes them alike (maps/numbers.py). */

// One for all: making one for each number is most of the work where two thousand areas are named.
const GROUPED = new Intl.NumberFormat('en-US');
const HAN = /[\u3400-\u9fff]/;
let words = {};
let language = 'zh';
let unit = 'min';

export function speak(planner) {
  words = planner.words;
  language = planner.language;
  unit = planner.unit;
}

export function word(name) { return words[name] === undefined ? name : words[name]; }

export function fill(name, values) {
  return word(name).replace(/\{(\w+)(?::([^}|]*)\|([^}]*))?\}/g, (whole, key, one, several) => {
    if (values[key] === undefined) { return whole; }
    return several === undefined ? String(values[key]) : String(values[key]) === '1' ? one : several;
  });
}

export function whole(value) { return GROUPED.format(Math.round(value)); }

export function people(value) { return value === null || value === undefined ? word('unknown') : whole(value); }

/* Cut and not rounded: 99.96 % never reads 100 %. */
export function percent(share) {
  return share === null || share === undefined ? word('unknown') : `${Math.floor(share * 1000 + 1e-9) / 10} %`;
}

/* Minutes rounded up to whole ones, kilometres to a tenth: nobody seems nearer than they are. */
export function amount(value) {
  const number = unit === 'km' ? (Math.ceil(value * 10 - 1e-9) / 10).toFixed(1) : Math.ceil(value - 1e-9).toLocaleString('en-US');
  return `${number} ${word('unit')}`;
}

export function within(value) { return value === null || value === undefined ? word('unreachable') : amount(value) + word('within'); }

/* A difference with its sign; the typographic minus is as wide as the plus. */
export function signed(value, digits) {
  const size = Math.abs(value).toLocaleString('en-US', { maximumFractionDigits: digits || 0 });
  if (Number(size.replace(/,/g, '')) === 0) { return '±0'; }
  return (value > 0 ? '+' : '−') + size;
}

export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) { made.className = className; }
  if (text !== undefined && text !== null) { write(made, String(text)); }
  return made;
}

/* Write a text where it is another than before; a name of the data in another language than the page's says so. */
export function write(node, text) {
  if (node.textContent === text) { return; }
  node.textContent = text;
  if (language !== 'zh' && HAN.test(text)) { node.lang = 'zh'; } else if (node.lang) { node.removeAttribute('lang'); }
}

export function button(text, className, pressed) {
  const made = element('button', className, text);
  made.type = 'button';
  made.addEventListener('click', pressed);
  return made;
}
