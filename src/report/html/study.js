"use strict";
(() => {
  const table = document.querySelector("table.list");
  if (!table || !table.tBodies[0]) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const find = document.getElementById("find");
  const shown = document.getElementById("shown");
  const buttons = [...document.querySelectorAll("[data-result].btn")];
  let result = "";

  const filter = () => {
    const wanted = find.value.trim().toLowerCase();
    let count = 0;
    for (const row of rows) {
      row.hidden = (result && row.dataset.result !== result) || !row.textContent.toLowerCase().includes(wanted);
      if (!row.hidden) count += 1;
    }
    shown.textContent = `${count} of ${rows.length}`;
  };
  find.addEventListener("input", filter);
  for (const button of buttons) {
    button.addEventListener("click", () => {
      result = button.dataset.result;
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      filter();
    });
  }

  const key = (row, column) => {
    const cell = row.cells[column];
    const data = cell.querySelector("data");
    const text = data ? data.value : cell.textContent.trim();
    const number = Number(text);
    return text === "" || Number.isNaN(number) ? text : number;
  };
  const missing = (value) => value === "" || value === "–";
  const compare = (a, b, direction) => {
    if (missing(a) || missing(b)) return Number(missing(a)) - Number(missing(b));
    if (typeof a === "number" && typeof b === "number") return (a - b) * direction;
    return String(a).localeCompare(String(b), "en", { numeric: true }) * direction;
  };
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      const keyed = rows.map((row) => [key(row, column), row]);
      keyed.sort((a, b) => compare(a[0], b[0], direction));
      body.append(...keyed.map((pair) => pair[1]));
    });
  });

  document.querySelector(".tools").hidden = false;
  filter();
})();
