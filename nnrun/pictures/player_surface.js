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

function drawSurface(id, surface, frame) {
  const [left, right, bottom, top] = surface.extent, side = (right - left) / (top - bottom);
  const [pen, width, height] = fresh(id, side > 1 / 3 && side < 3 ? 1 / side : 1);
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
  const [points, kinds] = surface.points, size = points.length > 8 ? (surface.regression ? 4.2 : 3.2) : 8;
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
