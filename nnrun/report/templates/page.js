// Tables that sort by a click on a heading, a slider through decision surfaces, a text to copy.
// Without this script the page holds the same tables and every frame.
(() => {
  "use strict";

  const value = (row, column) => {
    const cell = row.cells[column];
    const given = cell.dataset.value;
    if (given === undefined) return cell.textContent.trim();
    if (given === "") return NaN;
    const number = Number(given);
    return Number.isNaN(number) ? given : number;
  };

  // What has no value stays last, whichever way the others are sorted.
  const order = (a, b, direction) => {
    const [noA, noB] = [Number.isNaN(a), Number.isNaN(b)];
    if (noA || noB) return noA - noB;
    if (typeof a === "number" && typeof b === "number") return a === b ? 0 : direction * (a < b ? -1 : 1);
    return direction * String(a).localeCompare(String(b), "en", { numeric: true });
  };

  const sort = (table, column, heading) => {
    const descending = heading.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.querySelectorAll("th")) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    for (const body of table.tBodies) {
      const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
      rows
        .map((row, index) => ({ row, index, key: value(row, column) }))
        .sort((a, b) => order(a.key, b.key, descending ? -1 : 1) || a.index - b.index)
        .forEach(({ row }) => body.append(row));
    }
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.title = "Sort by this column";
      button.append(...heading.childNodes);
      button.addEventListener("click", () => sort(table, column, heading));
      heading.append(button);
    });
  }

  for (const text of document.querySelectorAll(".copied")) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "copy", textContent: "Copy" });
    button.addEventListener("click", () => {
      // what is selected is copied from a file, too, where no newer way may be allowed
      getSelection().selectAllChildren(text);
      button.textContent = document.execCommand("copy") ? "Copied" : "Selected: copy it from here";
    });
    text.after(button);
  }

  for (const film of document.querySelectorAll(".film")) {
    const frames = [...film.querySelectorAll("[data-moment]")];
    const last = Math.max(...frames.map((frame) => Number(frame.dataset.moment)));
    const control = document.createElement("div");
    const slider = document.createElement("input");
    const words = document.createElement("output");
    control.className = "slider";
    Object.assign(slider, { type: "range", min: 0, max: last, step: 1, value: last });
    slider.setAttribute("aria-label", "Training samples seen");
    const show = () => {
      for (const frame of frames) frame.hidden = frame.dataset.moment !== slider.value;
      words.textContent = frames.find((frame) => !frame.hidden).dataset.samples + " samples seen";
      slider.setAttribute("aria-valuetext", words.textContent);
    };
    slider.addEventListener("input", show);
    control.append(slider, words);
    film.prepend(control);
    film.classList.add("sliding");
    show();
  }
})();
