// The page: gets the detector ready, takes a video, shows how far it is, hands what was found to what shows it.

const ABOUT = JSON.parse(el("about").textContent);
const STEPS = {
  read: "Reading the file", faces: "Looking for faces", shots: "A cut was seen: looking for more", score: "Scoring the faces" };
// threads share memory, which a browser allows only on a page that its server isolates
const THREADS = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
const PROCESSOR = `processor, ${THREADS} ${THREADS === 1 ? "thread" : "threads"}`;
let parts = null, waiting = null, worker = null, begun = 0, ticking = null;

async function carried(name) {
  const text = el(`carried-${name}`).textContent;
  let bytes;
  if (Uint8Array.fromBase64) bytes = Uint8Array.fromBase64(text);
  else {
    const raw = atob(text);
    bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  }
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function prepare() {
  const graphs = {};
  for (const name of Object.keys(ABOUT.files)) graphs[name.replace(".onnx", "")] = await carried(name);
  const [wasm, glue, code] = [await carried("wasm"), await carried("glue"), await carried("worker")];
  parts = { graphs, wasm, glue, code: codeAddress(code) };
  parts.card = chosenCard().catch((error) => { console.warn(`No graphics card is used: ${error.message}`); return null; });
  parts.card.then(sayComputes);
  el("file").disabled = false;
  el("ready").textContent = "Choose a video or a picture";
  scan(waiting);
}

const codeAddress = (code) => URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
const sayComputes = (card) => { el("computes").textContent = `Scored here by: ${card ? "graphics card" : PROCESSOR}`; };

// A worker with the detector in it.
function started() {
  const made = new Worker(parts.code), { graphs, wasm, glue } = parts;
  made.postMessage({ kind: "begin", about: ABOUT, graphs, threads: THREADS, processor: PROCESSOR, wasm, glue });
  return made;
}

// The worker that has the graphics card, where there is one that gives the same sooner: tried once. With #gpu in the address,
// which the tests use, it is taken as it is.
async function chosenCard() {
  const forced = location.hash === "#gpu", longest = forced ? 3600 : ABOUT.constants.graphics.longest;
  if (!forced && !await navigator.gpu?.requestAdapter()) return null;
  const own = new Worker(codeAddress(await carried("card")));
  own.postMessage({ begin: { trunk: parts.graphs.trunk, wasm: await carried("card_wasm"), glue: await carried("card_glue") } });
  const card = { own, longest };
  if (forced) return card;
  const trying = started();
  const better = await new Promise((done) => {
    trying.onmessage = ({ data }) => done(Boolean(data.better));
    trying.onerror = () => done(false);
    setTimeout(() => done(false), 1000 * longest);
    ask(trying, { kind: "try" }, card);
  });
  trying.terminate();
  if (!better) own.terminate();
  return better ? card : null;
}

// A message to a worker, with a way to the graphics card where that is used.
function ask(worker, message, card) {
  if (!card) return worker.postMessage(message);
  const { port1, port2 } = new MessageChannel();
  card.own.postMessage({ port: port1 }, [port1]);
  worker.postMessage({ ...message, card: { port: port2, longest: card.longest } }, [port2]);
}

function scan(file) {
  if (!file) return;
  if (!parts) {  // dropped early: scanned once everything is there
    waiting = file;
    el("ready").textContent = `Getting ready for ${file.name} …`;
    return;
  }
  stop();
  play(false);
  for (const id of ["result", "failed"]) el(id).hidden = true;
  el("work").hidden = false;
  el("step").textContent = "Getting ready";
  const mine = worker = started();
  // what a worker said before it was ended may come after
  worker.onmessage = ({ data }) => { if (worker === mine) heard(data); };
  worker.onerror = (event) => { if (worker === mine) failed(`The scan stopped (${event.message || "the browser ended it"}). Reload the page; if it stops again, the video may need more memory than there is.`); };
  parts.card.then((card) => ask(mine, { kind: "scan", file }, card));
  begun = performance.now();
  ticking = setInterval(() => { el("working").textContent = `${((performance.now() - begun) / 1000).toFixed(0)} s`; }, 500);
}

function heard({ kind, step, share, report, said, mended }) {
  if (kind === "step") {
    el("step").textContent = STEPS[step];
    el("share").value = share;
  } else if (kind === "lost") {  // the graphics card: not asked again
    parts.card.then((card) => card?.own.terminate());
    parts.card = Promise.resolve(null);
    sayComputes(null);
  } else if (kind === "found") {
    stop();
    showReport(report, ABOUT.constants.crops.side);
  } else failed(mended ? said : `The scan failed: ${said}. Try Spotter in Python on this file.`);
}

function failed(said) {
  stop();
  el("why").textContent = said;
  el("failed").hidden = false;
}

function stop() {
  worker?.terminate();
  worker = null;
  clearInterval(ticking);
  el("work").hidden = true;
  el("working").textContent = el("step").textContent = "";
}

function save(text, type, ending) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = `${shown.json.video.replace(/\.[^.]*$/, "")}_spotter.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const MOST_KEPT = 240;  // pictures of faces in a report that is handed on, those of the highest scores

// The report as a page that stands alone: what is shown here without the detector, and what was found inside it.
async function reportPage() {
  const { json, said, side, crops, scenes } = shown, budget = Math.ceil(MOST_KEPT / Math.max(json.faces.length, 1));
  const kept = json.faces.map(({ frame_scores: scores }) => {
    const order = scores.map((_, k) => k).sort((a, b) => (scores[b] ?? -1) - (scores[a] ?? -1) || a - b);
    return new Set(order.slice(0, budget));
  });
  const drawn = async (crop) => (await pictureCanvas(crop, side)).toDataURL("image/jpeg", 0.9);
  const faces = await Promise.all(crops.map((line, number) => Promise.all(line.map((crop, k) =>
    (crop && kept[number].has(k) ? drawn(crop) : null)))));
  const wholes = await Promise.all(scenes.map((blob, k) => (blob && kept.some((rows) => rows.has(k)) ? addressOf(blob) : null)));
  const page = document.documentElement.cloneNode(true), find = (selector) => page.querySelectorAll(selector);
  for (const node of find("#choose, #work, #failed, #about, #app, #less, header, noscript, [id^=carried-], .saves")) node.remove();
  find("meta[http-equiv]")[0].content = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
  find("title")[0].textContent = `Spotter: ${json.video}`;
  const data = document.createElement("script");
  [data.id, data.type] = ["kept", "application/json"];
  data.textContent = JSON.stringify({ json, said, side, crops: faces, scenes: wholes }).replaceAll("<", "\\u003c");
  find("#show")[0].before(data);
  return `<!DOCTYPE html>\n${page.outerHTML}`;
}

function addressOf(blob) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(blob);
  });
}

el("file").onchange = () => { scan(el("file").files[0]); el("file").value = ""; };
el("cancel").onclick = stop;
el("save").onclick = () => save(JSON.stringify(shown.json, null, 1), "application/json", "json");
el("save-page").onclick = async () => save(await reportPage(), "text/html", "html");
for (const kind of ["dragover", "drop", "dragleave"])
  addEventListener(kind, (event) => {
    event.preventDefault();
    el("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") scan(event.dataTransfer.files[0]);
  });
prepare().catch((error) => failed(`This browser cannot run the page (${error.message}). Use a recent Chromium, Edge, Chrome or Firefox.`));
