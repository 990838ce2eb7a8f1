function drawCurves(frame) {
  const panels = page.curves, n = panels.length;
  const wide = document.getElementById("curves").clientWidth > 640;
  const beside = wide && n === 2;
  const [pen, width, height] = fresh("curves", beside ? 0.27 : wide ? 0.4 : 1);
  panels.forEach((one, i) => {
    if (beside) {
      const x0 = i * (width / 2 + 10) + 46;
      return panel(pen, one, frame, x0, 18, x0 + width / 2 - 74, height - 34, true);
    }
    const middle = n === 2 ? height * 0.54 : height - 34;
    if (i) panel(pen, one, frame, 46, middle + 22, width - 18, height - 34, true);
    else panel(pen, one, frame, 46, 18, width - 18, middle - (n === 2 ? 20 : 0), n === 1);
  });
}

// limits of the values, and whether their axis is logarithmic
function bounds({ lines, share, target }) {
  const values = lines.flatMap((line) => line.values).filter((v) => v !== null);
  if (!values.length) return [0, 1, false];
  const first = Math.max(...lines.map((line) => line.values[0] ?? 0));
  const low = Math.min(...values, target ?? Infinity), high = Math.min(Math.max(...values), first > 0 ? 10 * first : Infinity);
  if (share) return [Math.max(0, Math.floor(10 * low - 0.5) / 10), 1.01, false];
  if (low > 0 && high / low > 5) return [low / 1.2, high * 1.2, true];
  return [Math.min(0, low), 1.05 * high || 1, false];
}

function panel(pen, one, frame, x0, y0, x1, y1, ticks) {
  const seen = clock[frame], grids = one.lines.map((line) => line.samples);
  const [low, high, log] = bounds(one);
  const by = log ? Math.log : (v) => v;
  const start = Math.min(...grids.map((grid) => grid[0])), end = Math.max(...grids.map((grid) => grid[grid.length - 1]), start + 1);
  const px = (s) => x0 + (Math.log(s / start) / Math.log(end / start)) * (x1 - x0);
  const py = (v) => y1 - ((by(v) - by(low)) / (by(high) - by(low))) * (y1 - y0);
  pen.font = "12px " + FONT;
  pen.fillStyle = colour("muted");
  pen.textAlign = "left";
  pen.fillText(one.title, x0, y0 - 7);
  pen.lineWidth = 1;
  for (const value of log ? decades(low, high, 6) : round(low, high, 4)) {
    pen.strokeStyle = colour("grid");
    stroke(pen, [[x0, py(value)], [x1, py(value)]]);
    pen.textAlign = "right";
    pen.fillText(one.share ? Math.round(100 * value) + "%" : tick(value), x0 - 5, py(value) + 4);
  }
  pen.textAlign = "center";
  for (const value of decades(start, end, 6)) if (ticks) pen.fillText(tick(value), px(value), y1 + 16);
  if (ticks) pen.fillText("training samples seen (log scale)", (x0 + x1) / 2, y1 + 31);
  pen.strokeStyle = colour("muted");
  stroke(pen, [[x0, y1], [x1, y1]]);
  if (one.target !== null) {
    pen.setLineDash([3, 3]);
    stroke(pen, [[x0, py(one.target)], [x1, py(one.target)]]);
  }
  pen.setLineDash([]);
  stroke(pen, [[px(Math.max(seen, start)), y0], [px(Math.max(seen, start)), y1]]);
  pen.save();
  pen.beginPath();
  pen.rect(x0, y0, x1 - x0 + 2, y1 - y0);
  pen.clip();
  one.lines.forEach((line) => drawLine(pen, line, seen, px, py));
  pen.restore();
}

// a metric up to what was seen, and pale beyond it
function drawLine(pen, { colour: name, dashes, samples, values }, seen, px, py) {
  const points = samples.map((s, i) => [s, values[i]]).filter((p) => p[1] !== null);
  pen.strokeStyle = colour(name);
  pen.setLineDash(dashes.map((length) => 2 * length));
  for (const [alpha, until, wide] of [[0.28, Infinity, 1.4], [1, seen, 2.2]]) {
    pen.globalAlpha = alpha;
    pen.lineWidth = wide;
    stroke(pen, points.filter((p) => p[0] <= until).map((p) => [px(p[0]), py(p[1])]));
  }
}
