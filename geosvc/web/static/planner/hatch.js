/* Gaps as hatching at the resolution of the screen: it follows the limit at once, and lines stay thin however far one
   zooms. Each pixel of the screen is written once, from the number of the surface beneath it. */

const SPACING = 9;
const NO_GAP = new Uint32Array(256);

/* One tile of the pattern, as words of four bytes. */
function tileOf() {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = SPACING;
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  pen.strokeStyle = '#8a2d5c';
  pen.lineWidth = 1.2;
  pen.beginPath();
  pen.moveTo(-1, SPACING + 1); pen.lineTo(SPACING + 1, -1);
  pen.moveTo(-1, 1); pen.lineTo(1, -1);
  pen.moveTo(SPACING - 1, SPACING + 1); pen.lineTo(SPACING + 1, SPACING - 1);
  pen.stroke();
  return new Uint32Array(pen.getImageData(0, 0, SPACING, SPACING).data.buffer);
}

/* For each pixel of a side, which cell lies beneath it; -1 beyond the surface. */
function cellsOf(size, from, to, count) {
  const scale = count / (to - from);
  return Int32Array.from({ length: size }, (_, i) => {
    const cell = Math.floor((i + 0.5 - from) * scale);
    return cell >= 0 && cell < count ? cell : -1;
  });
}

/* From the first pixel above the surface to behind the last. */
function inside(cells) {
  const first = cells.findIndex((each) => each >= 0);
  let last = cells.length;
  while (last > 0 && cells[last - 1] < 0) { last -= 1; }
  return first < 0 ? [0, 0] : [first, last];
}

export const Hatch = L.Layer.extend({
  initialize(surface) {
    this.surface = surface;
    this.tile = tileOf();
    this.gap = NO_GAP;
    this.numbers = surface.numbers;
  },
  onAdd(map) {
    this.canvas = L.DomUtil.create('canvas', 'leaflet-zoom-hide');
    this.canvas.style.pointerEvents = 'none';
    map.getPane('gaps').appendChild(this.canvas);
    map.on('moveend zoomend viewreset resize', this.place, this);
    this.place();
  },
  onRemove(map) {
    map.off('moveend zoomend viewreset resize', this.place, this);
    this.canvas.remove();
    this.pixels = null;
  },
  /* Cells beyond the limit, or unreachable; what is not known is no gap. West of a column others may speak: see swipe. */
  cut(k, numbers, others, column) {
    const { no_data: noData, outside } = this.surface.data;
    this.gap = NO_GAP.map((_, n) => (n > k && n !== noData && n !== outside ? 0xffffffff : 0));
    this.numbers = numbers;
    this.others = others || null;
    this.column = column || 0;
    this.draw();
  },
  place() {
    if (!this._map || !this.canvas) { return; }
    const map = this._map;
    const size = map.getSize();
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(size.x * ratio), Math.round(size.y * ratio)];
    if (!this.pixels || this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.canvas.style.width = `${size.x}px`;
      this.canvas.style.height = `${size.y}px`;
      this.pen = this.canvas.getContext('2d');
      this.pixels = this.pen.createImageData(width, height);
      this.words = new Uint32Array(this.pixels.data.buffer);
    }
    const origin = map.containerPointToLayerPoint([0, 0]);
    L.DomUtil.setPosition(this.canvas, origin);
    const { bounds, width: columns, height: rows } = this.surface.data;
    const corner = map.latLngToContainerPoint([bounds[3], bounds[0]]).multiplyBy(ratio);
    const other = map.latLngToContainerPoint([bounds[1], bounds[2]]).multiplyBy(ratio);
    this.columns = cellsOf(width, corner.x, other.x, columns);
    this.rows = cellsOf(height, corner.y, other.y, rows);
    // The lines keep their place on the ground while the map is moved.
    const shift = (start, i) => (((Math.round(start * ratio) + i) % SPACING) + SPACING) % SPACING;
    this.across = Uint8Array.from({ length: width }, (_, x) => shift(origin.x, x));
    this.down = Uint8Array.from({ length: height }, (_, y) => shift(origin.y, y));
    this.seen = [inside(this.rows), inside(this.columns)];
    this.words.fill(0);
    this.draw();
  },
  draw() {
    if (!this._map || !this.pixels) { return; }
    const { columns, rows, across, down, gap, tile, words, numbers, others } = this;
    const [[top, bottom], [left, right]] = this.seen;
    const border = others ? left + columns.subarray(left, right).filter((each) => each < this.column).length : left;
    const { width } = this.surface.data;
    for (let y = top; y < bottom; y += 1) {
      const at = y * columns.length;
      const row = rows[y] * width;
      const line = down[y] * SPACING;
      for (let x = left; x < border; x += 1) { words[at + x] = gap[others[row + columns[x]]] & tile[line + across[x]]; }
      for (let x = border; x < right; x += 1) { words[at + x] = gap[numbers[row + columns[x]]] & tile[line + across[x]]; }
    }
    this.pen.putImageData(this.pixels, 0, 0);
  }
});
