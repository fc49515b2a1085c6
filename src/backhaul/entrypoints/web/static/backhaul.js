// Keys for people who do this all day. Every page works without it.
"use strict";
(() => {
  // The rail says which key goes where, so that a page is named once.
  const go = new Map([...document.querySelectorAll(".rail a")].map((link) => [link.querySelector("kbd").textContent.trim().slice(-1), link.href]));
  const rows = [...document.querySelectorAll("[data-rows] tbody tr")];
  const help = document.querySelector("dialog.keys");
  let at = -1, waiting = false, timer = 0;
  const typing = (el) => el.isContentEditable || ["INPUT", "SELECT", "TEXTAREA"].includes(el.tagName);
  const move = (by) => {
    if (!rows.length) {  // a page about one of a list goes to its neighbour
      const beside = document.querySelector(by > 0 ? "[data-next]" : "[data-previous]");
      if (beside) { location.assign(beside.href); }
      return;
    }
    if (at >= 0) { rows[at].classList.remove("here"); }
    at = Math.min(rows.length - 1, Math.max(0, at + by));
    rows[at].classList.add("here");
    const link = rows[at].querySelector("a");
    if (link) { link.focus(); } else { rows[at].scrollIntoView({ block: "nearest" }); }
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) { return; }
    if (typing(event.target)) { if (event.key === "Escape") { event.target.blur(); } return; }
    if (waiting) {
      waiting = false; clearTimeout(timer);
      const to = go.get(event.key);
      if (to) { event.preventDefault(); location.assign(to); }
      return;
    }
    const resolve = document.querySelector("[data-resolve]");
    const filter = document.querySelector("[data-filter]") || document.querySelector("[data-find]");
    if (event.key === "g") { waiting = true; timer = setTimeout(() => { waiting = false; }, 1500); }
    else if (event.key === "/" && filter) { event.preventDefault(); filter.focus(); filter.select && filter.select(); }
    else if (event.key === "j") { event.preventDefault(); move(1); }
    else if (event.key === "k") { event.preventDefault(); move(-1); }
    else if (event.key === "r" && resolve) { event.preventDefault(); resolve.scrollIntoView({ block: "center" }); resolve.focus(); }
    else if (event.key === "?" && help) { event.preventDefault(); help.open ? help.close() : help.showModal(); }
  });
})();
