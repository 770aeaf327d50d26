// One still picture, as `scan_image` judges it: by the frame head, with a caution of its own.

const beginning = async (file) => String.fromCharCode(...new Uint8Array(await file.slice(0, 4096).arrayBuffer()));

// What picture a file is by how it begins, whatever its name, as Python has it: "JPEG", "PNG", "WEBP" or "HEIC" (AVIF too); "" for
// anything else. A raw stream of JPEGs is a video by its ending.
async function pictureKind(file) {
  const head = await beginning(file);
  if (head.startsWith("\xff\xd8\xff") && !/\.mjpe?g$/i.test(file.name)) return "JPEG";
  if (head.startsWith("\x89PNG\r\n\x1a\n")) return "PNG";
  if (/^RIFF.{4}WEBP/s.test(head)) return "WEBP";
  return /^.{4}ftyp(hei[cxms]|mif1|msf1|avi[fs])/s.test(head) ? "HEIC" : "";
}

// A picture as a viewer shows it, turned as its EXIF says.
async function pictureIn(file, kind) {
  const head = await beginning(file);
  if (kind === "HEIC")
    throw new Unreadable("The file is a HEIC or AVIF picture, which is not read here. Save it as PNG (a JPEG loses a little more of what " +
      "is looked for), or set the phone to take pictures as JPEG.");
  if (kind === "WEBP" && head.startsWith("VP8X", 12) && head.charCodeAt(20) & 2)
    throw new Unreadable("The file is a WebP that moves, which is not read here. Convert it to MP4.");
  if (kind === "PNG" && head.split("IDAT")[0].includes("acTL"))
    throw new Unreadable("The picture moves, which is not read here. Convert it to MP4 and scan that.");
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob([file], { type: `image/${kind.toLowerCase()}` }), { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch (error) {
    throw new Unreadable(`This browser cannot read the file as a picture (${error.message}). Save it as PNG, JPEG or WebP, or copy it again.`);
  }
  const { width, height } = bitmap, context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff"; // what is transparent lies on white, as Python lays it
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height), rgb = new Uint8ClampedArray(width * height * 3);
  for (let i = 0, o = 0; o < rgb.length; i += 4, o += 3) { rgb[o] = data[i]; rgb[o + 1] = data[i + 1]; rgb[o + 2] = data[i + 2]; }
  return { width, height, data: rgb };
}

// For stills: scale and bias of the frame head's logit, the thresholds, and whether the card has them of its own.
function forStills() {
  const own = ABOUT.card.stills;
  return { fitted: own ? own.calibration : ABOUT.card.calibration.frame, thresholds: (own ?? ABOUT.card).thresholds, own: Boolean(own) };
}

async function scanStill(file, kind) {
  const begun = performance.now();
  tell("step", { step: "read", share: 0 });
  let picture = await pictureIn(file, kind);
  tell("step", { step: "faces", share: 0 });
  const turn = await uprightAfter([picture]);
  picture = turned(picture, turn / 90);
  const found = await detectFaces(picture), seen = performance.now(), faces = [];
  for (const number of found.boxes.keys()) {
    faces.push(await scoredStill(picture, found, number));
    tell("step", { step: "score", share: faces.length / found.boxes.length });
  }
  faces.sort((a, b) => (a.probability === null) - (b.probability === null) || (b.probability ?? 0) - (a.probability ?? 0));
  const known = faces.flatMap(({ probability }) => (probability === null ? [] : [probability]));
  const probability = known.length ? combined(known) : null, { thresholds } = forStills();
  const { width, height } = picture;
  const whole = { faces, turn, probability, thresholds, label: verdictOf(probability, thresholds), still: true, times: [0], coverage: 1,
    finder: { rows: [{ index: 0, time: 0, window: 0 }], scenes: new Map([[0, await sceneOf(picture)]]) },
    info: { width, height, fps: 1, frames: 1, duration: 0, codec: kind.toLowerCase(), has_audio: false } };
  whole.reason = stillReason(whole, unlooked(width, height, whole.label));
  return reported(file, kind, whole, { faces: (seen - begun) / 1000, score: (performance.now() - seen) / 1000 });
}

async function scoredStill(picture, found, number) {
  const how = ABOUT.constants.crops, box = cropBox(found.boxes[number]).map(Math.fround), points = found.points[number];
  const crop = new Blob([cropped(picture, box, how.side, how.padding).data]);
  const face = { at: new Map([[0, { box, points, confidence: found.confidences[number], crop }]]), rows: [0], side: box[2] - box[0],
    scores: new Map(), heat: new Map(), windows: [], probability: null, label: "UNDECIDED" };
  face.reason = await unscoredStill(face);
  if (face.reason) return face;
  const { fitted: { scale, bias }, thresholds } = forStills(), { frames, heat } = await look([crop]);
  face.probability = sigmoid(frames[0] * scale + bias);
  if (!Number.isFinite(face.probability)) throw new Error("The network gives no number for this picture.");
  face.label = verdictOf(face.probability, thresholds);
  face.scores.set(0, face.probability);
  face.heat.set(0, shownHeat(heat[0], face.probability));
  return face;
}

async function unscoredStill(face) {
  const { smallest } = ABOUT.constants.judging, most = ABOUT.most_roll, lean = rollOf(face.at.get(0).points);
  if (face.side < smallest) return `a face ${Math.trunc(face.side)} px wide; ${smallest} are needed`;
  const turn = await lying(face);
  if (turn) return `the face stands upright only after a turn by ${turn}° to the left: turn the picture and scan it again`;
  if (lean > most) return `the head leans by ${Math.ceil(lean)}°, and this checkpoint judges at most ${fixed(most, 0)}°: turn the picture upright`;
  return "";
}

function stillReason({ faces, label, probability: p, turn, thresholds: { t_low, t_high } }, small) {
  const said = [], scored = faces.filter(({ probability }) => probability !== null).length;
  if (!faces.length) said.push("no face was found in the picture");
  else if (p === null) said.push(faces[0].reason);
  else if (label === "UNDECIDED")
    said.push(`the probability of a fake, ${probabilityText(p)}, lies between the thresholds ${fixed(t_low, 2)} and ${fixed(t_high, 2)}`);
  if (turn) said.push(`the picture was turned by ${turn}° to the left, so that its faces stand upright`);
  if (scored > 1) said.push(`${scored} faces were scored, and their number is allowed for`);
  if (p !== null && scored < faces.length)
    for (const { reason } of faces.slice(scored, scored + NAMED)) said.push(`a face was found and not judged (${reason})`);
  said.push(...small);
  if (p !== null) {
    said.push(ABOUT.of_stills.caution);
    if (!forStills().own) said.push(ABOUT.of_stills.uncalibrated);
  }
  if (label === "REAL") said.push(`no trace of ${ABOUT.looks_for} was found, and no other kind of fake was looked for`);
  const text = said.join("; ");
  return text[0].toUpperCase() + text.slice(1) + ".";
}
