// Pictures: {width, height, data}, data RGB in a row-wise array, three numbers a pixel. As OpenCV, FFmpeg and torch compute.

// Which inputs an output takes, and how much of each, for areas of `ratio` inputs: OpenCV's INTER_AREA when it shrinks.
function areaTaps(from, to) {
  const ratio = from / to, taps = [];
  for (let i = 0; i < to; i++) {
    const start = i * ratio, end = Math.min(start + ratio, from), row = [];
    const width = Math.min(ratio, from - start);
    const first = Math.ceil(start - 1e-9), last = Math.min(Math.floor(end + 1e-9), from - 1);
    if (first - start > 1e-3) row.push([first - 1, (first - start) / width]);
    for (let k = first; k < Math.min(last, Math.floor(end + 1e-9)); k++) row.push([k, 1 / width]);
    if (end - last > 1e-3) row.push([last, Math.min(end - last, 1) / width]);
    taps.push(row);
  }
  return taps;
}

// torch's interpolate(mode="area"): plain means over whole pixels, that overlap where sizes do not divide.
function meanTaps(from, to) {
  const taps = [];
  for (let i = 0; i < to; i++) {
    const start = Math.floor(i * from / to), end = Math.ceil((i + 1) * from / to), row = [];
    for (let k = start; k < end; k++) row.push([k, 1 / (end - start)]);
    taps.push(row);
  }
  return taps;
}

// A picture resized by taps for its columns and rows, rounded to whole numbers where it stays a picture of bytes.
function resampled(picture, columns, rows, whole) {
  const { width, data } = picture, w = columns.length, h = rows.length;
  const out = whole ? new Uint8ClampedArray(w * h * 3) : new Float32Array(w * h * 3);
  const line = new Float64Array(w * 3), kept = new Map();
  const across = (y) => {  // rows are asked for in order: the last few are kept
    let found = kept.get(y);
    if (found) return found;
    if (kept.size > 3) kept.delete(kept.keys().next().value);
    found = new Float64Array(w * 3);
    for (let x = 0, o = 0; x < w; x++, o += 3) {
      let r = 0, g = 0, b = 0;
      for (const [k, share] of columns[x]) {
        const i = 3 * (y * width + k);
        r += share * data[i]; g += share * data[i + 1]; b += share * data[i + 2];
      }
      found[o] = r; found[o + 1] = g; found[o + 2] = b;
    }
    kept.set(y, found);
    return found;
  };
  for (let y = 0; y < h; y++) {
    line.fill(0);
    for (const [k, share] of rows[y]) {
      const one = across(k);
      for (let i = 0; i < line.length; i++) line[i] += share * one[i];
    }
    out.set(line, y * w * 3);
  }
  return { width: w, height: h, data: out };
}

const shrunk = (picture, width, height) =>
  resampled(picture, areaTaps(picture.width, width), areaTaps(picture.height, height), true);
const averaged = (picture, width, height) =>
  resampled(picture, meanTaps(picture.width, width), meanTaps(picture.height, height), false);

// Where each output lies between two inputs, and the shares of both in 2,048ths: cell centres kept in place.
function linearTaps(from, to, stops) {
  return Array.from({ length: to }, (_, i) => {
    const at = Math.fround((i + 0.5) * (from / to) - 0.5);
    let first = Math.floor(at), share = Math.fround(at - first);
    if (stops && (first < 0 || first >= from - 1)) [first, share] = [first < 0 ? 0 : from - 1, 0];
    const inside = (k) => Math.min(Math.max(k, 0), from - 1);
    return [inside(first), inside(first + 1), rounded(Math.fround(1 - share) * 2048), rounded(share * 2048)];
  });
}

// A picture enlarged as by OpenCV's INTER_LINEAR, whose whole numbers it has.
function stretched({ width: from, height, data }, w, h) {
  const columns = linearTaps(from, w, true), out = new Uint8ClampedArray(w * h * 3), lines = new Map();
  const across = (y) => {
    let line = lines.get(y);
    if (line) return line;
    line = new Int32Array(w * 3);
    columns.forEach(([a, b, p, q], x) => {
      for (let c = 0; c < 3; c++) line[3 * x + c] = data[3 * (y * from + a) + c] * p + data[3 * (y * from + b) + c] * q;
    });
    if (lines.size > 3) lines.delete(lines.keys().next().value);
    lines.set(y, line);
    return line;
  };
  linearTaps(height, h, false).forEach(([a, b, p, q], y) => {
    const one = across(a), other = across(b);
    for (let i = 0, o = y * w * 3; i < w * 3; i++, o++)
      out[o] = ((((one[i] >> 4) * p) >> 16) + (((other[i] >> 4) * q) >> 16) + 2) >> 2;
  });
  return { width: w, height: h, data: out };
}

// A crop waits as a Blob, which a browser keeps beside the script's memory, on disk if need be.
const bytesOf = async (blob) => new Uint8ClampedArray(await blob.arrayBuffer());

// Python's round: halves to the even neighbour.
function rounded(value) {
  const low = Math.floor(value), rest = value - low;
  return rest === 0.5 ? low + (low & 1 ? 1 : 0) : Math.round(value);
}

// A rectangle of a picture, wholly inside of it.
function part(picture, x0, y0, width, height) {
  const data = new picture.data.constructor(width * height * 3);
  for (let y = 0; y < height; y++) {
    const start = 3 * ((y0 + y) * picture.width + x0);
    data.set(picture.data.subarray(start, start + 3 * width), 3 * y * width);
  }
  return { width, height, data };
}

// The square crop box [x0, y0, x1, y1] px of a picture as side × side px, padded outside of the picture.
function cropped(picture, box, side, padding) {
  const x0 = rounded(box[0]), y0 = rounded(box[1]), size = Math.max(2, rounded(box[2] - box[0]));
  const cut = { width: size, height: size, data: new Uint8ClampedArray(size * size * 3) };
  for (let i = 0; i < cut.data.length; i++) cut.data[i] = padding[i % 3];
  const left = Math.max(x0, 0), right = Math.max(Math.min(x0 + size, picture.width), 0);
  const top = Math.max(y0, 0), bottom = Math.max(Math.min(y0 + size, picture.height), 0);
  for (let y = top; y < bottom && right > left; y++)
    cut.data.set(picture.data.subarray(3 * (y * picture.width + left), 3 * (y * picture.width + right)),
      3 * ((y - y0) * size + left - x0));
  return size === side ? cut : size > side ? shrunk(cut, side, side) : stretched(cut, side, side);
}

// The picture turned to the left by so many quarters.
function turned(picture, quarters) {
  const { width: w, height: h, data } = picture, n = ((quarters % 4) + 4) % 4;
  if (n === 0) return picture;
  const width = n % 2 ? h : w, height = n % 2 ? w : h, out = new Uint8ClampedArray(data.length);
  for (let y = 0, o = 0; y < height; y++)
    for (let x = 0; x < width; x++, o += 3) {
      const i = 3 * (n === 1 ? x * w + (w - 1 - y) : n === 2 ? (h - 1 - y) * w + (w - 1 - x) : (h - 1 - x) * w + y);
      out[o] = data[i]; out[o + 1] = data[i + 1]; out[o + 2] = data[i + 2];
    }
  return { width, height, data: out };
}

// The picture with left and right exchanged.
function mirrored({ width, height, data }) {
  const out = new data.constructor(data.length);
  for (let y = 0, o = 0; y < height; y++)
    for (let x = 0; x < width; x++, o += 3) {
      const i = 3 * (y * width + width - 1 - x);
      out[o] = data[i]; out[o + 1] = data[i + 1]; out[o + 2] = data[i + 2];
    }
  return { width, height, data: out };
}

// How much of each colour difference goes into red, blue and green, in 65,536ths (ITU-R BT.709, 601, 2020), as in FFmpeg.
const MATRICES = {
  bt709: [117489, 138438, 13975, 34925], bt601: [104597, 132201, 25675, 53279], bt2020: [110013, 140363, 12277, 42626] };

// Planes of brightness and two colours (each {data, offset, stride, step}) → RGB, to the last bit as FFmpeg does it.
function fromPlanes(width, height, [Y, U, V], across, down, matrix, full) {
  let [crv, cbu, cgu, cgv] = MATRICES[matrix];
  let cy = 65536, black = 0;
  if (full) [crv, cbu, cgu, cgv] = [crv, cbu, cgu, cgv].map((c) => Math.trunc(c * 224 / 255));
  else { cy = Math.floor(65536 * 255 / 219); black = 128; }
  const coded = (c) => Math.floor((c * 8192 + 32768) / 65536);
  const yc = coded(cy), vr = coded(crv), ub = coded(cbu), ug = coded(-cgu), vg = coded(-cgv);
  const data = new Uint8ClampedArray(width * height * 3);
  for (let y = 0, o = 0; y < height; y++) {
    const py = Y.offset + y * Y.stride, c = Math.floor(y / down), pu = U.offset + c * U.stride, pv = V.offset + c * V.stride;
    for (let x = 0; x < width; x++, o += 3) {
      const k = Math.floor(x / across), u = (U.data[pu + k * U.step] << 3) - 1024, v = (V.data[pv + k * V.step] << 3) - 1024;
      const l = (((Y.data[py + x * Y.step] << 3) - black) * yc) >> 16;
      data[o] = l + ((v * vr) >> 16);
      data[o + 1] = l + ((u * ug) >> 16) + ((v * vg) >> 16);
      data[o + 2] = l + ((u * ub) >> 16);
    }
  }
  return { width, height, data };
}
