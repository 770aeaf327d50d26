// MTCNN on one picture: the steps of spotterlib/faces/mtcnn.py between the three networks, with the numbers that it wrote.

const EMPTY = () => ({ boxes: [], points: [], confidences: [] });

// Faces of a picture, surest first: boxes [x0, y0, x1, y1] and five points [x, y] px; `steps` of the pyramid left out.
async function detectFaces(picture, steps = 0) {
  const how = ABOUT.constants.detection, scale = Math.min(1, how.side / Math.min(picture.width, picture.height));
  const width = Math.max(1, rounded(picture.width * scale)), height = Math.max(1, rounded(picture.height * scale));
  if (Math.min(width, height) < how.least_side) return EMPTY();
  const seen = scale < 1 ? shrunk(picture, width, height) : picture;
  const found = await mtcnn(seen, steps), x = picture.width / width, y = picture.height / height;
  const order = found.map((_, i) => i).sort((a, b) => found[b].score - found[a].score || a - b);
  const result = EMPTY();
  for (const i of order) {
    const box = found[i].box.map((value, k) => Math.fround(value * (k % 2 ? y : x)));
    if (!box.every(Number.isFinite) || box[2] <= box[0] || box[3] <= box[1]) continue;
    if (found[i].score < how.least_confidence) continue;
    result.boxes.push(box);
    result.points.push(found[i].points.map(([a, b]) => [Math.fround(a * x), Math.fround(b * y)]));
    result.confidences.push(found[i].score);
  }
  return result;
}

// The faces of a frame soon after one looked at wholly, whose faces are `before`: not smaller ones, unless one is missing.
async function detectAgain(picture, before) {
  if (!before.boxes.length) return detectFaces(picture);
  const how = ABOUT.constants.detection, reduction = Math.min(1, how.side / Math.min(picture.width, picture.height));
  const sides = before.boxes.map((box) => Math.max(box[2] - box[0], box[3] - box[1]));
  const smallest = Math.min(...sides) * reduction;
  const steps = Math.trunc(Math.log(Math.max(smallest / 2 / how.least_face, 1)) / -Math.log(how.pyramid));
  const found = await detectFaces(picture, steps);
  return found.boxes.length >= before.boxes.length || !steps ? found : detectFaces(picture);
}

async function mtcnn(picture, steps) {
  const how = ABOUT.constants.detection, [first, second, third] = how.thresholds;
  const [atOneScale, ofAll, afterSecond, afterThird] = how.overlaps;
  let found = [];
  let scale = 12 / (how.least_face / how.pyramid ** steps);
  for (let least = Math.min(picture.width, picture.height) * scale; least >= 12; least *= how.pyramid, scale *= how.pyramid) {
    const small = averaged(picture, Math.trunc(picture.width * scale + 1), Math.trunc(picture.height * scale + 1));
    found = found.concat(kept(await proposals(small, scale, first), atOneScale));
  }
  found = kept(found, ofAll);
  for (const one of found) {
    const [x0, y0, x1, y1] = one.box, w = x1 - x0, h = y1 - y0, [a, b, c, d] = one.moved;
    one.box = squared([x0 + a * w, y0 + b * h, x1 + c * w, y1 + d * h]);
  }
  found = await refined("rnet", 24, picture, found, second);
  found = kept(found, afterSecond);
  for (const one of found) one.box = squared(moved(one.box, one.moved));
  found = await refined("onet", 48, picture, found, third);
  for (const one of found) {
    const [x0, y0, x1, y1] = one.box, w = x1 - x0 + 1, h = y1 - y0 + 1;
    one.points = [0, 1, 2, 3, 4].map((k) => [w * one.marks[k] + x0 - 1, h * one.marks[5 + k] + y0 - 1]);
    one.box = moved(one.box, one.moved);
  }
  return keptOfSmaller(found, afterThird);
}

// Where the first network sees a face at one scale of the pyramid.
async function proposals(small, scale, threshold) {
  const { width, height, data } = small, planes = new Float32Array(data.length), size = width * height;
  for (let i = 0; i < size; i++) for (let c = 0; c < 3; c++) planes[c * size + i] = data[3 * i + c];
  const out = await run("pnet", { pictures: new ort.Tensor("float32", planes, [1, 3, height, width]) });
  const [, , h, w] = out.probabilities.dims, p = out.probabilities.data, reg = out.regressions.data, n = h * w;
  const found = [], single = Math.fround(scale);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) {
      const i = y * w + x, score = p[n + i];
      if (score < Math.fround(threshold)) continue;
      const box = [2 * x + 1, 2 * y + 1, 2 * x + 12, 2 * y + 12].map((v) => Math.floor(Math.fround(v / single)));
      found.push({ box, score, moved: [0, 1, 2, 3].map((k) => reg[k * n + i]) });
    }
  return found;
}

// Candidates cut out, looked at by the next network, and kept where it is sure enough.
async function refined(name, side, picture, found, threshold) {
  const passed = [], size = side * side, borders = [picture.width, picture.height];
  found = found.filter(({ box }) => [0, 1].every((k) => Math.min(Math.trunc(box[2 + k]), borders[k]) >= Math.max(Math.trunc(box[k]), 1)));
  for (let start = 0; start < found.length; start += 64) {
    const few = found.slice(start, start + 64), planes = new Float32Array(few.length * 3 * size);
    few.forEach((one, number) => {
      const [x0, y0, x1, y1] = one.box.map((value) => Math.trunc(value));
      const x = Math.max(x0, 1), y = Math.max(y0, 1), ex = Math.min(x1, picture.width), ey = Math.min(y1, picture.height);
      const cut = averaged(part(picture, x - 1, y - 1, ex - x + 1, ey - y + 1), side, side).data;
      for (let i = 0; i < size; i++) for (let c = 0; c < 3; c++) planes[(number * 3 + c) * size + i] = cut[3 * i + c];
    });
    const out = await run(name, { pictures: new ort.Tensor("float32", planes, [few.length, 3, side, side]) });
    few.forEach((one, number) => {
      const score = out.probabilities.data[2 * number + 1];
      if (!(score > Math.fround(threshold))) return;
      const moves = Array.from(out.regressions.data.subarray(4 * number, 4 * number + 4));
      const marks = out.landmarks ? Array.from(out.landmarks.data.subarray(10 * number, 10 * number + 10)) : [];
      passed.push({ box: one.box, score, moved: moves, marks });
    });
  }
  return passed;
}

function moved([x0, y0, x1, y1], [a, b, c, d]) {
  const w = x1 - x0 + 1, h = y1 - y0 + 1;
  return [x0 + a * w, y0 + b * h, x1 + c * w, y1 + d * h].map(Math.fround);
}

function squared([x0, y0, x1, y1]) {
  const w = x1 - x0, h = y1 - y0, side = Math.max(w, h), x = x0 + w / 2 - side / 2, y = y0 + h / 2 - side / 2;
  return [x, y, x + side, y + side].map(Math.fround);
}

// Of boxes that overlap by more than `most` (IoU) the surest.
function kept(found, most) {
  const order = found.map((_, i) => i).sort((a, b) => found[b].score - found[a].score || a - b), result = [];
  for (const i of order) {
    const [x0, y0, x1, y1] = found[i].box, area = (x1 - x0) * (y1 - y0);
    const covered = result.some(({ box }) => {
      const w = Math.min(x1, box[2]) - Math.max(x0, box[0]), h = Math.min(y1, box[3]) - Math.max(y0, box[1]);
      if (w <= 0 || h <= 0) return false;
      return w * h / (area + (box[2] - box[0]) * (box[3] - box[1]) - w * h) > most;
    });
    if (!covered) result.push(found[i]);
  }
  return result;
}

// The same, by the share of the smaller box, whose sides count their last pixel.
function keptOfSmaller(found, most) {
  const order = found.map((_, i) => i).sort((a, b) => found[b].score - found[a].score || b - a), result = [];
  const area = ([x0, y0, x1, y1]) => (x1 - x0 + 1) * (y1 - y0 + 1);
  for (const i of order) {
    const [x0, y0, x1, y1] = found[i].box;
    const covered = result.some(({ box }) => {
      const w = Math.max(0, Math.min(x1, box[2]) - Math.max(x0, box[0]) + 1);
      const h = Math.max(0, Math.min(y1, box[3]) - Math.max(y0, box[1]) + 1);
      return w * h / Math.min(area(found[i].box), area(box)) > most;
    });
    if (!covered) result.push(found[i]);
  }
  return result;
}
