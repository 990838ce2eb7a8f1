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
    document.getElementById("surface-key").append(bar, ends, surface.regression ? "Marked: held-out points, filled with the colour of their target." : "Marked: held-out points.");
  }
  if (response) {
    const named = response.classes.map((name, i) => swatch(name, `width:11px;height:11px;background:${response.colours[i % response.colours.length]};border-radius:${response.markers[i % response.markers.length] === "o" ? 6 : 1}px`));
    const line = response.several ? [] : [swatch("network output", `width:22px;border-top:3px solid ${response.colours[1]}`)];
    words("response-key", [...named, ...line, response.several ? "Lines: an output each. Marked: held-out points." : "Marked: held-out points."]);
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
  if (response) drawResponse(frame);
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
