// The trunk on the reader's graphics card (WebGPU), where it says there what the processor says, and sooner.

let cardOrt = null, cardTrunk = null;  // null: the processor does it
const LONGEST_TRY = 15_000;  // ms: a card that has not answered by then makes nobody wait

// Give the trunk to the card, if it is worth it; returns whether it is. `forced`: even where it is slower; `trusted`: it
// was tried before.
async function useCard({ runtime, glue, wasm, forced, trusted }) {
  const ours = ort;
  try {
    importScripts(URL.createObjectURL(new Blob([runtime], { type: "text/javascript" })));
    cardOrt = globalThis.ort;
    globalThis.ort = ours;
    cardOrt.env.wasm.numThreads = 1;
    cardOrt.env.wasm.wasmBinary = wasm;
    cardOrt.env.wasm.wasmPaths = { mjs: URL.createObjectURL(new Blob([glue], { type: "text/javascript" })) };
    cardOrt.env.logLevel = "error";
    const late = new Promise((done) => setTimeout(() => done(null), forced ? 2 ** 30 : LONGEST_TRY));
    cardTrunk = await Promise.race([tried(forced, trusted), late]);
  } catch (error) {
    console.warn(`The graphics card is not used: ${error.message}`);
  } finally {
    globalThis.ort = ours;
  }
  return Boolean(cardTrunk);
}

// The trunk as a session on the card; null where it says something else than the processor, or says it later.
async function tried(forced, trusted) {
  const found = await cardOrt.InferenceSession.create(GRAPHS.trunk, { executionProviders: ["webgpu"] });
  if (trusted) return found;
  const there = await onCard(found, samplePicture), here = await (await session("trunk")).run(samplePicture(ort));
  const apart = (name, as) => Math.max(...Array.from(here[name].data, (x, k) => Math.abs(as(x) - as(there[name].data[k]))));
  const most = ABOUT.constants.graphics_card.most_apart;
  if (apart("frame_logits", sigmoid) > most || apart("features", (x) => x) > 10 * most) throw new Error("it computes something else");
  if (forced) return found;
  const begun = performance.now();
  await onCard(found, samplePicture);
  const middle = performance.now();
  await (await session("trunk")).run(samplePicture(ort));
  return middle - begun < performance.now() - middle ? found : null;
}

// What the trunk on the card gives for pictures, a function of the runtime whose tensors it wants.
async function onCard(trunk, pictures) {
  const out = await trunk.run(pictures(cardOrt));
  if (!out.frame_logits.data.every(Number.isFinite)) throw new Error("it gives no number");
  return out;
}

// A picture of soft waves, of as many colours as a face has.
function samplePicture({ Tensor }) {
  const side = ABOUT.constants.crops.side, data = new Uint8Array(side * side * 3);
  for (let y = 0, at = 0; y < side; y++)
    for (let x = 0; x < side; x++)
      for (let c = 0; c < 3; c++) data[at++] = 128 + 60 * Math.sin((x + c * 20) / 31) + 50 * Math.cos((y * (c + 2) + x) / 17);
  return { pictures: new Tensor("uint8", data, [1, side, side, 3]) };
}
