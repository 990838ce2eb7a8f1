// where on the slider, from 0 to 1, a number of samples is: frames are evenly spaced
function along(samples) {
  const last = clock.length - 1, after = clock.findIndex((moment) => moment >= samples);
  if (after < 0) return 1;
  if (after === 0 || last === 0) return 0;
  const [low, high] = [clock[after - 1], clock[after]];
  const share = low > 0 ? Math.log(samples / low) / Math.log(high / low) : samples / high;
  return (after - 1 + share) / last;
}

function placed(parent, text, share, css) {
  const span = document.createElement("span");
  span.textContent = text;
  span.className = css;
  span.style.left = `calc(var(--thumb) / 2 + ${share} * (100% - var(--thumb)))`;
  parent.append(span);
  return span;
}

// numbers below the slider, as many as there is room for, and above it where targets were reached
function scale() {
  const ticks = document.getElementById("ticks"), marks = document.getElementById("marks");
  const width = slider.clientWidth, last = clock[clock.length - 1], wanted = [clock[0], last];
  if (!width) return; // on paper there is none
  ticks.replaceChildren();
  marks.replaceChildren();
  const first = clock.find((moment) => moment > 0) || 1;
  for (const steps of [[1], [1, 3], [1, 2, 5]])
    for (let e = Math.floor(Math.log10(first)); e <= Math.log10(last); e++)
      for (const s of steps) if (s * 10 ** e > clock[0] && s * 10 ** e < last) wanted.push(s * 10 ** e);
  const taken = [];
  for (const samples of wanted) {
    const at = along(samples) * width;
    if (taken.some((other) => Math.abs(other - at) < (other === taken[1] ? 104 : 46))) continue;
    taken.push(at);
    if (samples === last) placed(ticks, tick(samples) + " samples", 1, "last");
    else placed(ticks, tick(samples), along(samples), samples === clock[0] ? "first" : "");
  }
  const there = [];
  panes.forEach((pane, i) => {
    if (pane.arrival === null) return;
    let share = along(pane.arrival);
    while (there.some((other) => Math.abs(other - share) * width < 12)) share -= 13 / width;
    there.push(share);
    const mark = placed(marks, "▼", share, "");
    mark.title = `${several ? pane.name + ": " : ""}target reached after ${pane.arrival.toLocaleString("en")} samples`;
    mark.style.color = `var(--l${several ? i : 2})`;
  });
}
