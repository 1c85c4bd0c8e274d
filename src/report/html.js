"use strict";
(() => {
  const table = document.querySelector("table");
  const form = document.querySelector("form");
  if (!table || !form) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const order = new Map(rows.map((row, at) => [row, at]));
  const search = form.elements.namedItem("search");
  const kinds = Array.from(form.querySelectorAll("input[type=checkbox]"));
  const shown = document.getElementById("shown");
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set(kinds.filter((kind) => kind.checked).map((kind) => kind.value));
    let count = 0;
    rows.forEach((row, at) => {
      const fits = wanted.has(row.className) && words.every((word) => texts[at].includes(word));
      row.hidden = !fits;
      count += fits ? 1 : 0;
    });
    shown.textContent = `${count} of ${rows.length} rows`;
  };
  const key = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.key === undefined ? cell.textContent : Number(cell.dataset.key);
  };
  const sort = (head) => {
    const column = head.cellIndex;
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keys = new Map(rows.map((row) => [row, key(row, column)]));
    const sorted = rows.slice().sort((a, b) => {
      const [x, y] = [keys.get(a), keys.get(b)];
      const less = typeof x === "number" ? x - y : x < y ? -1 : x > y ? 1 : 0;
      return (down ? -less : less) || order.get(a) - order.get(b);
    });
    body.append(...sorted);
  };
  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head));
    head.append(button);
  }
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== search) {
      event.preventDefault();
      search.focus();
    }
  });
  form.hidden = false;
  filter();
})();
