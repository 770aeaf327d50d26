// What was found, shown: verdict, people, the whole picture, face and heat, the strip of scores.

const el = (id) => document.getElementById(id);
const COLORS = JSON.parse(el("colors").textContent);
const rgb = (color) => `rgb(${color.join(",")})`;
let shown = null, face = 0, row = 0, timer = null;

function plate(node, label, text) {
  node.textContent = text;
  node.style.background = rgb(COLORS[label].plate);
  node.style.color = rgb(COLORS[label].ink);
}

// Scores run from blue (real) through grey to orange (fake), as everywhere in Spotter.
function scoreColor(p) {
  const middle = [215, 215, 215], end = COLORS[p >= 0.5 ? "FAKE" : "REAL"].plate, share = Math.abs(p - 0.5) * 2;
  return rgb(middle.map((value, k) => Math.round(value + share * (end[k] - value))));
}

// A crop as a canvas, from a Blob of bytes of RGB, or, in a saved report, from a picture.
async function pictureCanvas(crop, side) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  if (crop instanceof Image) {
    canvas.getContext("2d").drawImage(crop, 0, 0, side, side);
    return canvas;
  }
  const data = new Uint8ClampedArray(side * side * 4).fill(255), rgb = new Uint8Array(await crop.arrayBuffer());
  for (let i = 0, o = 0; i < rgb.length; i += 3, o += 4) { data[o] = rgb[i]; data[o + 1] = rgb[i + 1]; data[o + 2] = rgb[i + 2]; }
  canvas.getContext("2d").putImageData(new ImageData(data, side, side), 0, 0);
  return canvas;
}

function showReport(report, side) {
  shown = { ...report, side, pictures: new Map() };
  const { json, said } = report;
  el("name").textContent = json.video;
  plate(el("verdict"), json.label, json.label);
  el("head").style.setProperty("--verdict", rgb(COLORS[json.label].plate));
  el("certain").textContent = said.verdict.slice(json.label.length).trim() && `${said.verdict.slice(json.label.length).trim()} confidence`;
  el("reason").textContent = json.reason;
  for (const node of document.querySelectorAll(".moving")) node.hidden = json.still;
  for (const node of document.querySelectorAll(".standing")) node.hidden = !json.still;
  el("kind").textContent = json.still ? "Spotter on a picture" : "Spotter on a video";
  const hd = json.still ? `${json.info.width} × ${json.info.height}, ${json.info.codec}` : `${json.info.width} × ${json.info.height}, ${fixed(json.info.fps, 2)} frames a second, ${fixed(json.info.duration, 1)} s, ${json.info.codec}`;
  const judged = json.faces.filter(({ probability }) => probability !== null).length;
  const rows = [
    ["Probability of fake", said.probability],
    ["REAL at or below, FAKE at or above", `${fixed(json.checkpoint.t_low, 2)}, ${fixed(json.checkpoint.t_high, 2)}`],
    ["Faces judged", judged === json.faces.length ? String(judged) : `${judged} of ${json.faces.length}`],
    [`Share of the ${json.still ? "picture" : "video"} looked at`, `${fixed(100 * json.coverage, 0)} %`],
    [json.still ? "Picture" : "Video", hd],
    ["SHA-256 of the file", json.file.sha256],
    ["Checkpoint", `${json.checkpoint.name}, SHA-256 ${json.checkpoint.sha256}`],
    ["Scanned", `${json.examined.at}, by Spotter ${json.examined.spotter}, the page that runs in a browser, on ${json.examined.machine.device}`],
    ["Took", `${fixed(json.timings.faces + json.timings.score, 1)} s`],
  ];
  el("figures").replaceChildren(...rows.map(([name, value]) => {
    const line = document.createElement("tr");
    line.append(Object.assign(document.createElement("th"), { textContent: name }), Object.assign(document.createElement("td"), { textContent: value }));
    return line;
  }));
  showPeople();
  el("player").hidden = !json.faces.length;
  el("result").hidden = false;
  if (json.faces.length) choose(0);
}

function showPeople() {
  const { json, crops, said } = shown;
  for (const old of el("people").querySelectorAll("label")) old.remove();
  el("people").hidden = el("who").hidden = json.faces.length < 2;
  json.faces.forEach((one, number) => {
    const label = Object.assign(document.createElement("label"), { className: "person" });
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "person", checked: number === 0 });
    input.onchange = () => choose(number);
    const sharpest = one.confidences.indexOf(Math.max(...one.confidences)), words = document.createElement("span");
    const tag = Object.assign(document.createElement("span"), { className: "plate" });
    plate(tag, one.label, said.faces[number]);
    words.append(`${number + 1} `, tag);
    const crop = crops[number][sharpest] ?? crops[number].find(Boolean);
    label.append(input, words);
    if (crop) pictureCanvas(crop, shown.side).then((canvas) => words.before(canvas));
    el("people").append(label);
  });
}

function choose(number) {
  face = number;
  const one = shown.json.faces[face];
  el("who").textContent = `Face ${face + 1}: ${shown.said.faces[face]}${one.reason ? ` (${one.reason})` : ""}`;
  el("slider").max = String(one.times.length - 1);
  const scores = one.frame_scores.map((score) => score ?? -1), seen = one.confidences.findIndex((c) => c > 0);
  show(Math.max(...scores) >= 0 ? scores.indexOf(Math.max(...scores)) : Math.max(seen, 0));
}

function show(number) {
  row = number;
  const { json, crops, said } = shown, one = json.faces[face], crop = crops[face][row];
  el("slider").value = String(row);
  const cells = one.heatmaps[row]?.flat().map((value) => Math.round(255 * Math.min(1, value)));
  const score = one.frame_scores[row], found = one.confidences[row] > 0;
  const what = !found ? "the face was not found" : score === null ? "not scored" : `${json.still ? "" : "frame "}score ${said.scores[face][row]}`;
  const heatOn = said.zones[face][row] && ` · heat on ${said.zones[face][row]}`;
  const gone = found && !crop ? " · its picture is not kept in this report" : "", red = crop && cells ? ` · red ${redShare(cells)} % of the crop` : "";
  el("caption").textContent = `${json.still ? "" : `${fixed(one.times[row], 2)} s · frame ${one.frames[row]} · `}${what}${red}${heatOn}${gone}`;
  drawFace(crop, cells);
  drawScene();
  drawStrip();
}

async function drawFace(crop, cells) {
  const { side, said } = shown, at = row, chosen = face, canvas = crop && await pictureCanvas(crop, side);
  if (at !== row || chosen !== face) return;
  const plain = el("plain").getContext("2d"), heat = el("heat").getContext("2d");
  for (const context of [plain, heat]) {
    context.clearRect(0, 0, 448, 448);
    if (crop) context.drawImage(canvas, 0, 0, 448, 448);
  }
  if (!crop || !cells) return;
  paintHeat(heat, cells, said.heat.opacity, said.heat.threshold, "grid");
  outlineHeat(heat, cells);
}

// Percent of a crop's 22 × 22 cells from half of full red on: those that are outlined.
function redShare(cells) {
  let hot = 0;
  for (let j = 0; j < CELLS; j++) for (let i = 0; i < CELLS; i++) hot += sample(cells, (i + 0.5) / CELLS, (j + 0.5) / CELLS) >= 0.5;
  return Math.round(100 * hot / CELLS ** 2);
}

async function drawScene() {
  const { json, scenes } = shown, at = row, chosen = face, blob = scenes[at], canvas = el("scene"), context = canvas.getContext("2d");
  if (!blob) return context.clearRect(0, 0, canvas.width, canvas.height);
  const picture = blob instanceof Blob ? await sceneAt(at, blob) : blob;
  if (at !== row || chosen !== face || !picture.width) return;  // or it was closed meanwhile
  canvas.height = Math.round(canvas.width * picture.height / picture.width);
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const scale = canvas.width / json.info.width;
  context.font = "bold 22px system-ui, sans-serif";
  json.faces.forEach((one, number) => {
    const box = one.boxes[at];
    if (box[0] === null) return;
    const [x, y, w] = [box[0] * scale, box[1] * scale, (box[2] - box[0]) * scale];
    context.strokeStyle = number === face ? rgb(COLORS[one.label].plate) : "rgb(255,214,0)";
    context.lineWidth = number === face ? 5 : 3;
    context.strokeRect(x, y, w, w);
    context.fillStyle = context.strokeStyle;
    const top = Math.max(0, y - 28);
    context.fillRect(x, top, 28, 28);
    context.fillStyle = number === face ? rgb(COLORS[one.label].ink) : "rgb(22,24,28)";
    context.fillText(String(number + 1), x + 8, top + 22);
  });
}

const SCENES = 24;  // whole pictures kept decoded, those shown last

async function sceneAt(at, blob) {
  const { pictures } = shown;
  if (!pictures.has(at)) {
    pictures.set(at, createImageBitmap(blob));
    const [oldest] = pictures.keys();
    if (pictures.size > SCENES) {
      pictures.get(oldest).then((picture) => picture.close());
      pictures.delete(oldest);
    }
  }
  return pictures.get(at);
}

const endOf = () => Math.max(shown.json.info.duration, ...shown.json.faces[face].times, 1e-3);

function drawStrip() {
  const one = shown.json.faces[face], canvas = el("strip"), context = canvas.getContext("2d"), { width, height } = canvas;
  context.fillStyle = "#e4e6ea";
  context.fillRect(0, 0, width, height);
  context.strokeStyle = "#c9cdd3";
  context.lineWidth = 1;
  for (let x = -height; x < width; x += 10) { context.beginPath(); context.moveTo(x, height); context.lineTo(x + height, 0); context.stroke(); }
  const places = one.times.map((time) => time / endOf() * width);
  const steps = places.slice(1).map((x, k) => x - places[k]).sort((a, b) => a - b), most = steps.length ? 0.75 * steps[steps.length >> 1] : 14;
  one.times.forEach((_, k) => {
    const score = one.frame_scores[k];
    if (score === null) return;
    const near = (other) => (other < 0 || other >= places.length ? most : Math.min(Math.abs(places[other] - places[k]) / 2, most));
    const left = places[k] - near(k - 1), right = places[k] + near(k + 1), tall = Math.max(4, score * height);
    context.fillStyle = "#fff";
    context.fillRect(left, 0, right - left + 0.5, height);
    context.fillStyle = scoreColor(score);
    context.fillRect(left, height - tall, right - left + 0.5, tall);
  });
  context.fillStyle = "#16181c";
  context.fillRect(Math.min(places[row], width - 4), 0, 4, height);
}

function seek(event) {
  const box = el("strip").getBoundingClientRect(), time = (event.clientX - box.left) / box.width * endOf();
  const apart = shown.json.faces[face].times.map((t) => Math.abs(t - time));
  show(apart.indexOf(Math.min(...apart)));
}

function play(on) {
  clearInterval(timer);
  timer = on ? setInterval(() => show((row + 1) % shown.json.faces[face].times.length), 350) : null;
  el("play").textContent = on ? "Pause" : "Play";
}

// A saved report: the same, from what it carries.
async function restore({ json, said, side, crops, scenes }) {
  const load = async (address) => {
    if (!address) return null;
    const picture = new Image();
    picture.src = address;
    await picture.decode();
    return picture;
  };
  const all = (addresses) => Promise.all(addresses.map(load));
  showReport({ json, said, crops: await Promise.all(crops.map(all)), scenes: await all(scenes) }, side);
}

el("slider").oninput = () => { play(false); show(Number(el("slider").value)); };
el("play").onclick = () => play(!timer);
el("strip").onpointerdown = (event) => { play(false); seek(event); };
el("strip").onpointermove = (event) => { if (event.buttons) seek(event); };
if (el("kept")) restore(JSON.parse(el("kept").textContent));
