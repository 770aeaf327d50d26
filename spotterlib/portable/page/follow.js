// Faces of frame after frame joined to tracks, and their boxes smoothed over time.

// Square crop box of a face box: same centre, the longer side with its margin.
function cropBox([x0, y0, x1, y1]) {
  const how = ABOUT.constants.crops, cx = (x0 + x1) / 2, cy = (y0 + y1) / 2;
  const half = Math.max(x1 - x0, y1 - y0) * (how.side / (how.side - how.margin) / 2);
  return [cx - half, cy - half, cx + half, cy + half];
}

// How a face looks, for telling people apart in neighbouring frames: numbers whose squares sum to 1.
function lookOf(picture, box) {
  const small = cropped(picture, box, 16, ABOUT.constants.crops.padding).data, look = Float32Array.from(small);
  const mean = look.reduce((a, b) => a + b, 0) / look.length;
  const norm = Math.max(Math.sqrt(look.reduce((a, b) => a + (b - mean) ** 2, 0)), 1e-6);
  return look.map((value) => (value - mean) / norm);
}

class Linker {
  constructor() {
    this.times = [];
    this.tracks = [];  // each a Map: row → {box, points, confidence, look}
    this.ended = 0;
  }

  cut() {
    this.ended = this.tracks.length;
  }

  // Give each face of the next frame to a track seen at most `patience` s ago, as fits best as a whole, or to a new one.
  add(time, found, patience, looks) {
    const how = ABOUT.constants.following, row = this.times.length;
    this.times.push(time);
    const faces = found.boxes.map((box, i) => (
      { box, points: found.points[i], confidence: found.confidences[i], look: looks[i] }));
    const open = this.tracks.slice(this.ended).filter((track) => time - this.times[lastRow(track)] <= patience + 1e-6);
    const left = new Set(faces);
    if (open.length && faces.length) {
      const near = open.map((track) => { const box = this.expected(track, time); return faces.map((face) => affinity(box, face.box)); });
      const fits = near.map((line) => line.map((value) => value >= how.least_affinity));
      const fit = near.map((line, i) => line.map((value, j) => (fits[i][j] ? value : 0)));
      const rivals = Math.max(...fits.map((line) => line.filter(Boolean).length),
        ...faces.map((_, j) => fits.filter((line) => line[j]).length));
      if (rivals > 1) open.forEach((track, i) => faces.forEach((face, j) => {
        if (fits[i][j]) fit[i][j] += how.alike * likeness(track, face.look);
      }));
      for (const [i, j] of assigned(fit)) if (near[i][j] >= how.least_affinity) {
        open[i].set(row, faces[j]);
        left.delete(faces[j]);
      }
    }
    for (const face of left) this.tracks.push(new Map([[row, face]]));
  }

  // Where a track's box should be now: its last place, moved on by its last speed for at most half a second.
  expected(track, time) {
    const smoothing = ABOUT.constants.following.smoothing, rows = [...track.keys()].sort((a, b) => a - b), end = last(rows);
    const box = track.get(end).box;
    if (rows.length === 1) return box;
    const earlier = rows.slice(0, -1).filter((row) => this.times[end] - this.times[row] >= smoothing);
    const start = earlier.length ? last(earlier) : rows[0], was = track.get(start).box;
    const elapsed = Math.max(this.times[end] - this.times[start], smoothing), ahead = Math.min(time - this.times[end], 0.5);
    return box.map((value, k) => value + (value + box[(k + 2) % 4] - was[k] - was[(k + 2) % 4]) / 2 / elapsed * ahead);
  }
}

const lastRow = (track) => Math.max(...track.keys());

// How alike, up to 1, a track in its last five sightings and a face look.
function likeness(track, look) {
  const recent = [...track.keys()].sort((a, b) => a - b).slice(-5).map((row) => track.get(row).look);
  let sum = 0;
  for (const one of recent) for (let i = 0; i < look.length; i++) sum += one[i] * look[i];
  return sum / recent.length;
}

// IoU of two boxes, and a share for near centres.
function affinity(a, b) {
  const w = Math.max(Math.min(a[2], b[2]) - Math.max(a[0], b[0]), 0), h = Math.max(Math.min(a[3], b[3]) - Math.max(a[1], b[1]), 0);
  const areaA = (a[2] - a[0]) * (a[3] - a[1]), areaB = (b[2] - b[0]) * (b[3] - b[1]);
  const iou = w * h / Math.max(areaA + areaB - w * h, 1e-6);
  const apart = Math.hypot(a[0] + a[2] - b[0] - b[2], a[1] + a[3] - b[1] - b[3]) / 2, size = Math.sqrt(Math.max(areaA, 1));
  const alike = Math.min(areaA, areaB) / Math.max(areaA, areaB, 1e-6);
  return iou + (apart < size && alike > 0.4 ? 0.5 * (1 - apart / size) : 0);
}

// Pairs [i, j] whose values (n × m) sum to the most: Kuhn's Hungarian method, with potentials.
function assigned(values) {
  const flip = values.length > values[0].length;
  const cost = flip ? values[0].map((_, j) => values.map((line) => -line[j])) : values.map((line) => line.map((v) => -v));
  const n = cost.length, m = cost[0].length;
  const u = new Float64Array(n + 1), v = new Float64Array(m + 1), match = new Int32Array(m + 1), way = new Int32Array(m + 1);
  for (let i = 1; i <= n; i++) {
    const least = new Float64Array(m + 1).fill(Infinity), used = new Uint8Array(m + 1);
    let j0 = 0;
    match[0] = i;
    do {
      used[j0] = 1;
      let delta = Infinity, j1 = 0;
      for (let j = 1; j <= m; j++) {
        if (used[j]) continue;
        const value = cost[match[j0] - 1][j - 1] - u[match[j0]] - v[j];
        if (value < least[j]) { least[j] = value; way[j] = j0; }
        if (least[j] < delta) { delta = least[j]; j1 = j; }
      }
      for (let j = 0; j <= m; j++) {
        if (used[j]) { u[match[j]] += delta; v[j] -= delta; } else least[j] -= delta;
      }
      j0 = j1;
    } while (match[j0]);
    for (; j0; j0 = way[j0]) match[j0] = match[way[j0]];
  }
  const pairs = [];
  for (let j = 1; j <= m; j++) if (match[j]) pairs.push(flip ? [j - 1, match[j] - 1] : [match[j] - 1, j - 1]);
  return pairs;
}

// Values (n, …) at times (n) s, smoothed: local lines under a Gaussian.
function smoothed(values, times) {
  const sigma = ABOUT.constants.following.smoothing;
  return times.map((now) => {
    const apart = times.map((t) => t - now), weight = apart.map((a) => Math.exp(-0.5 * (a / sigma) ** 2));
    let first = 0, second = 1e-6, sum = 0;
    apart.forEach((a, k) => { first += weight[k] * a; second += weight[k] * a * a; });
    const line = weight.map((w, k) => w * (second - first * apart[k]));
    line.forEach((w) => { sum += w; });
    return values[0].map((_, c) => values.reduce((all, value, k) => all + line[k] * value[c], 0) / sum);
  });
}

// Takes the grid frames of a video in order: finds, follows, smooths and crops; holds the pictures of one window.
class Finder {
  constructor(grids, cuts) {
    this.grids = grids;
    this.shots = grids.map((grid) => cuts.filter((cut) => cut <= grid[0]).length);
    this.window = 0;
    this.held = [];
    this.looks = 0;
    this.whole = null;
    this.rows = [];  // of every grid frame: index, time, window
    this.linker = new Linker();
    this.seen = [];  // of each track a Map: row → {box (square), points, confidence, crop (a Blob of its bytes)}
    this.scenes = new Map();
  }

  async take(index, time, picture) {
    const how = ABOUT.constants.detection;
    const again = this.whole && this.looks % how.whole_look !== 0;
    const found = again ? await detectAgain(picture, this.whole) : await detectFaces(picture);
    if (!again) this.whole = found;
    this.looks++;
    this.held.push({ index, time, picture, found });
    if (index === last(this.grids[this.window])) this.endWindow();
  }

  endWindow() {
    if (!this.held.length) return;
    const how = ABOUT.constants, first = this.rows.length, { linker, window } = this;
    if (window && this.shots[window] !== this.shots[window - 1]) linker.cut();
    const steps = this.held.slice(1).map((held, i) => held.time - this.held[i].time);
    const patience = steps.length ? Math.max(how.following.patience, 1.5 * median(steps)) : how.following.patience;
    for (const { index, time, picture, found } of this.held) {
      linker.add(time, found, patience, found.boxes.map((box) => lookOf(picture, cropBox(box))));
      this.rows.push({ index, time, window });
    }
    linker.tracks.forEach((track, number) => {
      if (number === this.seen.length) this.seen.push(new Map());
      const rows = [...track.keys()].filter((row) => row >= first).sort((a, b) => a - b);
      if (!rows.length) return;
      const boxes = smoothed(rows.map((row) => cropBox(track.get(row).box)), rows.map((row) => linker.times[row]));
      rows.forEach((row, k) => {
        const box = boxes[k].map(Math.fround), { points, confidence } = track.get(row);
        const crop = new Blob([cropped(this.held[row - first].picture, box, how.crops.side, how.crops.padding).data]);
        this.seen[number].set(row, { box, points, confidence, crop });
      });
    });
    this.held = [];
    this.looks = 0;
    this.window++;
  }

  // The people worth the name, each as one track, most confidence summed first.
  async faces() {
    const most = ABOUT.constants.following.least_sightings, least = Math.min(most, this.rows.length);
    const worth = this.seen.filter((track) => track.size >= most);
    for (const [first, ...others] of await peopleOf(worth))
      for (const other of others) {
        for (const [row, face] of worth[other]) worth[first].set(row, face);
        worth[other].clear();
      }
    const trust = (track) => [...track.values()].reduce((sum, face) => sum + face.confidence, 0);
    return this.seen.filter((track) => track.size >= least && track.size).sort((a, b) => trust(b) - trust(a));
  }

  // What was seen too seldom to be followed, and surely, in order of time, each as a face of `judge.js` has rows and side.
  passing() {
    const { least_sightings: most, passing } = ABOUT.constants.following, least = Math.min(most, this.rows.length);
    const sure = (track) => [...track.values()].some(({ confidence }) => confidence >= passing);
    return this.seen.filter((track) => track.size < least && sure(track)).map((track) => {
      const rows = [...track.keys()].sort((a, b) => a - b);
      return { at: track, rows, side: median(rows.map((row) => track.get(row).box[2] - track.get(row).box[0])) };
    }).sort((a, b) => a.rows[0] - b.rows[0]);
  }

  spans() {
    const found = Array.from({ length: this.window }, () => []);
    for (const { time, window } of this.rows) found[window].push(time);
    return found.map((times) => [times[0], last(times)]);
  }
}
