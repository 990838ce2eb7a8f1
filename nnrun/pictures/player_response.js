function drawResponse(id, response, frame) {
  const [pen, width, height] = fresh(id, 1), x0 = 46, y0 = 6, x1 = width - 6, y1 = height - 34;
  const xs = response.x, [low, high] = response.limits, first = xs[0], last = xs[xs.length - 1];
  const px = (x) => x0 + ((x - first) / (last - first)) * (x1 - x0);
  const py = (y) => y1 - ((y - low) / (high - low)) * (y1 - y0);
  pen.font = "12px " + FONT;
  pen.lineWidth = 1;
  for (const value of round(low, high, 6)) {
    pen.strokeStyle = colour("grid");
    stroke(pen, [[x0, py(value)], [x1, py(value)]]);
    pen.fillStyle = colour("muted");
    pen.textAlign = "right";
    pen.fillText(tick(value), x0 - 5, py(value) + 4);
  }
  pen.textAlign = "center";
  for (const value of round(first, last, 5)) pen.fillText(tick(value), px(value), y1 + 15);
  pen.fillText(response.input, (x0 + x1) / 2, height - 4);
  if (response.boundary !== null) {
    pen.strokeStyle = colour("muted");
    pen.setLineDash([3, 3]);
    stroke(pen, [[x0, py(response.boundary)], [x1, py(response.boundary)]]);
    pen.setLineDash([]);
  }
  const [places, values, kinds] = response.points, size = places.length > 8 ? 2.6 : 7;
  pen.strokeStyle = "transparent";
  pen.globalAlpha = 0.6;
  places.forEach((x, i) => {
    pen.fillStyle = kinds ? response.colours[kinds[i] % response.colours.length] : colour("muted");
    mark(pen, kinds ? response.markers[kinds[i] % response.markers.length] : "o", px(x), py(values[i]), size);
  });
  pen.globalAlpha = 1;
  pen.save();
  pen.beginPath();
  pen.rect(x0, y0, x1 - x0, y1 - y0);
  pen.clip();
  pen.lineWidth = 2.4;
  response.outputs[frame].forEach((output, i) => {
    pen.strokeStyle = response.colours[response.several ? i % response.colours.length : 1];
    stroke(pen, output.flatMap((y, k) => (y === null ? [] : [[px(xs[k]), py(y)]])));
  });
  pen.restore();
}
