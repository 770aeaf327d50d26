// In a worker of its own, that lives as long as the page: the trunk on the graphics card, by WebGPU, for whoever has a port to it.

let session = null, turn = Promise.resolve();

onmessage = ({ data: { begin, port } }) => {
  if (begin) (session = opened(begin)).catch(() => {});  // whoever asks is told
  // one run at a time: a scan that was stopped may have left one behind
  if (port) port.onmessage = ({ data }) => { turn = turn.then(() => answered(port, data)); };
};

async function opened({ trunk, wasm, glue }) {
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = wasm;
  ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(new Blob([glue], { type: "text/javascript" })) };
  ort.env.logLevel = "error";
  return ort.InferenceSession.create(trunk, { executionProviders: ["webgpu"] });
}

async function answered(port, { pictures, shape }) {
  try {
    const out = await (await session).run({ pictures: new ort.Tensor("uint8", pictures, shape) });
    const plain = Object.entries(out).map(([name, { data, dims }]) => [name, { data, dims }]);
    port.postMessage({ out: Object.fromEntries(plain) });
  } catch (error) {
    port.postMessage({ failed: error.message });
  }
}
