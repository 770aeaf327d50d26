// The trunk: on the graphics card, where that says the same sooner, else on the processor.

let card = null;  // the way to the worker that has the graphics card: a port, and how many seconds to wait for an answer

// The trunk's results on crops (bytes), as the graphics card gives them.
function byCard({ port, longest }, pictures, shape) {
  return new Promise((done, failed) => {
    const late = setTimeout(() => failed(new Error("no answer")), 1000 * longest);
    port.onmessage = ({ data: { out, failed: why } }) => {
      clearTimeout(late);
      if (!out) failed(new Error(why));
      else if ([out.features, out.frame_logits, out.heat].every(({ data }) => data.every(Number.isFinite))) done(out);
      else failed(new Error("no numbers"));
    };
    port.postMessage({ pictures, shape });
  });
}

const byProcessor = (pictures, shape) => run("trunk", { pictures: new ort.Tensor("uint8", pictures, shape) });

async function trunk(pictures, shape) {
  if (card) {
    try {
      return await byCard(card, pictures, shape);
    } catch (error) {
      console.warn(`The graphics card failed, the processor goes on: ${error.message}`);
      card = null;
      tell("lost", {});
    }
  }
  return byProcessor(pictures, shape);
}

// Both on a fixed picture: how far probabilities are apart, and how many seconds each takes.
async function compared(tried) {
  const side = ABOUT.constants.crops.side, shape = [4, side, side, 3];
  const pictures = Uint8Array.from({ length: 4 * side * side * 3 }, (_, i) => (i * i * 7 + (i >> 5) * 13) % 251), found = [];
  for (const how of [(...given) => byCard(tried, ...given), byProcessor]) {
    await how(pictures, shape);  // the first time compiles
    const begun = performance.now(), out = await how(pictures, shape);
    found.push({ seconds: (performance.now() - begun) / 1000, judged: await judgedBy(out) });
  }
  const [one, other] = found;
  return { apart: Math.max(...one.judged.map((p, k) => Math.abs(p - other.judged[k]))), card: one.seconds, processor: other.seconds };
}

// What a verdict is made of: each frame's probability, and that of all as one clip.
async function judgedBy({ features, frame_logits: logits }) {
  const clip = await run("recurrent", { features: new ort.Tensor("float32", features.data, features.dims) });
  return [...Array.from(logits.data, (logit) => calibrated(logit, "frame")), calibrated(clip.logit.data[0], "clip")];
}

const isBetter = ({ apart, card: its, processor }) => apart <= ABOUT.constants.graphics.apart && its < processor;
