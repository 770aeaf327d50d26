// The scan itself, beside the page: takes a file, tells how far it is, hands over what it found.

let ABOUT = null;  // spotter.json, as the package wrote it
let GRAPHS = {};
const sessions = {};
let PROCESSOR = "";  // the processor and its threads, in words
const NO_HEAT = Array.from({ length: 7 }, () => new Array(7).fill(0));

async function run(name, feeds) {
  sessions[name] ??= ort.InferenceSession.create(GRAPHS[name], { executionProviders: ["wasm"] });
  return (await sessions[name]).run(feeds);
}

const tell = (kind, values) => postMessage({ kind, ...values });

onmessage = async ({ data }) => {
  try {
    if (data.kind === "begin") begin(data);
    else if (data.kind === "try") tell("tried", { better: isBetter(await compared(data.card)) });
    else if (data.kind === "scan") {
      card = data.card;
      const kind = await pictureKind(data.file);
      tell("found", { report: await (kind ? scanStill(data.file, kind) : scan(data.file)) });
    }
  } catch (error) {
    tell("failed", { said: error.message, mended: error instanceof Unreadable, where: error.stack });
  }
};

function begin({ about, graphs, threads, processor, wasm, glue }) {
  [ABOUT, GRAPHS, PROCESSOR] = [about, graphs, processor];
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmBinary = wasm;
  ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(new Blob([glue], { type: "text/javascript" })) };
  ort.env.logLevel = "error";
}

async function scan(file) {
  const begun = performance.now();
  tell("step", { step: "read", share: 0 });
  const video = await openVideo(file);
  const first = video.stamps[0] ?? 0, announced = video.stamps.map((t) => t - first), cuts = new ShotCuts();
  let pass = await onePass(video, planWindows(announced, []), [], cuts);
  const actual = planWindows(pass.times, cuts.cuts);
  if (cuts.cuts.length || JSON.stringify(actual) !== JSON.stringify(pass.grids)) pass = await onePass(video, actual, cuts.cuts, null);
  if (pass.doubt) throw new Unreadable(pass.doubt);
  const { finder, times, size } = pass;
  finder.endWindow();
  const seen = performance.now(), tracks = await finder.faces(), faces = [];
  const all = tracks.length * finder.window;
  let done = 0;
  for (const track of tracks)
    faces.push(await scored(track, finder, () => tell("step", { step: "score", share: ++done / Math.max(all, 1) })));
  faces.sort((a, b) => (a.probability === null) - (b.probability === null) || (b.probability ?? 0) - (a.probability ?? 0));
  const known = faces.flatMap(({ probability }) => (probability === null ? [] : [probability]));
  const probability = known.length ? combined(known) : null;
  const found = {
    faces, finder, passing: finder.passing(), times, probability, announced: announced.length, width: size[0], height: size[1],
    label: verdictOf(probability),
    coverage: coverageOf(times, finder.grids.slice(0, finder.window)),
    turn: faces.length ? 0 : await uprightAfter(pass.spare),
  };
  found.reason = reasonOf(found);
  found.info = { width: size[0], height: size[1], fps: times.length > 1 ? (times.length - 1) / last(filmed(times)) : 25,
    frames: times.length, codec: video.codec, has_audio: video.has_audio };
  found.info.duration = durationOf(times) || 1 / found.info.fps;
  return reported(file, video.container, found, { faces: (seen - begun) / 1000, score: (performance.now() - seen) / 1000 });
}

// Decode everything once; hand the planned frames to a finder, until a first cut shows that the plan is another.
async function onePass(video, grids, known, cuts) {
  const finder = new Finder(grids, known), wanted = new Set(grids.flat()), spare = [];
  let size = null, changed = false;
  const total = video.stamps.length, kept = new Set(few(total));
  const { times, broken } = await eachFrame(video, async (index, frame, time) => {
    if (cuts) cuts.take(await smallOf(frame));
    if (cuts?.cuts.length) return tell("step", { step: "shots", share: index / total });
    if (wanted.has(index) || kept.has(index)) {
      const picture = await pictureOf(frame, video);
      size ??= [picture.width, picture.height];
      changed ||= picture.width !== size[0] || picture.height !== size[1];
      if (kept.has(index)) spare.push(picture);
      if (wanted.has(index)) {
        finder.scenes.set(index, await sceneOf(picture));
        await finder.take(index, time, picture);
      }
    }
    if (index % 10 === 0) tell("step", { step: "faces", share: index / total });
  });
  return { finder, times, grids, size: size ?? [0, 0], spare, doubt: broken ? BROKEN : changed ? CHANGED : "" };
}

// Where Python does more than this page does, and another verdict could come out: why nothing is shown here.
const BROKEN = "The browser could not decode the file to its end, which Spotter in Python may: scan it there.";
const CHANGED = "The picture changes its size midway, which only Spotter in Python follows: scan it there.";

// The whole picture, small, as a JPEG.
async function sceneOf(picture) {
  const most = ABOUT.constants.crops.scene, scale = Math.min(1, most / Math.max(picture.width, picture.height));
  const bitmap = await createImageBitmap(imageOf(picture.data, picture.width, picture.height));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(picture.width * scale)), Math.max(1, Math.round(picture.height * scale)));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.75 });
}

function imageOf(rgb, width, height) {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let i = 0, o = 0; i < rgb.length; i += 3, o += 4) {
    data[o] = rgb[i]; data[o + 1] = rgb[i + 1]; data[o + 2] = rgb[i + 2]; data[o + 3] = 255;
  }
  return new ImageData(data, width, height);
}

// What the page shows, and what it saves: plain values, crops and scenes beside them.
async function reported(file, container, found, timings) {
  const { faces, finder, probability: p, label, thresholds = ABOUT.card.thresholds } = found;
  return {
    json: {
      schema: ABOUT.schema,
      made_by: "page",
      video: file.name,
      file: { name: file.name, size: file.size, sha256: await sha256(file), container },
      examined: { at: new Date().toISOString().replace(/\.\d+Z$/, "Z"), spotter: ABOUT.version,
        machine: { browser: navigator.userAgent, device: card ? "graphics card" : PROCESSOR }, settings: ABOUT.settings },
      label, probability: p,
      confidence: p === null ? null : 100 * (label === "FAKE" ? p : label === "REAL" ? 1 - p : Math.max(p, 1 - p)),
      reason: found.reason,
      faces: faces.map((face) => ({
        label: face.label, probability: face.probability, reason: face.reason, windows: face.windows,
        frames: finder.rows.map(({ index }) => index), times: finder.rows.map(({ time }) => time),
        boxes: finder.rows.map((_, row) => face.at.get(row)?.box ?? [null, null, null, null]),
        sizes: null,
        confidences: finder.rows.map((_, row) => face.at.get(row)?.confidence ?? 0),
        frame_scores: finder.rows.map((_, row) => face.scores.get(row) ?? null),
        zones: zonesOf(face),
        heatmaps: finder.rows.map((_, row) => face.heat.get(row) ?? NO_HEAT),
      })),
      segments: segmentsOf(faces, finder),
      times: found.times,
      heatmap_scale: 1,
      info: { path: file.name, ...found.info },
      still: Boolean(found.still),
      checkpoint: { name: ABOUT.name, sha256: ABOUT.card.sha256, card_sha256: ABOUT.card_sha256,
        t_low: thresholds.t_low, t_high: thresholds.t_high },
      coverage: found.coverage,
      timings,
    },
    said: { verdict: verdictText(label, p), probability: probabilityText(p), heat: ABOUT.constants.heat,
      faces: faces.map((face) => verdictText(face.label, face.probability)),
      scores: faces.map((face) => finder.rows.map((_, row) => probabilityText(face.scores.get(row) ?? null))),
      zones: faces.map((face) => finder.rows.map((_, row) => (face.heat.has(row) ? heatWords(face.heat.get(row), sharesOf(face, row)) : ""))) },
    crops: faces.map((face) => finder.rows.map((_, row) => face.at.get(row)?.crop ?? null)),
    scenes: finder.rows.map(({ index }) => finder.scenes.get(index) ?? null),
  };
}
