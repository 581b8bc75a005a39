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

  const texts = rows.map((row) => row.textContent.toLowerCase());
  const filter = () => {
    const wanted = find.value.trim().toLowerCase();
    let count = 0;
    rows.forEach((row, place) => {
      row.hidden = (result && row.dataset.result !== result) || !texts[place].includes(wanted);
      if (!row.hidden) count += 1;
    });
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

  /* One lesion in every chart and in the table. */
  const pointed = document.getElementById("pointed");
  const charts = [...document.querySelectorAll(".pts")];
  const marks = new Map(rows.map((row) => [row.dataset.row, []]));
  for (const mark of document.querySelectorAll(".pts use")) marks.get(mark.dataset.row)?.push(mark);
  const byRow = new Map(rows.map((row) => [row.dataset.row, row]));
  let lit = [];
  const light = (place) => {
    for (const one of lit) one.classList.remove("on");
    const row = byRow.get(place);
    lit = row ? [row, ...marks.get(place)] : [];
    for (const one of lit) one.classList.add("on");
    for (const chart of charts) chart.classList.toggle("dim", lit.length > 1);
    if (!pointed) return;
    pointed.hidden = false;
    const cells = row && [...row.cells].map((cell) => cell.querySelector("data, a, .gl") || cell).map((cell) => cell.textContent.trim());
    pointed.textContent = row ? `${cells[0]}: ${cells[1].toLowerCase()}, rCBV ${cells[2]}, TBR ${cells[3]}` : "";
  };
  if (pointed) pointed.hidden = false;
  for (const chart of charts) {
    chart.addEventListener("pointerover", (event) => { if (event.target.dataset.row) light(event.target.dataset.row); });
    chart.addEventListener("pointerout", () => light(null));
    chart.addEventListener("click", (event) => {
      const row = byRow.get(event.target.dataset.row);
      if (!row) return;
      if (row.hidden) { find.value = ""; buttons[0].click(); }
      row.scrollIntoView({ block: "center" });
      row.querySelector("a").focus({ preventScroll: true });
    });
  }
  body.addEventListener("pointerover", (event) => light(event.target.closest("tr")?.dataset.row ?? null));
  body.addEventListener("pointerleave", () => light(null));
  body.addEventListener("focusin", (event) => light(event.target.closest("tr").dataset.row));
  body.addEventListener("focusout", () => light(null));

  document.querySelector(".tools").hidden = false;
  filter();
})();
