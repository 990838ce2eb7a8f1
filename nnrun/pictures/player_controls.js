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

const box = (of, i) => `width:11px;height:11px;background:${of.colours[i % of.colours.length]};border-radius:${of.markers[i % of.markers.length] === "o" ? 6 : 1}px`;
const dash = (line) => `width:26px;border-top:3px ${line.dashes.length ? (line.dashes[0] < 2 ? "dotted" : "dashed") : "solid"} var(--${line.colour})`;

function surfaceKey(surface) {
  const named = surface.several || !surface.regression ? surface.names.map((name, i) => swatch(name, box(surface, i))) : [];
  words("answer-key", named);
  if (surface.several) return;
  const shown = [0, 64, 127, 190, 254].map((shade) => rgb(surface.paint, shade)).join(",");
  const bar = document.createElement("div"), ends = document.createElement("div");
  bar.className = "bar";
  bar.style.background = `linear-gradient(to right, ${shown})`;
  ends.className = "ends";
  ends.append(...[tick(surface.scale[0]), surface.label, tick(surface.scale[1])].map((t) => swatch(t, "")));
  document.getElementById("answer-key").append(bar, ends, surface.regression ? "Marked: held-out points, filled with the colour of their target." : "Marked: held-out points.");
}

function responseKey(response) {
  const named = response.classes.map((name, i) => swatch(name, box(response, i)));
  const line = response.several ? [] : [swatch("network output", `width:22px;border-top:3px solid ${response.colours[1]}`)];
  words("answer-key", [...named, ...line, response.several ? "Lines: an output each. Marked: held-out points." : "Marked: held-out points."]);
}

function networkKey(network, units) {
  if (!network) return;
  let text = several ? "The widest link is each network's largest weight. " : `The widest link is a weight of ${tick(network.largest[0])} in size. `;
  text += units ? "In the units: what they answer over x and y, orange low, blue high" : "In the units: their biases";
  text += units && network.biases ? "; below: their biases." : ".";
  if (network.shortcut.includes(1)) text += " Dashed: shortcuts from the inputs.";
  words("network-key", [swatch("positive", `width:22px;height:5px;background:${network.colours[1]}`), swatch("negative", `width:22px;height:5px;background:${network.colours[0]}`), text]);
}

function keys() {
  const { surface, response, network, units } = panes[0];
  if (surface && page.alike) surfaceKey(surface);
  if (response && page.alike) responseKey(response);
  networkKey(network, units);
  const lines = several ? page.curves[0].lines : page.curves.flatMap((one) => one.lines);
  const target = page.curves.some((one) => one.target !== null) ? [swatch("target", "width:22px;border-top:1px dashed var(--muted)")] : [];
  words("curves-key", [...lines.map((line) => swatch(line.name, dash(line))), ...target]);
}

let timer = 0;
function show(frame) {
  slider.value = frame;
  const now = several ? `${clock[frame].toLocaleString("en")} samples seen` : panes[0].words[frame];
  slider.setAttribute("aria-valuetext", now);
  document.getElementById("words").textContent = now;
  panes.forEach((pane, i) => {
    if (pane.surface) drawSurface("surface" + i, pane.surface, frame);
    if (pane.response) drawResponse("response" + i, pane.response, frame);
    if (pane.network) drawNetwork("network" + i, pane.network, pane.units, frame);
    if (several) told(pane, i, frame);
  });
  drawCurves(frame);
}

function told(pane, i, frame) {
  const there = pane.arrival !== null && clock[frame] >= pane.arrival;
  const missed = pane.arrival === null && frame === clock.length - 1;
  const state = document.getElementById("state" + i);
  document.getElementById("words" + i).textContent = pane.words[frame];
  state.textContent = there ? `✓ target reached after ${pane.arrival.toLocaleString("en")}` : missed ? "✗ target missed" : "target not reached yet";
  state.className = there ? "state there" : missed ? "state missed" : "state";
}

function stop() {
  clearInterval(timer);
  timer = 0;
  button.textContent = "▶ Play";
  button.setAttribute("aria-label", "Play");
}

// where less motion is asked for, a few still pictures, one a second
function play() {
  if (timer) return stop();
  if (+slider.value === +slider.max) show(0);
  button.textContent = "❚❚ Pause";
  button.setAttribute("aria-label", "Pause");
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const step = calm ? Math.ceil(+slider.max / 8) : 1;
  timer = setInterval(() => (+slider.value < +slider.max ? show(Math.min(+slider.max, +slider.value + step)) : stop()), calm ? 1000 : 160);
}

function again() {
  scale();
  show(+slider.value);
}

// paper shows the end, on white, as wide as a sheet
function onPaper(on) {
  stop();
  document.documentElement.classList.toggle("paper", on);
  scale();
  show(on ? +slider.max : +slider.value);
}

button.addEventListener("click", play);
slider.addEventListener("input", () => { stop(); show(+slider.value); });
document.addEventListener("keydown", (event) => {
  if (event.target === slider || event.target.tagName === "A" || event.ctrlKey || event.metaKey || event.altKey) return;
  const to = { ArrowLeft: +slider.value - 1, ArrowRight: +slider.value + 1, Home: 0, End: +slider.max }[event.key];
  if (to !== undefined) { stop(); show(Math.max(0, Math.min(+slider.max, to))); event.preventDefault(); }
  if (event.key === " " && event.target !== button) { play(); event.preventDefault(); }
});
window.addEventListener("resize", again);
window.addEventListener("beforeprint", () => onPaper(true));
window.addEventListener("afterprint", () => onPaper(false));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
keys();
again();
