// SHA-256 of a file read piece by piece: the browser's own takes only what fits into the memory at once.

// The first bits of the fractional parts of the roots of the first primes, as the standard (FIPS 180-4) has them.
const primes = [];
for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
const fraction = (root) => ((root - Math.floor(root)) * 2 ** 32) | 0;
const ROUNDS = Int32Array.from(primes, (p) => fraction(Math.cbrt(p)));

function digestBlocks(state, bytes, words) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let start = 0; start + 64 <= bytes.length; start += 64) {
    for (let i = 0; i < 16; i++) words[i] = view.getInt32(start + 4 * i);
    for (let i = 16; i < 64; i++) {
      const a = words[i - 15], b = words[i - 2];
      const low = ((a >>> 7) | (a << 25)) ^ ((a >>> 18) | (a << 14)) ^ (a >>> 3);
      const high = ((b >>> 17) | (b << 15)) ^ ((b >>> 19) | (b << 13)) ^ (b >>> 10);
      words[i] = (words[i - 16] + low + words[i - 7] + high) | 0;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i++) {
      const mixed = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const one = (h + mixed + ((e & f) ^ (~e & g)) + ROUNDS[i] + words[i]) | 0;
      const turned = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const two = (turned + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0;
    }
    [a, b, c, d, e, f, g, h].forEach((value, k) => { state[k] = (state[k] + value) | 0; });
  }
}

async function sha256(file, piece = 2 ** 22) {
  const state = Int32Array.from(primes.slice(0, 8), (p) => fraction(Math.sqrt(p))), words = new Int32Array(64);
  let at = 0;
  for (; at + piece <= file.size; at += piece)
    digestBlocks(state, new Uint8Array(await file.slice(at, at + piece).arrayBuffer()), words);
  const rest = new Uint8Array(await file.slice(at).arrayBuffer()), end = new Uint8Array((rest.length + 72) >> 6 << 6);
  end.set(rest);
  end[rest.length] = 128;
  new DataView(end.buffer).setBigUint64(end.length - 8, BigInt(file.size) * 8n);
  digestBlocks(state, end, words);
  return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}
