"use strict";
// Tables that can be sorted and searched, and marks and rows that open the page of an item.
(() => {
  const value = (cell) => {
    const text = cell.textContent.trim().replace("\u2212", "-");
    const found = text.match(/^[+-]?\d+(\.\d+)?(e-?\d+)?(?=$| )/);
    if (found) return Number(found[0]);
    return text === "\u2013" ? null : text.toLowerCase();
  };

  const compare = (a, b, sign) => {
    if (a === null || b === null) return (a === null) - (b === null); // without a value: last
    if (typeof a === "number" && typeof b === "number") return sign * (a - b);
    return sign * String(a).localeCompare(String(b), "en", { numeric: true });
  };

  const sort = (table, heading) => {
    const column = [...heading.parentNode.children].indexOf(heading);
    const order = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const other of heading.parentNode.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", order);
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [value(row.cells[column]), row]);
    rows.sort((a, b) => compare(a[0], b[0], order === "ascending" ? 1 : -1));
    body.append(...rows.map(([, row]) => row));
  };

  const search = (field) => {
    const rows = [...document.getElementById(field.dataset.table).tBodies[0].rows];
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    const count = document.querySelector(`[data-count="${field.dataset.table}"]`);
    count.textContent = words.length ? `${shown} of ${rows.length} items` : `${rows.length} items`;
  };

  for (const table of document.querySelectorAll("table.data")) {
    for (const heading of table.tHead.rows[0].cells) {
      heading.querySelector("button").addEventListener("click", () => sort(table, heading));
    }
    table.tBodies[0].addEventListener("click", (event) => {
      const row = event.target.closest("tr[data-href]");
      if (row && !event.target.closest("a") && !String(getSelection())) location.href = row.dataset.href;
    });
  }
  for (const field of document.querySelectorAll("input[data-table]")) {
    field.addEventListener("input", () => search(field));
  }

  const rows = new Map();
  for (const row of document.querySelectorAll("tr[data-i]")) rows.set(row.dataset.i, row);
  for (const mark of document.querySelectorAll("use[data-i]")) {
    const row = rows.get(mark.dataset.i);
    if (!row) continue;
    const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
    title.textContent = [...row.cells].slice(0, -1).map((cell) => cell.textContent).join(", ");
    mark.append(title);
    mark.addEventListener("click", () => { location.href = row.dataset.href; });
  }
})();
