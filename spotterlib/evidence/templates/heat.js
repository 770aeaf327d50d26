// Heat on a canvas of SIDE px, as the library paints it: 7 × 7 cells as 49 numbers, 0…255.
const SIDE = 448, CELLS = 22, RED = "232,24,24";

// bilinear, cell centres kept in place: the same as the library's upsampling
function sample(h, x, y) {
  const clamp = (v) => Math.min(6, Math.max(0, v));
  const u = clamp(x * 7 - 0.5), v = clamp(y * 7 - 0.5), a = Math.floor(u), b = Math.floor(v);
  const c = Math.min(6, a + 1), d = Math.min(6, b + 1), s = u - a, t = v - b;
  return ((h[7 * b + a] * (1 - s) + h[7 * b + c] * s) * (1 - t) + (h[7 * d + a] * (1 - s) + h[7 * d + c] * s) * t) / 255;
}
const cellEdge = (k) => Math.ceil(k * SIDE / CELLS - 0.5);

// just inside the cells from half of full red on: dark outside, white inside, for whoever sees no red
function outlineHeat(canvas, h) {
  const hot = (i, j) => i >= 0 && j >= 0 && i < CELLS && j < CELLS && sample(h, (i + 0.5) / CELLS, (j + 0.5) / CELLS) >= 0.5;
  const thick = Math.max(1, Math.round(SIDE / CELLS / 12));
  for (const [shade, t] of [["#fff", 2 * thick], ["#101216", thick]]) {
    canvas.fillStyle = shade;
    for (let j = 0; j < CELLS; j++) for (let i = 0; i < CELLS; i++) {
      if (!hot(i, j)) continue;
      const x = cellEdge(i), y = cellEdge(j), w = cellEdge(i + 1) - x, d = cellEdge(j + 1) - y;
      if (!hot(i - 1, j)) canvas.fillRect(x, y, t, d);
      if (!hot(i + 1, j)) canvas.fillRect(x + w - t, y, t, d);
      if (!hot(i, j - 1)) canvas.fillRect(x, y, w, t);
      if (!hot(i, j + 1)) canvas.fillRect(x, y + d - t, w, t);
    }
  }
}

// style: "grid" or "smooth"; opacity, threshold: 0…1
function paintHeat(canvas, h, opacity, threshold, style) {
  const alpha = (value) => (value > 0 && value >= threshold ? value * opacity : 0);
  if (style === "grid") {
    for (let j = 0; j < CELLS; j++) for (let i = 0; i < CELLS; i++) {
      const a = alpha(sample(h, (i + 0.5) / CELLS, (j + 0.5) / CELLS));
      if (!a) continue;
      const x = cellEdge(i), y = cellEdge(j), w = cellEdge(i + 1) - x, t = cellEdge(j + 1) - y;
      canvas.fillStyle = "rgba(" + RED + "," + a + ")";
      canvas.fillRect(x + 1, y + 1, w - 1, t - 1);
      canvas.fillStyle = "rgba(" + RED + "," + a * 0.62 + ")";
      canvas.fillRect(x, y, w, 1);
      canvas.fillRect(x, y + 1, 1, t - 1);
    }
    return;
  }
  const n = 224, small = document.createElement("canvas");
  small.width = small.height = n;
  const pixels = new ImageData(n, n);
  for (let j = 0; j < n; j++) for (let i = 0; i < n; i++) {
    const at = 4 * (j * n + i);
    pixels.data[at] = 232; pixels.data[at + 1] = 24; pixels.data[at + 2] = 24;
    pixels.data[at + 3] = Math.round(255 * alpha(sample(h, (i + 0.5) / n, (j + 0.5) / n)));
  }
  small.getContext("2d").putImageData(pixels, 0, 0);
  canvas.drawImage(small, 0, 0, SIDE, SIDE);
}
