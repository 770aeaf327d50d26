// Tracks of one person, over shots and gaps, joined to one: by how alike their faces are.

// Which tracks are one person's: lists of their places in `tracks` (Maps: row → {box, points, confidence, crop}).
async function peopleOf(tracks) {
  const groups = tracks.map((_, i) => [i]), near = ABOUT.constants.following.same_person;
  const free = tracks.map((one, i) => tracks.map((other, j) => i !== j && ![...one.keys()].some((row) => other.has(row))));
  if (!free.some((line) => line.some(Boolean))) return groups;
  const middle = [], size = [];
  for (const track of tracks) {
    const points = await embedded(track);
    size.push(points.length);
    middle.push(points[0].map((_, k) => points.reduce((sum, point) => sum + point[k], 0) / points.length));
  }
  while (true) {
    let least = Infinity, i = 0, j = 0;
    free.forEach((line, a) => line.forEach((could, b) => {
      const apart = could && a < b ? Math.hypot(...middle[a].map((value, k) => value - middle[b][k])) : Infinity;
      if (apart < least) [least, i, j] = [apart, a, b];
    }));
    if (!(least <= near)) return groups.filter((group) => group.length);
    middle[i] = middle[i].map((value, k) => (size[i] * value + size[j] * middle[j][k]) / (size[i] + size[j]));
    free.forEach((line, k) => {
      free[i][k] = line[i] = free[i][k] && free[j][k];
      free[j][k] = line[j] = false;
    });
    size[i] += size[j];
    groups[i] = [...groups[i], ...groups[j]].sort((a, b) => a - b);
    groups[j] = [];
  }
}

// A few faces of a track, spread over its surer half, as points of 128 numbers.
async function embedded(track) {
  const most = ABOUT.constants.following.faces_compared, side = ABOUT.constants.crops.side, { chip } = ABOUT.constants.recognising;
  const rows = [...track.keys()].sort((a, b) => a - b), order = [...rows].sort((a, b) => track.get(b).confidence - track.get(a).confidence || a - b);
  const surer = order.slice(0, Math.max(most, Math.floor(order.length / 2))).sort((a, b) => a - b);
  const chosen = [...new Set(spread(most, 0, surer.length - 1).map(rounded))].map((k) => track.get(surer[k]));
  const size = chip * chip, planes = new Float32Array(chosen.length * 3 * size);
  for (const [number, { box, points, crop }] of chosen.entries()) {
    const scale = side / Math.max(box[2] - box[0], 1e-6);
    const inside = points.map(([x, y]) => [(x - box[0]) * scale, (y - box[1]) * scale]);
    const face = aligned({ width: side, height: side, data: await bytesOf(crop) }, inside).data;
    for (let i = 0; i < size; i++) for (let c = 0; c < 3; c++) planes[(number * 3 + c) * size + i] = face[3 * i + c];
  }
  const out = await run("recogniser", { pictures: new ort.Tensor("float32", planes, [chosen.length, 3, chip, chip]) });
  return chosen.map((_, k) => Array.from(out.points.data.subarray(128 * k, 128 * k + 128)));
}

// A face turned upright and cut as dlib does: by the shift, turn and scale that fit most of its five points.
function aligned(picture, points) {
  const { chip, points: shares } = ABOUT.constants.recognising, goal = shares.map(([x, y]) => [x * chip, y * chip]);
  const all = points.map((_, i) => i);
  let best = Infinity, fit = null;
  for (const i of all) for (const j of all) {
    if (i >= j) continue;
    const tried = similarity([points[i], points[j]], [goal[i], goal[j]]);
    const middle = all.map((k) => missed(tried, points[k], goal[k])).sort((a, b) => a - b)[all.length >> 1];
    if (middle < best) [best, fit] = [middle, tried];
  }
  const most = Math.max(2.5 * 1.4826 * (1 + 5 / (points.length - 2)) * Math.sqrt(best), 1e-3) ** 2;  // as OpenCV's LMEDS
  const good = all.filter((k) => missed(fit, points[k], goal[k]) <= most);
  const [a, b, x0, y0] = similarity(good.map((k) => points[k]), good.map((k) => goal[k])), norm = a * a + b * b;
  const out = new Uint8ClampedArray(chip * chip * 3), { width, height, data } = picture;
  const at = (x, y, c) => data[3 * (Math.min(Math.max(y, 0), height - 1) * width + Math.min(Math.max(x, 0), width - 1)) + c];
  for (let y = 0, o = 0; y < chip; y++)
    for (let x = 0; x < chip; x++, o += 3) {
      const u = (a * (x - x0) + b * (y - y0)) / norm, v = (a * (y - y0) - b * (x - x0)) / norm;
      const left = Math.floor(u), top = Math.floor(v), p = u - left, q = v - top;
      for (let c = 0; c < 3; c++)
        out[o + c] = (1 - q) * ((1 - p) * at(left, top, c) + p * at(left + 1, top, c)) +
          q * ((1 - p) * at(left, top + 1, c) + p * at(left + 1, top + 1, c));
    }
  return { width: chip, height: chip, data: out };
}

// The least-squares map (x, y) → (a x − b y + x0, a y + b x + y0) between points.
function similarity(from, to) {
  const mean = (points, k) => points.reduce((sum, point) => sum + point[k], 0) / points.length;
  const [fx, fy, tx, ty] = [mean(from, 0), mean(from, 1), mean(to, 0), mean(to, 1)];
  let a = 0, b = 0, size = 1e-12;
  from.forEach(([x, y], k) => {
    const [p, q, r, s] = [x - fx, y - fy, to[k][0] - tx, to[k][1] - ty];
    a += p * r + q * s;
    b += p * s - q * r;
    size += p * p + q * q;
  });
  [a, b] = [a / size, b / size];
  return [a, b, tx - a * fx + b * fy, ty - a * fy - b * fx];
}

const missed = ([a, b, x0, y0], [x, y], [u, v]) => (a * x - b * y + x0 - u) ** 2 + (a * y + b * x + y0 - v) ** 2;
