// Which frames are looked at: shots, windows, and the grid of each, from the times of all frames.

const last = (list) => list[list.length - 1];
const median = (values) => {
  const sorted = Float64Array.from(values).sort(), n = sorted.length;
  return n ? (sorted[(n - 1) >> 1] + sorted[n >> 1]) / 2 : NaN;
};
const spread = (count, from, to) =>
  Array.from({ length: count }, (_, i) => (count === 1 ? from : i === count - 1 ? to : from + i * ((to - from) / (count - 1))));

// Frames that a gap follows (nothing was filmed in it), and the times on a clock that stands still in every gap.
function gapsOf(times) {
  const { pause, lull: [lull, many], bursts: [count, least] } = ABOUT.constants.windows;
  const steps = times.slice(1).map((t, i) => t - times[i]), usual = usualStep(steps);
  const beyond = (limit) => steps.flatMap((step, i) => (step > limit ? [i] : []));
  // a camera that films in bursts: the lulls between them are more than half of the clock, and each is a gap
  const lulls = beyond(Math.min(pause + usual, Math.max(lull, many * usual))), between = lulls.slice(1).map((at, i) => at - lulls[i]);
  const empty = lulls.reduce((sum, i) => sum + steps[i], 0), all = steps.reduce((sum, step) => sum + step, 0);
  const bursts = lulls.length >= count && usualStep(between) >= least && 2 * empty > all;
  return bursts ? lulls : beyond(pause + usual);
}
function usualStep(steps) {
  const sorted = Float64Array.from(steps).sort();
  return sorted.length ? sorted[(sorted.length - 1) >> 1] : 0;
}
function filmed(times) {
  const gaps = new Set(gapsOf(times));
  if (!gaps.size) return times;
  const steps = times.slice(1).map((t, i) => t - times[i]), usual = usualStep(steps.filter((_, i) => !gaps.has(i)));
  const clock = [times[0]];
  steps.forEach((step, i) => clock.push(last(clock) + (gaps.has(i) ? usual : step)));
  return clock;
}

// Length in s of what was filmed: the last frame lasts as long as a frame does on the mean.
const lengthOf = (clock) => (last(clock) - clock[0]) * clock.length / Math.max(clock.length - 1, 1);
const durationOf = (times) => lengthOf(filmed(times));

// Grid frames of each window, for the times of all frames and the first frame of every shot but the first.
function planWindows(times, cuts) {
  const how = ABOUT.constants.windows, shots = [];
  let start = 0;
  for (const end of [...cuts, times.length]) {
    if (end > start) shots.push(Array.from({ length: end - start }, (_, i) => start + i));
    start = end;
  }
  // of the whole video: a shot has its gaps, not some of its own
  const film = { times, clock: filmed(times), breaks: new Set(gapsOf(times)) };
  const at = (frames) => frames.map((i) => film.clock[i]);
  if (shots.length < 2) return shots.flatMap((shot) => piecesOf(film, shot, how.most).map((piece) => gridOf(piece, how.frames)));
  const lengths = shots.map((shot) => lengthOf(at(shot)));
  let keep = shots.map((_, i) => i).filter((i) => lengths[i] > how.shortest_shot || shots.length <= how.most);
  if (!keep.length) keep = [lengths.indexOf(Math.max(...lengths))];
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const share = Math.min(1, how.most * how.longest / sum(keep.map((i) => lengths[i])));
  const pieces = keep.flatMap((i) => {
    const most = Math.max(1, Math.ceil(lengths[i] / how.longest * share)), shot = shots[i];
    const inside = [...film.breaks].filter((at) => at >= shot[0] && at < last(shot)).length; // a gap makes two windows of one
    return piecesOf(film, shot, share === 1 ? Math.min(most + inside, how.most) : most);
  });
  const spans = pieces.map((piece) => lengthOf(at(piece))), [aSecond, least] = how.shot_frames, all = sum(spans);
  const wanted = spans.map((span) => Math.max(
    Math.min(Math.max(rounded(aSecond * span), least), how.frames), Math.min(how.frames, rounded(how.frames * span / all))));
  const thinner = Math.min(1, how.frames * how.most / sum(wanted));
  return pieces.map((piece, i) => gridOf(piece, Math.trunc(Math.max(wanted[i] * thinner, how.thinned))));
}

// The windows of one shot, each as all its frames.
function piecesOf({ times, clock, breaks }, shot, most) {
  const how = ABOUT.constants.windows, since = shot.map((i) => clock[i] - clock[shot[0]]), duration = lengthOf(since);
  const count = Math.max(1, Math.ceil(Math.round(duration / how.longest * 1e6) / 1e6));
  let starts, ends;
  if (count > most) {
    starts = spread(most, 0, duration - how.longest);
    ends = starts.map((start) => start + how.longest);
  } else {
    const edges = spread(count + 1, 0, duration);
    starts = edges.slice(0, -1);
    ends = edges.slice(1);
    ends[ends.length - 1] = Infinity;
  }
  const pieces = [];
  starts.forEach((start, w) => {
    let piece = [];
    for (let i = 0; i < shot.length; i++) {
      if (since[i] < start - 1e-6 || since[i] >= ends[w] - 1e-6) continue;
      piece.push(shot[i]);
      if (breaks.has(shot[i])) { pieces.push(piece); piece = []; }
    }
    if (piece.length) pieces.push(piece);
  });
  const lulls = pieces.slice(1).every((piece, i) => times[piece[0]] - times[last(pieces[i])] <= how.pause);
  if (count <= most && pieces.length > most && lulls) { // bursts: neighbours become one again
    const few = Math.floor(pieces.length / most), more = pieces.length % most;
    const from = (k) => k * few + Math.min(k, more);
    return Array.from({ length: most }, (_, k) => pieces.slice(from(k), from(k + 1)).flat());
  }
  return spread(Math.min(most, pieces.length), 0, pieces.length - 1).map((k) => pieces[rounded(k)]);
}

const gridOf = (frames, count) => {
  const n = Math.min(count, frames.length);
  return spread(n, 0, frames.length - 1).map((k) => frames[rounded(k)]);
};

const coverageOf = (times, plans) =>
  Math.min(1, plans.reduce((sum, plan) => sum + last(plan) - plan[0] + 1, 0) / times.length);

// Where one shot ends and the next begins: takes small looks at the frames in order, and knows the cuts.
class ShotCuts {
  constructor() {
    this.how = ABOUT.constants.shots;
    this.steps = new Array(this.how.around).fill(0);
    this.count = 0;
    this.cuts = [];
  }

  take(small) {
    if (this.before) {
      let change = 0;
      for (let i = 0; i < small.length; i++) change += Math.abs(small[i] - this.before[i]);
      this.steps.push(change / small.length);
      const { around } = this.how;
      if (this.steps.length > 2 * around + 1) this.steps.shift();
      if (this.steps.length === 2 * around + 1) {
        const middle = this.steps[around];
        const most = Math.max(this.how.still, ...this.steps.filter((_, i) => i !== around));
        if (middle >= this.how.least && middle >= this.how.times * most) this.cuts.push(this.count - around);
      }
    }
    this.before = small;
    this.count++;
  }
}
