// Numbers in words, for the worker and for the page.

// A number with so many digits after the point, as Python's format gives it: where it lies exactly between two, the even one,
// where toFixed takes the larger.
function fixed(value, digits) {
  const said = value.toFixed(digits), between = Math.abs(value) * 2 ** (digits + 1) % 2 === 1, digit = Number(said.at(-1));
  return between && digit % 2 ? said.slice(0, -1) + (digit - 1) : said;
}
