// The page: gets the detector ready, takes a video, shows how far it is, hands what was found to what shows it.

const ABOUT = JSON.parse(el("about").textContent);
const STEPS = {
  card: "Trying the graphics card", read: "Reading the file", faces: "Looking for faces", shots: "A cut was seen: looking for more", score: "Scoring the faces" };
let parts = null, card = null, worker = null, begun = 0, ticking = null;

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
  parts = { graphs, wasm, glue, code: URL.createObjectURL(new Blob([code], { type: "text/javascript" })) };
  // unpacked only where the browser offers a graphics card, and no imitation of one; "#card", for tests: whatever it is
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null), forced = location.hash === "#card";
  if (adapter && (forced || !imitated(adapter)))
    card = { runtime: await carried("gpu_runtime"), glue: await carried("gpu_glue"), wasm: await carried("gpu_wasm"), forced };
  el("file").disabled = false;
  el("ready").textContent = "Choose a video or a picture";
}

const imitated = ({ info, isFallbackAdapter }) => info?.isFallbackAdapter || isFallbackAdapter || /swiftshader|llvmpipe|basic render/i.test(`${info?.architecture} ${info?.description}`);

function scan(file) {
  if (!parts || !file) return;
  stop();
  play(false);
  for (const id of ["result", "failed"]) el(id).hidden = true;
  el("work").hidden = false;
  worker = new Worker(parts.code);
  worker.onmessage = ({ data }) => heard(data);
  worker.onerror = (event) => failed(`The scan stopped (${event.message || "the browser ended it"}). Reload the page; if it stops again, the video may need more memory than there is.`);
  worker.postMessage({ kind: "begin", about: ABOUT, graphs: parts.graphs, wasm: parts.wasm, glue: parts.glue, card });
  worker.postMessage({ kind: "scan", file });
  begun = performance.now();
  ticking = setInterval(() => { el("working").textContent = `${((performance.now() - begun) / 1000).toFixed(0)} s`; }, 500);
}

function heard({ kind, step, share, works, report, said, mended }) {
  if (kind === "step") {
    el("step").textContent = STEPS[step];
    el("share").value = share;
  } else if (kind === "card") card = works ? { ...card, trusted: true } : null;  // it is tried once
  else if (kind === "found") {
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
  const faces = crops.map((line, number) => line.map((crop, k) =>
    (crop && kept[number].has(k) ? pictureCanvas(crop, side).toDataURL("image/jpeg", 0.9) : null)));
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
