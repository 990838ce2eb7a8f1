function drawCurves(frame) {
  const names = METRICS.filter((name) => course.metrics[name]), two = names.includes("accuracy");
  const [pen, width, height] = fresh("curves", 1), middle = two ? height * 0.54 : height - 34;
  const losses = names.filter((name) => name !== "accuracy");
  panel(pen, losses, frame, 40, 18, width - 18, middle - (two ? 20 : 0), "Loss", !two);
  if (two) panel(pen, ["accuracy"], frame, 40, middle + 22, width - 18, height - 34, "Accuracy", true);
}

// limits of the values, and whether their axis is logarithmic
function bounds(names) {
  const values = names.flatMap((name) => course.metrics[name]).filter((v) => v !== null);
  if (!values.length) return [0, 1, false];
  const first = Math.max(...names.map((name) => course.metrics[name][0] ?? 0));
  const low = Math.min(...values), high = Math.min(Math.max(...values), first > 0 ? 10 * first : Infinity);
  if (names[0] === "accuracy") return [Math.max(0, Math.floor(10 * low - 0.5) / 10), 1.01, false];
  if (low > 0 && high / low > 5) return [low / 1.2, high * 1.2, true];
  return [Math.min(0, low), 1.05 * high || 1, false];
}

function panel(pen, names, frame, x0, y0, x1, y1, title, ticks) {
  const samples = course.samples, share = names[0] === "accuracy", seen = film.samples[frame];
  const [low, high, log] = bounds(names);
  const by = log ? Math.log : (v) => v;
  const start = samples[0], end = Math.max(samples[samples.length - 1], start + 1);
  const px = (s) => x0 + (Math.log(s / start) / Math.log(end / start)) * (x1 - x0);
  const py = (v) => y1 - ((by(v) - by(low)) / (by(high) - by(low))) * (y1 - y0);
  pen.font = "12px " + FONT;
  pen.fillStyle = colour("muted");
  pen.textAlign = "left";
  pen.fillText(title, x0, y0 - 7);
  pen.lineWidth = 1;
  for (const value of log ? decades(low, high, 6) : round(low, high, 4)) {
    pen.strokeStyle = colour("grid");
    stroke(pen, [[x0, py(value)], [x1, py(value)]]);
    pen.textAlign = "right";
    pen.fillText(share ? Math.round(100 * value) + "%" : tick(value), x0 - 5, py(value) + 4);
  }
  pen.textAlign = "center";
  for (const value of decades(start, end, 6)) if (ticks) pen.fillText(tick(value), px(value), y1 + 16);
  if (ticks) pen.fillText("training samples seen (log scale)", (x0 + x1) / 2, y1 + 31);
  pen.strokeStyle = colour("muted");
  stroke(pen, [[x0, y1], [x1, y1]]);
  if (share && course.target !== null) {
    pen.setLineDash([3, 3]);
    stroke(pen, [[x0, py(course.target)], [x1, py(course.target)]]);
  }
  pen.setLineDash([]);
  stroke(pen, [[px(Math.max(seen, start)), y0], [px(Math.max(seen, start)), y1]]);
  pen.save();
  pen.beginPath();
  pen.rect(x0, y0, x1 - x0 + 2, y1 - y0);
  pen.clip();
  names.forEach((name) => drawLine(pen, name, seen, px, py));
  pen.restore();
}

// a metric up to what was seen, and pale beyond it
function drawLine(pen, name, seen, px, py) {
  const points = course.samples.map((s, i) => [s, course.metrics[name][i]]).filter((p) => p[1] !== null);
  pen.strokeStyle = colour(name);
  pen.setLineDash(name === "train_loss" ? [6, 4] : []);
  for (const [alpha, until, wide] of [[0.28, Infinity, 1.4], [1, seen, 2.2]]) {
    pen.globalAlpha = alpha;
    pen.lineWidth = wide;
    stroke(pen, points.filter((p) => p[0] <= until).map((p) => [px(p[0]), py(p[1])]));
  }
}
