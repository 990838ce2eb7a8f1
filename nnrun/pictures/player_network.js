function drawNetwork(id, network, units, frame) {
  const [pen, width, height] = fresh(id, 1);
  pen.fillStyle = colour("muted");
  pen.textAlign = "center";
  pen.font = "13px " + FONT;
  const weights = network.weights[frame], biases = network.biases && network.biases[frame];
  if ([...weights, ...(biases || [])].includes(null)) {
    pen.fillText("diverged: no finite weights", width / 2, height / 2);
    return;
  }
  pen.font = "12px " + FONT;
  const longest = Math.max(...network.names.map((name) => pen.measureText(name).width));
  const edge = Math.min(Math.max(74, longest + 32), 0.3 * width), last = network.layers.length - 1, most = Math.max(...network.layers);
  const at = ([x, y]) => [edge + (x / last) * (width - 2 * edge), height * 0.46 - y * height * 0.4];
  const half = Math.max(5, Math.min(19, (0.8 * height) / Math.max(most, 4) / 2.9, (width - 2 * edge) / last / 3.2));
  drawLinks(pen, network, weights, at, height * 1.16);
  const nInputs = network.layers[0], nUnits = network.places.length;
  network.places.forEach((place, unit) => {
    const [x, y] = at(place), bias = unit < nInputs || !biases ? null : biases[unit - nInputs];
    drawUnit(pen, network, units, frame * nUnits + unit, x, y, half, bias);
    if (network.names[unit]) {
      pen.fillStyle = colour("ink");
      pen.font = "12px " + FONT;
      pen.textAlign = place[0] === 0 ? "right" : "left";
      pen.fillText(network.names[unit], x + (place[0] === 0 ? -1 : 1) * (half + 6), y + 4, edge - half - 6);
    }
  });
}

// a shortcut bends down around what it skips
function drawLinks(pen, network, weights, at, low) {
  pen.globalAlpha = 0.85;
  network.links.forEach(([start, end], i) => {
    const from = at(network.places[start]), to = at(network.places[end]);
    pen.strokeStyle = network.colours[weights[i] < 0 ? 0 : 1];
    pen.lineWidth = 0.4 + (5 * Math.abs(weights[i])) / network.largest[0];
    pen.setLineDash(network.shortcut[i] ? [6, 4] : []);
    pen.beginPath();
    pen.moveTo(...from);
    if (network.shortcut[i]) pen.quadraticCurveTo((from[0] + to[0]) / 2, low, ...to);
    else pen.lineTo(...to);
    pen.stroke();
  });
  pen.globalAlpha = 1;
  pen.setLineDash([]);
}

// a unit's heatmap with its bias below, or a disc coloured by the bias
function drawUnit(pen, network, units, index, x, y, half, bias) {
  const strongest = network.largest[1];
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
