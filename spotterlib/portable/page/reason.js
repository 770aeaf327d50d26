// What a verdict does not say by itself, in the words of `scan_video`.

const NAMED = 3;

function hundredths(p) {
  return p === null || !Number.isFinite(p) ? null : Math.round(Number(fixed(p, 2)) * 100);
}
function probabilityText(p, name = "") {
  const whole = hundredths(p);
  let sign = "=", said = "–";
  if (whole !== null && whole > 0 && whole < 100) said = `0.${String(whole).padStart(2, "0")}`;
  else if (whole !== null) [sign, said] = whole ? [">", "0.99"] : ["<", "0.01"];
  return name ? `${name} ${sign} ${said}` : sign === "=" ? said : sign + said;
}
function certaintyText(label, p) {
  const whole = hundredths(p);
  if (label === "UNDECIDED" || whole === null) return "";
  const sure = label === "FAKE" ? whole : 100 - whole;
  return sure < 100 ? `${sure} %` : ">99 %";
}
const verdictText = (label, p) => `${label} ${certaintyText(label, p)}`.trim();

const framesOf = (count) => (count === 1 ? "1 frame" : `${count} frames`);
const looks = (count) => (count === 1 ? "looks" : "look");
const its = (count) => (count === 1 ? "its" : "their");
const does = (count) => (count === 1 ? "does 1" : `do ${count}`);
const spanText = (start, end) => `${fixed(start, 1)} to ${fixed(end, 1)} s`;
const scoredWindows = (face) => face.windows.filter(({ probability }) => probability !== null);
const several = (face) => (scoredWindows(face).length > 1 ? scoredWindows(face) : []);

function turnText(turn) {
  const how = {
    90: "by 90° to the right: turn the video by 90° to the left", 180: "upside down: turn the video by 180°",
    270: "by 90° to the left: turn the video by 90° to the right" };
  return `faces seem to lie turned ${how[turn]} and scan it again`;
}

function poseProblem(face) {
  if (face.turn) return turnText(face.turn);
  if (!face.leaning.length) return "";
  return `the head leans by ${Math.ceil(median(face.leaning))}°, and this checkpoint judges at most ${fixed(ABOUT.most_roll, 0)}°: turn the video upright`;
}

function unscored(face) {
  const { smallest, least_frames: least } = ABOUT.constants.judging;
  if (face.side < smallest) return `a face ${Math.trunc(face.side)} px wide; ${smallest} are needed`;
  const best = Math.max(...face.windows.map(({ usable }) => usable));
  return poseProblem(face) || `seen in at most ${framesOf(best)} of a window; ${least} are needed`;
}

// Every scored window of every face, in the order of time.
function segmentsOf(faces, finder) {
  const found = [];
  faces.forEach((face, number) => face.windows.forEach((window, w) => {
    if (window.probability === null) return;
    const times = face.rows.filter((row) => finder.rows[row].window === w).map((row) => finder.rows[row].time);
    found.push({ start: times.length ? times[0] : window.start, end: times.length ? last(times) : window.end,
      person: number + 1, probability: window.probability, label: verdictOf(window.probability) });
  }));
  return found.sort((a, b) => a.start - b.start || a.end - b.end || a.person - b.person);
}

function whereText(face, { finder, width, height }) {
  const boxes = face.rows.map((row) => face.at.get(row).box);
  const third = (k, size) => {
    const middle = median(boxes.map((box) => (box[k] + box[k + 2]) / 2)) / size;
    return Math.trunc(Math.min(Math.max(3 * middle, 0), 2));
  };
  const names = [["left", "middle", "right"][third(0, width)], ["upper", "middle", "lower"][third(1, height)]];
  const place = names.join() === "middle,middle" ? "in the middle" : `at the ${names[1]} ${names[0]}`;
  return `${place}, ${spanText(finder.rows[face.rows[0]].time, finder.rows[last(face.rows)].time)}`;
}

function against(faces, found, label) {
  const { t_low, t_high } = ABOUT.card.thresholds, told = [];
  const judged = faces.map((face, i) => ({ face, number: i + 1 })).filter(({ face }) => face.probability !== null);
  const whole = judged.filter(({ face }) => face.probability < t_high);
  if (label !== "FAKE") {
    const forged = judged.filter(({ face }) => face.probability >= t_high);
    for (const { face, number } of forged.slice(0, NAMED))
      told.push(`face ${number} of ${faces.length}, ${whereText(face, found)}, looks forged on its own ` +
        `(${probabilityText(face.probability, "p")}): look at it`);
    if (forged.length > NAMED) told.push(`so ${does(forged.length - NAMED)} more`);
    for (const { face, number } of whole)
      told.push(...forgedWindows(scoredWindows(face), judged.length > 1 ? ` of face ${number}` : ""));
  }
  if (label === "REAL") {
    told.push(...unsure(judged.map(({ face }) => face.probability), "face"));
    told.push(...unsure(whole.flatMap(({ face }) => several(face).map(({ probability }) => probability)), "window"));
  }
  if (label === "FAKE") {
    told.push(...forgedSegments(segmentsOf(faces, found.finder)));
    let real = judged.filter(({ face }) => face.probability <= t_low).length;
    if (real) told.push(`${real} of ${judged.length} scored faces ${looks(real)} real on ${its(real)} own`);
    const windows = several(judged[0].face);
    real = windows.filter(({ probability }) => probability <= t_low).length;
    const who = judged.length > 1 ? " of face 1" : "";
    if (real) told.push(`${real} of ${windows.length} windows${who} ${looks(real)} real on ${its(real)} own`);
  }
  return told;
}

// The faces that nobody looked for in a picture of so many px, though they would be large enough to be judged.
function unlooked(width, height, label) {
  const { side, least_face: face } = ABOUT.constants.detection, px = face / Math.min(1, side / Math.max(Math.min(width, height), 1));
  if (px <= ABOUT.constants.judging.smallest || label === "FAKE") return [];
  return [`faces less than ${rounded(px)} px wide were not looked for in a picture of this size`];
}

function forgedSegments(segments) {
  const forged = segments.filter(({ label }) => label === "FAKE").sort((a, b) => b.probability - a.probability);
  if (segments.length < 2 || !forged.length) return [];
  const named = forged.slice(0, NAMED).map((s) => `${spanText(s.start, s.end)} (face ${s.person}, ${probabilityText(s.probability, "p")})`);
  const more = forged.length > NAMED ? `, and ${forged.length - NAMED} more` : "";
  return [`${forged.length} of ${segments.length} segments ${looks(forged.length)} forged: ${named.join(", ")}${more}`];
}

function forgedWindows(windows, who) {
  const forged = windows.filter(({ probability }) => probability >= ABOUT.card.thresholds.t_high)
    .sort((a, b) => b.probability - a.probability);
  if (windows.length < 2 || !forged.length) return [];
  const span = (w) => `${rounded(w.start)} to ${rounded(w.end)} s`;
  if (forged.length === 1)
    return [`one of ${windows.length} windows${who}, ${span(forged[0])}, looks forged on its own ` +
      `(${probabilityText(forged[0].probability, "p")}): look at it`];
  const spans = forged.slice(0, NAMED).map((w) => `${span(w)} (${probabilityText(w.probability, "p")})`).join(", ");
  return [`${forged.length} of ${windows.length} windows${who} look forged on their own, ${spans}` +
    `${forged.length > NAMED ? ", …" : ""}: look at them`];
}

function unsure(probabilities, what) {
  const { t_low, t_high } = ABOUT.card.thresholds, found = probabilities.filter((p) => t_low < p && p < t_high);
  if (probabilities.length < 2 || !found.length) return [];
  const highest = probabilityText(Math.max(...found), found.length === 1 ? "p" : "the highest p");
  return [`${found.length} of ${probabilities.length} ${what}s ${found.length === 1 ? "is" : "are"} undecided on ` +
    `${its(found.length)} own (${highest})`];
}

function unjudged(faces, found) {
  const told = [], least = ABOUT.constants.judging.least_frames, without = faces.filter(({ probability }) => probability === null);
  for (const face of without.slice(0, NAMED))
    told.push(`a face ${whereText(face, found)}, was found and not judged (${face.reason})`);
  if (without.length > NAMED) told.push(`found and not judged: ${without.length - NAMED} more`);
  faces.forEach((face, i) => {
    const short = face.windows.filter((w) => w.usable > 0 && w.usable < least && w.probability === null);
    if (face.probability === null || !short.length) return;
    const who = faces.length > 1 ? `face ${i + 1}` : "the face";
    const spans = short.slice(0, NAMED).map((w) => spanText(w.start, w.end)).join(", ") + (short.length > NAMED ? ", …" : "");
    told.push(`in ${short.length} of ${face.windows.length} windows (${spans}) ${who} was seen in fewer than ${least} frames and not judged`);
  });
  return told;
}

// What looked like a face, large enough to be judged, in so few frames that it was not followed.
function passingBy(found) {
  const large = found.passing.filter(({ side }) => side >= ABOUT.constants.judging.smallest);
  const told = large.slice(0, NAMED).map((face) => `what may be a face, ${whereText(face, found)}, was seen in only ` +
    `${framesOf(face.rows.length)} and not judged`);
  const more = large.length - NAMED;
  if (more > 0) told.push(`so was what may be a face at ${more} more place${more > 1 ? "s" : ""}`);
  return told;
}

// How much of what a player's clock counts is no part of the duration.
function pausesOf(times) {
  const count = gapsOf(times).length, length = rounded(last(times) - last(filmed(times)));
  if (!count) return [];
  const lasting = count === 1 ? `a pause of ${length} s` : `${count} pauses, ${length} s in all,`;
  return [`in ${lasting} no new picture comes (a player goes on showing the last one): these seconds are not counted in ` +
    "the length given here"];
}

// What a verdict does not claim, and how it fared before.
function limitsOf(judged, label) {
  const told = [];
  if (label === "REAL")
    told.push(judged.some(({ scores }) => [...scores.values()].some((score) => score > 0.5))
      ? `some frames score above 0.5 by themselves, but not the video as a whole, and no other fake than ${ABOUT.looks_for} was looked for`
      : `no trace of ${ABOUT.looks_for} was found, and no other kind of fake was looked for`);
  return ABOUT.record[label] ? [...told, ABOUT.record[label]] : told;
}

// Why a verdict is undecided, or what one should know of a decided one.
function reasonOf(found) {
  const { faces, finder, label, probability: p, times } = found, said = [];
  const { t_low, t_high } = ABOUT.card.thresholds, { smallest, least_frames: least } = ABOUT.constants.judging;
  const judged = faces.filter(({ probability }) => probability !== null);
  if (!faces.length) {
    const how = passingBy(found).length ? "could be followed through" : "was found in";
    said.push(`no face ${how} the ${framesOf(finder.rows.length)} looked at`);
    if (found.turn) said.push(turnText(found.turn));
  } else if (p === null) {
    const best = Math.max(...faces.flatMap((face) => face.windows.map(({ usable }) => usable)));
    const widest = Math.max(...faces.map(({ side }) => side)), posed = faces.map(poseProblem).find(Boolean);
    said.push(widest < smallest ? `the largest face is only ${Math.trunc(widest)} px wide, and ${smallest} are needed for a verdict`
      : posed || `a face was found in only ${framesOf(best)} of a window, and ${least} are needed for a verdict`);
  } else if (verdictOf(p) === "UNDECIDED") {
    said.push(`the probability of a fake, ${probabilityText(p)}, lies between the thresholds ${fixed(t_low, 2)} and ${fixed(t_high, 2)}`);
  }
  if (judged.length > 1) {
    const together = Math.max(...finder.rows.map((_, row) => judged.filter(({ at }) => at.has(row)).length));
    const some = together === judged.length ? "faces" : `people, at most ${together} at a time,`;
    said.push(`${judged.length} ${some} were scored, and their number is allowed for`);
  }
  if (p !== null) said.push(...against(faces, found, label));
  if (p !== null || faces.length > 1) said.push(...unjudged(faces, found));
  said.push(...passingBy(found));
  faces.forEach((face, i) => {
    const whose = faces.length === 1 ? "the head" : `the head of face ${i + 1}`;
    if (face.probability !== null && face.leaning.length)
      said.push(`windows in which ${whose} leans by more than ${fixed(ABOUT.most_roll, 0)}° were not judged: ${face.leaning.length}`);
  });
  said.push(...pausesOf(times));
  if (found.coverage < 0.995)
    said.push(`only ${rounded(100 * found.coverage)}% of the video was looked at (windows: ${finder.window})`);
  said.push(...unlooked(found.width, found.height, label));
  if (times.length < 0.9 * found.announced)
    said.push(`the file is damaged: ${times.length} of its ${framesOf(found.announced)} can be decoded`);
  said.push(...limitsOf(judged, label));
  const text = said.join("; ");
  return text ? text[0].toUpperCase() + text.slice(1) + "." : "";
}
