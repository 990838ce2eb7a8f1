"use strict";
const page = JSON.parse(document.getElementById("content").textContent);
const { clock, panes, several } = page;
const slider = document.getElementById("at"), button = document.getElementById("play");
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const FONT = "system-ui, sans-serif";

for (const { surface, network, units } of panes) {
  if (surface) {
    surface.paint = bytes(surface.palette);
    surface.all = bytes(surface.shades);
  }
  if (network) network.paint = bytes(network.palette);
  if (units) units.all = bytes(units.shades);
}

// a canvas as wide as its card, sharp on every screen; returns its context and its size
function fresh(id, ratio) {
  const canvas = document.getElementById(id), sharp = Math.max(2, window.devicePixelRatio || 1);
  const flat = document.documentElement.className === "paper" && !several ? 0.72 : 1;
  const width = canvas.clientWidth, height = Math.round(width * ratio * flat);
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

function tick(value) {
  const size = Math.abs(value);
  if (size >= 1e10 || (size > 0 && size < 1e-4)) return value.toExponential(0).replace("e+", "e").replace(/-/g, "−");
  if (size >= 1e6) return +(value / 1e6).toPrecision(3) + "M";
  if (size >= 1e4) return +(value / 1e3).toPrecision(3) + "k";
  return String(+value.toPrecision(3)).replace("-", "−");
}

// a bias with as few characters as tell it from others
function short(value) {
  const size = Math.abs(value);
  return (size < 1000 ? value.toFixed(size < 1 ? 2 : size < 10 ? 1 : 0) : value.toExponential(0)).replace("-", "−");
}

// round numbers between two bounds
function round(low, high, most) {
  const raw = (high - low) / most, size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].find((s) => s * size >= raw) * size, found = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) found.push(k * step);
  return found;
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
