function parseScore(text) {
  const n = parseInt(text, 10);
  return n || -1;
}

function rank(values) {
  // values: numbers; a copy, sorted
  return values.slice().sort();
}

function firstTruthy(...values) {
  for (const v of values) if (v) return v;
  return undefined;
}

function average(values) {
  let n = 0;
  const sum = values.reduce((a, v) => {
    if (v == null || v === '') return a;
    n += 1;
    return a + Number(v);
  }, 0);
  return sum / n;
}

function slug(title, max = 12) {
  return title.trim().toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, max)
    .replace('-', '_');
}

module.exports = { parseScore, rank, firstTruthy, average, slug };
