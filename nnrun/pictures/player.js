"use strict";
const film = JSON.parse(document.getElementById("film").textContent);
const { surface, network, units, course } = film;
const slider = document.getElementById("at"), button = document.getElementById("play");
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const FONT = "system-ui, sans-serif";
const METRICS = ["train_loss", "test_loss", "accuracy"];

if (surface) {
  surface.paint = bytes(surface.palette);
  surface.all = bytes(surface.shades);
}
if (network.palette) network.paint = bytes(network.palette);
if (units) units.all = bytes(units.shades);

// a canvas as wide as its card, sharp on every screen; returns its context and its size
function fresh(id, ratio) {
  const canvas = document.getElementById(id), sharp = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = Math.round(width * ratio);
  canvas.width = width * sharp;
  canvas.height = height * sharp;
  canvas.style.height = height + "px";
  const pen = canvas.getContext("2d");
  pen.scale(sharp, sharp);
  return [pen, width, height];
}

function rgb(paint, shade) {
  return `rgb(${paint[3 * shade]},${paint[3 * shade + 1]},${paint[3 * shade + 2]})`;
}

// shades, bottom row first, as an image
function image(all, first, n, paint) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = n;
  const pen = canvas.getContext("2d"), pixels = pen.createImageData(n, n);
  for (let row = 0; row < n; row++)
    for (let column = 0; column < n; column++) {
      const shade = all[first + (n - 1 - row) * n + column], place = 4 * (row * n + column);
      for (let part = 0; part < 3; part++) pixels.data[place + part] = paint[3 * shade + part];
      pixels.data[place + 3] = 255;
    }
  pen.putImageData(pixels, 0, 0);
  return canvas;
}

function mark(pen, kind, x, y, r) {
  const corners = { s: [[-1, -1], [1, -1], [1, 1], [-1, 1]], "^": [[0, -1.2], [1.1, 0.9], [-1.1, 0.9]],
    D: [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]], v: [[0, 1.2], [1.1, -0.9], [-1.1, -0.9]] }[kind];
  pen.beginPath();
  if (corners) corners.forEach(([dx, dy]) => pen.lineTo(x + r * 0.85 * dx, y + r * 0.85 * dy));
  else pen.arc(x, y, r, 0, 7);
  pen.closePath();
  pen.fill();
  pen.stroke();
}

function tick(value) {
  const size = Math.abs(value);
  if (size >= 1e6) return +(value / 1e6).toPrecision(3) + "M";
  if (size >= 1e4) return +(value / 1e3).toPrecision(3) + "k";
  return String(+value.toPrecision(3)).replace("-", "−");
}

// a bias with as few characters as tell it from others
function short(value) {
  const size = Math.abs(value);
  return (size < 1000 ? value.toFixed(size < 1 ? 2 : size < 10 ? 1 : 0) : value.toExponential(0)).replace("-", "−");
}

function drawSurface(frame) {
  const [left, right, bottom, top] = surface.extent, side = (right - left) / (top - bottom);
  const [pen, width, height] = fresh("surface", side > 1 / 3 && side < 3 ? 1 / side : 1);
  const x0 = 46, y1 = height - 34, w = width - x0 - 4, h = y1 - 4;
  const at = ([x, y]) => [x0 + ((x - left) / (right - left)) * w, y1 - ((y - bottom) / (top - bottom)) * h];
  const n = surface.n;
  pen.imageSmoothingEnabled = true;
  pen.drawImage(image(surface.all, frame * n * n, n, surface.paint), x0, 4, w, h);
  pen.strokeStyle = "#1c2127";
  pen.lineWidth = 1.6;
  for (const line of surface.lines[frame]) {
    pen.beginPath();
    line.forEach((point) => pen.lineTo(...at(point)));
    pen.stroke();
  }
  const [points, kinds] = surface.points, size = points.length > 8 ? 3.2 : 8;
  pen.lineWidth = 0.8;
  points.forEach((point, i) => {
    pen.fillStyle = surface.regression ? rgb(surface.paint, kinds[i]) : surface.colours[kinds[i] % surface.colours.length];
    pen.strokeStyle = surface.regression ? "#1c2127" : "#fff";
    mark(pen, surface.regression ? "o" : surface.markers[kinds[i] % surface.markers.length], ...at(point), size);
  });
  pen.fillStyle = colour("muted");
  pen.font = "12px " + FONT;
  for (const [low, high, across] of [[left, right, true], [bottom, top, false]])
    for (const value of round(low, high, 5)) {
      const [x, y] = at(across ? [value, bottom] : [left, value]);
      pen.textAlign = across ? "center" : "right";
      pen.fillText(tick(value), across ? x : x - 5, across ? y + 15 : y + 4);
    }
  pen.textAlign = "center";
  pen.fillText("x", x0 + w / 2, height - 4);
  pen.fillText("y", 7, 4 + h / 2 + 4);
}

// round numbers between two bounds
function round(low, high, most) {
  const raw = (high - low) / most, size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].find((s) => s * size >= raw) * size, found = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) found.push(k * step);
  return found;
}

function drawNetwork(frame) {
  const [pen, width, height] = fresh("network", network.refusal ? 0.4 : 1);
  pen.fillStyle = colour("muted");
  pen.textAlign = "center";
  pen.font = "13px " + FONT;
  const weights = network.weights && network.weights[frame], biases = network.biases && network.biases[frame];
  const lost = weights && [...weights, ...(biases || [])].includes(null);
  if (network.refusal || lost) {
    pen.fillText(lost ? "diverged: no finite weights" : network.refusal, width / 2, height / 2);
    return;
  }
  pen.font = "12px " + FONT;
  const longest = Math.max(...network.names.map((name) => pen.measureText(name).width));
  const edge = Math.min(Math.max(74, longest + 32), 0.3 * width), last = network.layers.length - 1, most = Math.max(...network.layers);
  const at = ([x, y]) => [edge + (x / last) * (width - 2 * edge), height * 0.46 - y * height * 0.4];
  const half = Math.max(5, Math.min(19, (0.8 * height) / Math.max(most, 4) / 2.9, (width - 2 * edge) / last / 3.2));
  const [widest, strongest] = network.largest;
  pen.globalAlpha = 0.85;
  network.links.forEach(([start, end], i) => {
    const from = at(network.places[start]), to = at(network.places[end]);
    pen.strokeStyle = network.colours[weights[i] < 0 ? 0 : 1];
    pen.lineWidth = 0.4 + (5 * Math.abs(weights[i])) / widest;
    pen.setLineDash(network.shortcut[i] ? [6, 4] : []);
    pen.beginPath();
    pen.moveTo(...from);
    if (network.shortcut[i]) pen.quadraticCurveTo((from[0] + to[0]) / 2, height * 1.16, ...to);
    else pen.lineTo(...to);
    pen.stroke();
  });
  pen.globalAlpha = 1;
  pen.setLineDash([]);
  const nInputs = network.layers[0], nUnits = network.places.length;
  network.places.forEach((place, unit) => {
    const [x, y] = at(place), bias = unit < nInputs || !biases ? null : biases[unit - nInputs];
    drawUnit(pen, frame * nUnits + unit, x, y, half, bias, strongest);
    if (network.names[unit]) {
      pen.fillStyle = colour("ink");
      pen.font = "12px " + FONT;
      pen.textAlign = place[0] === 0 ? "right" : "left";
      pen.fillText(network.names[unit], x + (place[0] === 0 ? -1 : 1) * (half + 6), y + 4, edge - half - 6);
    }
  });
}

// a unit's heatmap with its bias below, or a disc coloured by the bias
function drawUnit(pen, index, x, y, half, bias, strongest) {
  pen.strokeStyle = colour("ink");
  pen.lineWidth = 1;
  if (units) {
    pen.drawImage(image(units.all, index * units.n * units.n, units.n, network.paint), x - half, y - half, 2 * half, 2 * half);
    pen.strokeRect(x - half, y - half, 2 * half, 2 * half);
  } else {
    const shade = bias === null ? 127 : Math.round(127 + (127 * bias) / strongest);
    pen.fillStyle = bias === null ? colour("grid") : rgb(network.paint, Math.max(0, Math.min(254, shade)));
    pen.beginPath();
    pen.arc(x, y, half, 0, 7);
    pen.fill();
    pen.stroke();
  }
  if (bias === null || half < 9) return;
  pen.textAlign = "center";
  pen.font = "10px " + FONT;
  pen.fillStyle = units ? colour("muted") : Math.abs(bias) > 0.65 * strongest ? "#fff" : "#1c2127";
  pen.fillText(short(bias), x, units ? y + half + 10 : y + 3.5);
}

function drawCurves(frame) {
  const names = METRICS.filter((name) => course.metrics[name]), two = names.includes("accuracy");
  const [pen, width, height] = fresh("curves", 1), middle = two ? height * 0.54 : height - 34;
  const losses = names.filter((name) => name !== "accuracy");
  panel(pen, losses, frame, 40, 18, width - 10, middle - (two ? 20 : 0), "Loss", !two);
  if (two) panel(pen, ["accuracy"], frame, 40, middle + 22, width - 10, height - 34, "Accuracy", true);
}

function panel(pen, names, frame, x0, y0, x1, y1, title, ticks) {
  const samples = course.samples, share = names[0] === "accuracy", seen = film.samples[frame];
  const values = names.flatMap((name) => course.metrics[name]).filter((v) => v !== null);
  const first = Math.max(...names.map((name) => course.metrics[name][0] ?? 0));
  let low = Math.min(...values), high = Math.max(...values);
  if (share) [low, high] = [Math.max(0, Math.floor(10 * low - 0.5) / 10), 1.01];
  else high = Math.min(high, first > 0 ? 10 * first : Infinity);
  const log = !share && low > 0 && high / low > 5;
  if (!share) [low, high] = log ? [low / 1.2, high * 1.2] : [Math.min(0, low), 1.05 * high || 1];
  if (!values.length) [low, high] = [0, 1];
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
  for (const name of names) {
    const points = samples.map((s, i) => [px(s), course.metrics[name][i], s]).filter((p) => p[1] !== null);
    pen.strokeStyle = colour(name);
    pen.setLineDash(name === "train_loss" ? [6, 4] : []);
    for (const [alpha, until, wide] of [[0.28, Infinity, 1.4], [1, seen, 2.2]]) {
      pen.globalAlpha = alpha;
      pen.lineWidth = wide;
      stroke(pen, points.filter((p) => p[2] <= until).map((p) => [p[0], py(p[1])]));
    }
  }
  pen.restore();
}

function stroke(pen, points) {
  pen.beginPath();
  points.forEach((point) => pen.lineTo(...point));
  pen.stroke();
}

function decades(low, high, most) {
  for (const steps of [[1, 2, 5], [1, 3], [1]]) {
    const found = [];
    for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++)
      for (const s of steps) if (s * 10 ** e >= low * 0.999 && s * 10 ** e <= high * 1.001) found.push(s * 10 ** e);
    if (found.length <= most) return found;
    if (steps.length === 1) return found.filter((_, i) => i % Math.ceil(found.length / most) === 0);
  }
}

function words(id, parts) {
  const place = document.getElementById(id);
  if (place) place.replaceChildren(...parts);
}

function swatch(text, css) {
  const key = document.createElement("span"), box = document.createElement("span");
  key.className = "key";
  box.style.cssText = css;
  key.append(box, text);
  return key;
}

function keys() {
  if (surface && (surface.several || !surface.regression))
    words("surface-key", surface.names.map((name, i) => swatch(name, `width:11px;height:11px;background:${surface.colours[i % surface.colours.length]};border-radius:${surface.markers[i % surface.markers.length] === "o" ? 6 : 1}px`)));
  if (surface && !surface.several) {
    const shown = [0, 64, 127, 190, 254].map((shade) => rgb(surface.paint, shade)).join(",");
    const bar = document.createElement("div"), ends = document.createElement("div");
    bar.className = "bar";
    bar.style.background = `linear-gradient(to right, ${shown})`;
    ends.className = "ends";
    ends.append(...[tick(surface.scale[0]), surface.label, tick(surface.scale[1])].map((t) => swatch(t, "")));
    document.getElementById("surface-key").append(bar, ends, "Marked: held-out points.");
  }
  if (!network.refusal) {
    let text = `The widest link is a weight of ${tick(network.largest[0])} in size. `;
    text += units ? "In the units: what they answer over x and y, orange low, blue high" : "In the units: their biases";
    text += units && network.biases ? "; below: their biases." : ".";
    if (network.shortcut.includes(1)) text += " Dashed: shortcuts from the inputs.";
    words("network-key", [swatch("positive", `width:22px;height:5px;background:${network.colours[1]}`), swatch("negative", `width:22px;height:5px;background:${network.colours[0]}`), text]);
  }
  words("curves-key", METRICS.filter((name) => course.metrics[name]).map((name) => swatch(course.names[name], `width:22px;border-top:3px ${name === "train_loss" ? "dashed" : "solid"} var(--${name})`)));
}

let timer = 0;
function show(frame) {
  slider.value = frame;
  slider.setAttribute("aria-valuetext", film.words[frame]);
  document.getElementById("words").textContent = film.words[frame];
  if (surface) drawSurface(frame);
  drawNetwork(frame);
  drawCurves(frame);
}

function stop() {
  clearInterval(timer);
  timer = 0;
  button.textContent = "▶ Play";
  button.setAttribute("aria-label", "Play");
}

function play() {
  if (timer) return stop();
  if (+slider.value === +slider.max) show(0);
  button.textContent = "❚❚ Pause";
  button.setAttribute("aria-label", "Pause");
  timer = setInterval(() => (+slider.value < +slider.max ? show(+slider.value + 1) : stop()), 160);
}

button.addEventListener("click", play);
slider.addEventListener("input", () => { stop(); show(+slider.value); });
document.addEventListener("keydown", (event) => {
  if (event.target === slider || event.ctrlKey || event.metaKey || event.altKey) return;
  const to = { ArrowLeft: +slider.value - 1, ArrowRight: +slider.value + 1, Home: 0, End: +slider.max }[event.key];
  if (to !== undefined) { stop(); show(Math.max(0, Math.min(+slider.max, to))); event.preventDefault(); }
  if (event.key === " " && event.target !== button) { play(); event.preventDefault(); }
});
window.addEventListener("resize", () => show(+slider.value));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(+slider.value));
keys();
show(+slider.value);
