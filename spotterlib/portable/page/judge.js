// Scores of windows and faces, and one verdict, as `scan_video` gives them.

const sigmoid = (x) => 0.5 * (1 + Math.tanh(x / 2));
const calibrated = (logit, head) => {
  const { scale, bias } = ABOUT.card.calibration[head];
  return sigmoid(logit * scale + bias);
};

// P(fake) of a whole from its parts, of which one, unknown, may be forged: the mean of their odds.
function combined(probabilities) {
  const logits = probabilities.map((p) => Math.log(p) - Math.log1p(-p)), most = Math.max(...logits);
  if (!Number.isFinite(most)) return most > 0 ? 1 : 0;
  return sigmoid(most + Math.log(logits.reduce((sum, z) => sum + Math.exp(z - most), 0) / logits.length));
}

function verdictOf(p, { t_low, t_high } = ABOUT.card.thresholds) {
  return p === null ? "UNDECIDED" : p >= t_high ? "FAKE" : p <= t_low ? "REAL" : "UNDECIDED";
}

// The heat of a frame, 0…1: where is the map's own shape, how strong the frame's score.
function shownHeat(cells, score) {
  const top = Math.max(0, ...cells.flat());
  return cells.map((line) => line.map((value) => (top > 0 ? score * value / top : 0)));
}

// How far a head leans, 0…180°, by the lines through eyes and mouth, and the one down the face.
function rollOf(points) {
  const [a, b, , c, d] = points;
  const down = [(c[0] + d[0] - a[0] - b[0]) / 2, (c[1] + d[1] - a[1] - b[1]) / 2];
  const x = b[0] - a[0] + d[0] - c[0] + down[1], y = b[1] - a[1] + d[1] - c[1] - down[0];
  return Math.abs(Math.atan2(y, x) * 180 / Math.PI);
}

// By how many degrees to the left some pictures must be turned for most of them to show a face surely; 0 as they are.
async function uprightAfter(pictures) {
  const how = ABOUT.constants.pose, sure = [];
  if (!pictures.length) return 0;
  for (const picture of pictures) {
    const line = [];
    for (let turns = 0; turns < 4; turns++) {
      const { confidences } = await detectFaces(turned(picture, turns));
      line.push(Math.max(0, ...confidences));
    }
    sure.push(line);
  }
  const mean = [0, 1, 2, 3].map((turn) => {
    const better = sure.filter((line) => line[turn] >= how.sure && line[turn] > line[0] + 1e-3).length;
    return better > pictures.length / 2 ? sure.reduce((sum, line) => sum + line[turn], 0) / sure.length : 0;
  });
  return 90 * mean.indexOf(Math.max(...mean));
}

const few = (count) => {
  const looks = ABOUT.constants.pose.looks;
  return count ? [...new Set(spread(looks + 2, 0, count - 1).map(rounded).slice(1, -1))] : [];
};

// The turn that a face's picture needs, asked only where the detector was unsure or the head seems to lie.
async function lying(face) {
  const how = ABOUT.constants.pose, seen = face.rows.map((row) => face.at.get(row)), side = ABOUT.constants.crops.side;
  const mean = seen.reduce((sum, { confidence }) => sum + confidence, 0) / seen.length;
  if (mean >= how.doubtful && median(seen.map(({ points }) => rollOf(points))) <= how.leaning) return 0;
  const pictures = few(seen.length).map(async (k) => ({ width: side, height: side, data: await bytesOf(seen[k].crop) }));
  return uprightAfter(await Promise.all(pictures));
}

// One face of the finder, scored window by window.
async function scored(track, finder, progress) {
  const how = ABOUT.constants.judging, most = ABOUT.most_roll;
  const face = { at: track, rows: [...track.keys()].sort((a, b) => a - b) };
  const sides = face.rows.map((row) => track.get(row).box[2] - track.get(row).box[0]);
  face.side = median(sides);
  face.turn = await lying(face);
  const large = face.side >= how.smallest;
  face.scores = new Map();
  face.heat = new Map();
  face.leaning = []; // the roll of every window in which the head leans too far
  face.windows = [];
  for (const [window, [start, end]] of finder.spans().entries()) {
    const inside = face.rows.filter((row) => finder.rows[row].window === window);
    const rolls = (rows) => (rows.length ? median(rows.map((row) => rollOf(track.get(row).points))) : 0);
    if (rolls(inside) > most && inside.length >= how.least_frames) face.leaning.push(rolls(inside));
    const could = large && !face.turn ? inside : [];
    const usable = rolls(could) <= most ? could : [];
    let probability = null;
    if (usable.length) {
      const { logit, frames, heat } = await look(usable.map((row) => track.get(row).crop));
      usable.forEach((row, k) => face.scores.set(row, calibrated(frames[k], "frame")));
      if (usable.length >= how.least_frames) {
        probability = calibrated(logit, "clip");
        if (!Number.isFinite(probability)) throw new Error("The network gives no number for this video.");
        usable.forEach((row, k) => face.heat.set(row, shownHeat(heat[k], face.scores.get(row))));
      }
    }
    face.windows.push({ start, end, probability, usable: usable.length });
    progress();
  }
  const known = face.windows.flatMap(({ probability }) => (probability === null ? [] : [probability]));
  face.probability = known.length ? combined(known) : null;
  face.label = verdictOf(face.probability);
  face.reason = known.length ? "" : unscored(face);
  return face;
}

// The network on the crops of one face in one window, in order: its logit, and of each frame logit and heat.
async function look(crops) {
  const side = ABOUT.constants.crops.side, features = [], frames = [], heat = [];
  for (let start = 0; start < crops.length; start += 4) {
    const part = crops.slice(start, start + 4), pictures = new Uint8Array(part.length * side * side * 3);
    for (const [k, crop] of part.entries()) pictures.set(await bytesOf(crop), k * side * side * 3);
    const out = await trunk(pictures, [part.length, side, side, 3]);
    features.push(out.features.data.slice());
    part.forEach((_, k) => {
      frames.push(out.frame_logits.data[k]);
      heat.push([0, 7, 14, 21, 28, 35, 42].map((at) => Array.from(out.heat.data.subarray(49 * k + at, 49 * k + at + 7))));
    });
  }
  const width = features[0].length / Math.min(4, crops.length), all = new Float32Array(crops.length * width);
  features.reduce((at, values) => { all.set(values, at); return at + values.length; }, 0);
  const out = await run("recurrent", { features: new ort.Tensor("float32", all, [crops.length, width]) });
  return { logit: out.logit.data[0], frames, heat };
}
