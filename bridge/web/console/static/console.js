// What a page gains with JavaScript: it stays current, tells times as people do, and asks before what cannot be undone.

const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

/** Put an instant as "5 minutes ago", or its date when that is longer ago than a day. */
function inWords(at) {
  const seconds = (at - Date.now()) / 1000;
  if (Math.abs(seconds) < 2) return "now";
  if (Math.abs(seconds) >= 86400) return at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size);
  return RELATIVE.format(Math.trunc(seconds / size), unit);
}

function tellTimes() {
  for (const part of document.querySelectorAll("[data-scripted]")) part.hidden = false;
  for (const time of document.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    time.title ||= at.toLocaleString([], { dateStyle: "full", timeStyle: "long" });
    const words = inWords(at);
    if (time.textContent !== words) time.textContent = words;
  }
}

/** What tells a node from those beside it, so that what is new above it does not take its place. */
function known(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return "";
  const name = node.id || node.getAttribute("aria-labelledby") || node.getAttribute("action");
  const links = node.matches("tr, li, article");
  return `${node.nodeName} ${name || (links && node.querySelector("a[href]")?.getAttribute("href")) || ""}`;
}

const alike = (from, to) => from.nodeType === to.nodeType && known(from) === known(to);

/** Make one node like another that is `alike`, keeping what a person is at: focus, what was typed, what was opened. */
function morph(from, to) {
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.data !== to.data) from.data = to.data;
    return;
  }
  if (from.nodeName === "TIME" && from.dateTime === to.dateTime) return;
  // A field may be named "action", and would be that property of its form.
  if (from.nodeName === "FORM" && from.matches(":focus-within, [data-touched]")) return;
  const kept = (name) => name === "open" && from.nodeName === "DETAILS";
  for (const { name, value } of to.attributes) {
    if (!kept(name) && from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  for (const { name } of [...from.attributes]) if (!to.hasAttribute(name) && !kept(name)) from.removeAttribute(name);
  morphChildren(from, [...to.childNodes]);
}

/** Make what is in an element like these nodes. Nothing is moved that can stay: what moves loses the focus. */
function morphChildren(parent, after) {
  let at = parent.firstChild;
  const drop = () => {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  };
  after.forEach((node, number) => {
    const rest = after.slice(number), isText = node.nodeType !== Node.ELEMENT_NODE;
    while (at && !isText && !(at.nodeType === Node.ELEMENT_NODE && rest.some((one) => alike(at, one)))) drop();
    let found = at;
    while (found && !isText && !alike(found, node)) found = found.nextSibling;
    if (!found || !alike(found, node)) {
      parent.insertBefore(node, at);
      return;
    }
    if (found === at) at = at.nextSibling;
    else parent.insertBefore(found, at);
    morph(found, node);
  });
  while (at) drop();
}

/** Follow what the server says of this page, while it is looked at: a browser has few connections for all its tabs. */
function follow() {
  const main = document.querySelector("main"), sign = document.querySelector("[data-live]");
  if (!sign) return;
  const here = location.pathname + location.search;
  let source = null, again = 0, pause_ms = 2000;
  const show = (words, lost) => {
    if (sign.textContent !== words) sign.textContent = words;
    sign.classList.toggle("lost", lost);
    sign.hidden = false;
  };
  const take = ({ data }) => {
    const parsed = new DOMParser().parseFromString(data, "text/html");
    morphChildren(main, [...parsed.body.childNodes]);
    tellTimes();
  };
  const stop = () => {
    clearTimeout(again);
    source?.close();
    source = null;
  };
  const start = () => {
    stop();
    if (document.hidden) return;
    source = new EventSource(`/console/live?of=${encodeURIComponent(here)}`);
    source.addEventListener("open", () => { pause_ms = 2000; show("live", false); });
    source.addEventListener("main", take);
    source.addEventListener("over", () => { stop(); location.reload(); });
    source.addEventListener("error", () => {
      const closed = source?.readyState === EventSource.CLOSED;
      show(closed ? "not live" : "connecting", true);
      if (!closed) return;
      // A browser gives up for good where a service that starts, or a proxy in front, answers an error.
      again = setTimeout(start, pause_ms);
      pause_ms = Math.min(pause_ms * 2, 60000);
    });
  };
  start();
  document.addEventListener("visibilitychange", start);
  addEventListener("pagehide", stop);
  addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); });
}

addEventListener("submit", (event) => {
  const form = event.target, button = event.submitter;
  const sure = button?.dataset.sure;
  if (sure && !confirm(`${button.textContent.trim()}: ${sure}`)) {
    event.preventDefault();
    return;
  }
  if (form.method === "get") {
    // An address is easier to read, and to send to somebody, without what was left empty.
    for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
    setTimeout(() => { for (const field of form.elements) field.disabled = false; });
  } else if (button) {
    setTimeout(() => { button.disabled = true; });
  }
});
addEventListener("pageshow", () => { for (const button of document.querySelectorAll("button:disabled")) button.disabled = false; });
addEventListener("input", ({ target }) => target.form?.setAttribute("data-touched", ""));
addEventListener("change", ({ target }) => {
  if (!target.matches?.("[data-all]")) return;
  for (const box of document.querySelectorAll(`input[type=checkbox][name="${target.dataset.all}"]`)) box.checked = target.checked;
});
addEventListener("click", async ({ target }) => {
  const button = target.closest?.("[data-copy]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    document.execCommand("copy");
  }
  const words = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = words; }, 1500);
});

// The demo's address brings its token along, where no server sees it.
const brought = new URLSearchParams(location.hash.slice(1)).get("token");
const door = document.querySelector("[data-sign-in]");
if (brought && door) {
  history.replaceState(null, "", location.pathname + location.search);
  door.elements.token.value = brought;
  door.requestSubmit();
}
tellTimes();
setInterval(tellTimes, 5000);
follow();
