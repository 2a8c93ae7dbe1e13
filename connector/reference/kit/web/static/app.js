// Keeps an open page up to date: asks for its version, takes over the new page when it moved, and marks what
// arrived. A form a person has typed in is never replaced; a notice offers to show the new values instead.
"use strict";
(() => {
  const EVERY = 1500, AWAY = 6000;
  const dirty = new Set(document.querySelectorAll("form[data-dirty]"));
  let misses = 0;

  const main = () => document.querySelector("main");
  const values = () => {
    const seen = new Map();
    for (const el of main().querySelectorAll("[data-v]")) {
      seen.set(el.dataset.v, el.matches("input,select,textarea") ? el.value : el.textContent.trim());
    }
    return seen;
  };

  const arrived = (before) => {
    for (const [name, value] of values()) {
      if (before.get(name) === value) continue;
      const el = main().querySelector(`[data-v="${CSS.escape(name)}"]`);
      (el.closest("tr[data-v], .f, .check, dd, .deal") || el).classList.add("arrived");
    }
  };

  const take = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = fresh.querySelector("main");
    if (!next || dirty.size) return;
    const before = values();
    const focus = document.activeElement && document.activeElement.id;
    const open = [...main().querySelectorAll("details[open][id]")].map((el) => el.id);
    main().replaceWith(next);
    document.title = fresh.title;
    for (const id of open) { const el = document.getElementById(id); if (el) el.open = true; }
    if (focus) { const el = document.getElementById(focus); if (el) el.focus({ preventScroll: true }); }
    for (const el of next.querySelectorAll(".js-only")) el.hidden = false;
    arrived(before);
  };

  const look = async () => {
    const place = main().dataset.watch;
    if (!place) return;
    try {
      const answer = await fetch(place, { cache: "no-store" });
      if (!answer.ok) return;
      const { version } = await answer.json();
      misses = 0;
      // A page that answers a form does not know its version: what is true now is where it starts from.
      if (!main().dataset.version) main().dataset.version = version;
      if (version === main().dataset.version) return;
      if (!dirty.size) { await take(); return; }
      const note = document.getElementById("moved");
      if (note) note.hidden = false;
    } catch { misses += 1; }
  };

  const again = () => setTimeout(async () => { await look(); again(); },
    (document.hidden || misses > 3) ? AWAY : EVERY);

  const addLine = () => {
    const body = document.querySelector("table.lines tbody");
    const last = body.lastElementChild;
    const row = last.cloneNode(true);
    const at = body.children.length;
    for (const el of row.querySelectorAll("[name]")) {
      el.name = el.name.replace(/-\d+-/, `-${at}-`);
      el.id = el.name;
      el.removeAttribute("data-v");
      el.removeAttribute("aria-invalid");
      if (el.type === "checkbox") el.checked = false; else el.value = "";
    }
    for (const el of row.querySelectorAll(".err")) el.remove();
    for (const el of row.querySelectorAll("label[for]")) el.htmlFor = el.htmlFor.replace(/-\d+-/, `-${at}-`);
    for (const el of row.querySelectorAll(".line-total")) el.textContent = "";
    body.append(row);
    row.querySelector("select, input:not([type=hidden])").focus();
  };

  document.addEventListener("input", (event) => {
    if (event.target.form && event.target.form.method === "post") dirty.add(event.target.form);
    if (event.target.dataset.lookup) options(event.target);
  });
  document.addEventListener("submit", (event) => {
    const text = event.submitter && event.submitter.dataset.confirm;
    if (text && !confirm(text)) { event.preventDefault(); return; }
    if (event.target.method !== "post") return;
    // A second press while the first is under way must not create a second record.
    if (event.target.dataset.sent) { event.preventDefault(); return; }
    event.target.dataset.sent = "yes";
    dirty.delete(event.target);
    sessionStorage.setItem("saved", "yes");
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.forms) delete form.dataset.sent;
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (!button) return;
    if (button.dataset.do === "add-line") addLine();
    if (button.dataset.do === "show-new") { dirty.clear(); location.assign(location.pathname + location.search); }
  });
  window.addEventListener("beforeunload", (event) => { if (dirty.size) event.preventDefault(); });

  let asked = 0;
  const options = async (input) => {
    const mine = ++asked;
    const answer = await fetch(`${input.dataset.lookup}?q=${encodeURIComponent(input.value)}`);
    if (!answer.ok || mine !== asked) return;
    const list = document.getElementById(input.getAttribute("list"));
    list.replaceChildren(...(await answer.json()).map((text) => new Option(text, text)));
  };

  // Only a page that was asked for with GET knows its version: there the form before it was taken.
  if (sessionStorage.getItem("saved")) {
    sessionStorage.removeItem("saved");
    const toast = document.getElementById("saved");
    toast.hidden = !main().dataset.version;
    setTimeout(() => { toast.hidden = true; }, 2500);
  }
  const wrong = document.querySelector("[aria-invalid]");
  if (wrong) wrong.focus();
  for (const el of document.querySelectorAll(".js-only")) el.hidden = false;
  again();
})();
