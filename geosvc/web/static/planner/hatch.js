/* Gaps as hatching at the resolution of the screen, from a mask at the resolution of the surface: it follows the
   limit at once, and lines stay thin however far one zooms. */

const SPACING = 9;

function pattern(context) {
  const tile = document.createElement('canvas');
  tile.width = tile.height = SPACING;
  const pen = tile.getContext('2d');
  pen.strokeStyle = '#8a2d5c';
  pen.lineWidth = 1.2;
  pen.beginPath();
  pen.moveTo(-1, SPACING + 1); pen.lineTo(SPACING + 1, -1);
  pen.moveTo(-1, 1); pen.lineTo(1, -1);
  pen.moveTo(SPACING - 1, SPACING + 1); pen.lineTo(SPACING + 1, SPACING - 1);
  pen.stroke();
  return context.createPattern(tile, 'repeat');
}

export const Hatch = L.Layer.extend({
  initialize(surface) {
    this.surface = surface;
    this.mask = document.createElement('canvas');
    this.mask.width = surface.data.width;
    this.mask.height = surface.data.height;
    this.pen = this.mask.getContext('2d');
    this.pixels = this.pen.createImageData(this.mask.width, this.mask.height);
    this.words = new Uint32Array(this.pixels.data.buffer);
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
  },
  /* Cells beyond the limit, or unreachable; what is not known is no gap. West of a column others may speak: see swipe. */
  cut(k, numbers, others, column) {
    const words = this.words;
    const { no_data: noData, outside, width } = this.surface.data;
    for (let i = 0, x = 0; i < numbers.length; i += 1, x += 1) {
      if (x === width) { x = 0; }
      const n = others && x < column ? others[i] : numbers[i];
      words[i] = n > k && n !== noData && n !== outside ? 0xff000000 : 0;
    }
    this.pen.putImageData(this.pixels, 0, 0);
    this.place();
  },
  place() {
    if (!this._map || !this.canvas) { return; }
    const map = this._map;
    const size = map.getSize();
    const ratio = window.devicePixelRatio || 1;
    if (this.canvas.width !== size.x * ratio || this.canvas.height !== size.y * ratio) {
      this.canvas.width = size.x * ratio;
      this.canvas.height = size.y * ratio;
      this.canvas.style.width = `${size.x}px`;
      this.canvas.style.height = `${size.y}px`;
    }
    L.DomUtil.setPosition(this.canvas, map.containerPointToLayerPoint([0, 0]));
    const pen = this.canvas.getContext('2d');
    const b = this.surface.data.bounds;
    const corner = map.latLngToContainerPoint([b[3], b[0]]);
    const other = map.latLngToContainerPoint([b[1], b[2]]);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.globalCompositeOperation = 'source-over';
    pen.clearRect(0, 0, size.x, size.y);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(this.mask, corner.x, corner.y, other.x - corner.x, other.y - corner.y);
    pen.globalCompositeOperation = 'source-in';
    // The lines keep their place on the ground while the map is moved.
    const origin = map.containerPointToLayerPoint([0, 0]);
    pen.translate(-(origin.x % SPACING), -(origin.y % SPACING));
    pen.fillStyle = this.fill || (this.fill = pattern(pen));
    pen.fillRect(-SPACING, -SPACING, size.x + 3 * SPACING, size.y + 3 * SPACING);
  }
});
