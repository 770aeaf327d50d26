// Where on a face heat lies, in words: the zones that the five points lay out, by the numbers of spotterlib/scan/zones.py.

// The zone of each cell of a crop as its place among the names, null where a point is missing; points: shares of the crop's sides.
function zoneMap(points) {
  const { names, grid, oval, parts } = ABOUT.constants.zones, place = (name) => names.indexOf(name);
  const between = (a, b) => [0, 1].map((k) => (points[a][k] + points[b][k]) / 2);
  const eyes = between(0, 1), mouth = between(3, 4), down = [mouth[0] - eyes[0], mouth[1] - eyes[1]], square = down[0] ** 2 + down[1] ** 2;
  if (!points.flat().every(Number.isFinite) || Math.sqrt(square) < 1e-3) return null;
  const zones = new Uint8Array(grid * grid);
  for (let row = 0, i = 0; row < grid; row++)
    for (let column = 0; column < grid; column++, i++) {
      const away = [(column + 0.5) / grid - eyes[0], (row + 0.5) / grid - eyes[1]];
      const y = (away[0] * down[0] + away[1] * down[1]) / square, x = Math.abs(away[1] * down[0] - away[0] * down[1]) / square;
      const inside = Math.hypot(x / oval.beside, (y - oval.middle) / (y < oval.middle ? oval.above : oval.below)) <= 1;
      const part = parts.find(([, from, to, beside]) => y >= from && y < to && x < beside);
      zones[i] = place(!inside ? "surroundings" : part ? part[0] : "cheeks");
    }
  return zones;
}

// The share of a frame's heat (7 × 7) that lies in each zone; null where there is no heat, or a point is missing.
function zoneShares(heat, points) {
  const { names, grid } = ABOUT.constants.zones, zones = heat.flat().some(Boolean) ? zoneMap(points) : null;
  if (!zones) return null;
  const shares = new Array(names.length).fill(0), side = heat.length, ends = (k) => Math.min(Math.max(k, 0), side - 1);
  const taps = Array.from({ length: grid }, (_, i) => {
    const at = (i + 0.5) * side / grid - 0.5, first = Math.floor(at);
    return [ends(first), ends(first + 1), at - first];
  });
  let all = 0;
  taps.forEach(([top, bottom, low], row) => taps.forEach(([left, right, far], column) => {
    const upper = heat[top][left] * (1 - far) + heat[top][right] * far, lower = heat[bottom][left] * (1 - far) + heat[bottom][right] * far;
    const value = upper * (1 - low) + lower * low;
    shares[zones[row * grid + column]] += value;
    all += value;
  }));
  return shares.map((share) => share / all);
}

const inOrder = (shares) => shares.map((_, k) => k).sort((a, b) => shares[b] - shares[a] || a - b);

// "mouth 41 %, eyes 12 %": the zones with the most of a frame's heat; "" where nothing is painted.
function heatWords(heat, shares) {
  const { threshold, named, least_share: least } = ABOUT.constants.heat, { names } = ABOUT.constants.zones;
  if (!shares || Math.max(...heat.flat()) < threshold) return "";
  return inOrder(shares).slice(0, named).filter((k) => shares[k] >= least).map((k) => `${names[k]} ${rounded(100 * shares[k])} %`).join(", ");
}

const sharesOf = (face, row) => {
  const { box: [x0, y0, x1, y1], points } = face.at.get(row);
  return zoneShares(face.heat.get(row), points.map(([x, y]) => [(x - x0) / (x1 - x0), (y - y0) / (y1 - y0)]));
};

// The share of all a face's heat that lies in each zone, the largest first; null without heat.
function zonesOf(face) {
  const { names } = ABOUT.constants.zones, whole = new Array(names.length).fill(0);
  let all = 0;
  for (const [row, heat] of face.heat) {
    const shares = sharesOf(face, row), weight = heat.flat().reduce((a, b) => a + b, 0);
    if (!shares) continue;
    shares.forEach((share, k) => { whole[k] += weight * share; });
    all += weight;
  }
  return all ? Object.fromEntries(inOrder(whole).map((k) => [names[k], whole[k] / all])) : null;
}
