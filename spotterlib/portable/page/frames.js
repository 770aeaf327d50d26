// The frames of a video file, in order, with their times from 0 s, as Python's decoder gives them.

class Unreadable extends Error {}

const CONVERT = "Convert it: ffmpeg -i VIDEO -c:v libx264 -pix_fmt yuv420p -crf 14 converted.mp4, and scan converted.mp4; or scan the " +
  "file itself with Spotter in Python.";

// Opens a file: what it is, and how to go through its frames.
async function openVideo(file) {
  const { Input, ALL_FORMATS, BlobSource, EncodedPacketSink } = Mediabunny;
  if (typeof VideoDecoder === "undefined")
    throw new Unreadable("This browser cannot decode videos for a page (it lacks WebCodecs). Use a recent Chromium, Edge, Chrome, or Firefox.");
  const input = new Input({ formats: ALL_FORMATS, source: new BlobSource(file) });
  let track;
  try {
    const tracks = (await input.getTracks()).filter((one) => one.isVideoTrack());
    track = tracks.sort((a, b) => b.codedWidth * b.codedHeight - a.codedWidth * a.codedHeight)[0];
  } catch (error) {
    throw new Unreadable(`The file cannot be read as a video (${error.message}). Is it complete, and a video at all? ${CONVERT}`);
  }
  if (!track) throw new Unreadable("The file has no picture track. If it is sound only, there is no face to look at.");
  const plain = await track.getDecoderConfig(), config = plain && await decodable(plain);
  if (!config)
    throw new Unreadable(`This browser cannot decode the video's codec (${plain?.codec ?? track.codec ?? "unknown"}). ${CONVERT}`);
  const stamps = [], steps = [];
  for await (const packet of new EncodedPacketSink(track).packets(undefined, undefined, { metadataOnly: true })) {
    if (packet.timestamp > -1e-6) stamps.push(packet.timestamp);  // what an edit list leaves out comes before 0
    if (packet.duration > 0) steps.push(packet.duration);
  }
  stamps.sort((a, b) => a - b);
  const sound = await input.getPrimaryAudioTrack().catch(() => null);
  const told = await track.getColorSpace().catch(() => ({}));
  const flip = await track.getFlip(), step = steps.length ? median(steps) : 1 / 25;
  return { track, config, stamps, step, unsaid: !told.matrix, rotation: track.rotation, flip, codec: track.codec, has_audio: Boolean(sound),
    container: (await input.getFormat()).name };
}

// What to ask the decoder for, or null: software first, which gives the same everywhere; some codecs only the platform decodes
// (HEVC in Chromium, on Android H.264 too).
async function decodable(config) {
  for (const asked of [{ ...config, hardwareAcceleration: "prefer-software" }, config]) {
    const support = await VideoDecoder.isConfigSupported(asked).catch(() => null);
    if (support?.supported) return asked;
  }
  return null;
}

// Times from 0 s, strictly rising, of frames in presentation order, `step` s apart on the mean. A clock that is set back (two
// recordings in one file) goes on from where it was.
class Clock {
  constructor(step) {
    this.step = step;
    this.now = null;
  }

  tick(stamp) {
    if (this.now === null) {
      this.offset = -stamp;
      return this.now = 0;
    }
    let time = stamp + this.offset;
    if (time < this.now - Math.max(0.1, 3 * this.step)) {
      this.offset += this.now + this.step - time;
      time = this.now + this.step;
    }
    return this.now = Math.max(time, this.now + 1e-4);
  }
}

// Every frame in presentation order: take(index, VideoFrame, time in s from 0); returns the times of all, and whether the browser gave up midway.
async function eachFrame(video, take) {
  const { EncodedPacketSink } = Mediabunny, ready = [], times = [], clock = new Clock(video.step);
  let failed = null, wake = () => {}, done = false, begun = false;
  const decoder = new VideoDecoder({
    output: (frame) => { ready.push(frame); wake(); },
    error: (error) => { failed = error; wake(); },
  });
  decoder.configure(video.config);
  const feed = (async () => {
    for await (const packet of new EncodedPacketSink(video.track).packets(undefined, undefined, { verifyKeyPackets: true })) {
      begun ||= packet.type === "key";
      if (!begun) continue;  // a decoder takes nothing before a key frame
      while (!failed && (decoder.decodeQueueSize > 8 || ready.length > 8)) await new Promise((go) => setTimeout(go, 2));
      if (failed) break;
      decoder.decode(packet.toEncodedVideoChunk());
    }
    if (!failed) await decoder.flush();
  })().catch((error) => { failed ??= error; }).finally(() => { done = true; wake(); });
  while (true) {
    const frame = ready.shift();
    if (frame && frame.timestamp < -1) frame.close();
    else if (frame) {
      try {
        times.push(clock.tick(frame.timestamp / 1e6));
        await take(times.length - 1, frame, last(times));
      } finally {
        frame.close();
      }
    } else if (done) break;
    else await new Promise((go) => { wake = go; });
  }
  await feed;
  if (decoder.state !== "closed") decoder.close();
  if (!times.length) throw new Unreadable(`Not one frame of the file can be decoded${failed ? ` (${failed.message})` : ""}. ${CONVERT}`);
  return { times, broken: Boolean(failed) };
}

// How many pixels share a colour sample across and down, of the formats that are read plane by plane.
const PLANAR = { I420: [2, 2], I422: [2, 1], I444: [1, 1], NV12: [2, 2] };

async function planesOf(frame) {
  const size = frame.allocationSize(), data = new Uint8Array(size), layout = await frame.copyTo(data);
  const [Y, U, V] = layout.map(({ offset, stride }) => ({ data, offset, stride, step: 1 }));
  if (frame.format !== "NV12") return [Y, U, V];
  return [Y, { ...U, step: 2 }, { ...U, offset: U.offset + 1, step: 2 }];
}

// The colour matrix of a frame. Where the file names none the browser guesses by the height alone, Python by the width too.
function matrixOf({ colorSpace: { matrix }, visibleRect: { width, height } }, unsaid) {
  const hd = width >= 1280 || height >= 720;
  if (!matrix || (unsaid && hd && matrix !== "bt2020-ncl")) return hd ? "bt709" : "bt601";
  return { bt709: "bt709", smpte170m: "bt601", bt470bg: "bt601", "bt2020-ncl": "bt2020" }[matrix] ?? null;
}

// A frame as a player shows it: RGB, upright, its pixels square.
async function pictureOf(frame, { rotation, flip, unsaid }) {
  const { width, height } = frame.visibleRect, format = frame.format, matrix = matrixOf(frame, unsaid);
  let picture;
  if (PLANAR[format] && matrix) {
    const planes = await planesOf(frame), [across, down] = PLANAR[format];
    picture = fromPlanes(width, height, planes, across, down, matrix, Boolean(frame.colorSpace.fullRange));
  } else {
    const data = new Uint8Array(width * height * 4);
    await frame.copyTo(data, { format: "RGBA" });
    const rgb = new Uint8ClampedArray(width * height * 3);
    for (let i = 0, o = 0; o < rgb.length; i += 4, o += 3) { rgb[o] = data[i]; rgb[o + 1] = data[i + 1]; rgb[o + 2] = data[i + 2]; }
    picture = { width, height, data: rgb };
  }
  const wide = Math.round(frame.displayWidth * height / frame.displayHeight);
  if (Math.abs(wide - width) > 1) picture = stretched(picture, wide, height);
  picture = turned(picture, -rotation / 90);
  return flip ? mirrored(picture) : picture;
}

// A small look at a frame, for cuts: brightness and two colours at so many places, nothing averaged.
async function smallOf(frame) {
  const [w, h] = ABOUT.constants.shots.size, { width, height } = frame.visibleRect, out = new Uint8Array(3 * w * h);
  if (!PLANAR[frame.format]) {
    const data = new Uint8Array(width * height * 4);
    await frame.copyTo(data, { format: "RGBA" });
    for (let y = 0, o = 0; y < h; y++)
      for (let x = 0; x < w; x++, o += 3) {
        const i = 4 * (Math.floor(y * height / h) * width + Math.floor(x * width / w)), [r, g, b] = data.subarray(i, i + 3);
        out[o] = 16 + 0.257 * r + 0.504 * g + 0.098 * b;
        out[o + 1] = 128 - 0.148 * r - 0.291 * g + 0.439 * b;
        out[o + 2] = 128 + 0.439 * r - 0.368 * g - 0.071 * b;
      }
    return out;
  }
  const [across, down] = PLANAR[frame.format];
  (await planesOf(frame)).forEach((plane, c) => {
    const wide = c ? Math.ceil(width / across) : width, high = c ? Math.ceil(height / down) : height;
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++)
        out[3 * (y * w + x) + c] = plane.data[plane.offset + Math.floor(y * high / h) * plane.stride + Math.floor(x * wide / w) * plane.step];
  });
  return out;
}
