"use strict";
// Everything the page draws comes from the JSON beside this script; nothing is loaded.
const $ = id => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const byRun = new Map(data.rows.map(r => [r.run, r]));
const off = new Set(); // runs that are not ticked

// ---- dark and light -----------------------------------------------------------------------------
const remember = (key, value) => { try { localStorage.setItem(key, value); } catch { /* file:// may have none */ } };
const recall = key => { try { return localStorage.getItem(key); } catch { return null; } };
const root = document.documentElement;
if (recall("theme")) root.dataset.theme = recall("theme");
$("theme").onclick = () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  remember("theme", root.dataset.theme);
};

// ---- tables: sort and filter --------------------------------------------------------------------
// Numbers by value, text by letters with numbers in them by value, empty cells last.
const letters = new Intl.Collator("en", { numeric: true });
function sortBy(head, down) {
  const table = head.closest("table"), heads = [...table.tHead.rows[0].cells];
  const column = heads.indexOf(head), isText = head.classList.contains("text");
  heads.forEach(h => h.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const key = row => row.cells[column].dataset.key;
  const body = table.tBodies[0];
  [...body.rows].sort((a, b) => {
    const x = key(a), y = key(b);
    if (x === "" || y === "") return (x === "") - (y === "");
    const order = isText ? letters.compare(x, y) : x - y;
    return down ? -order : order;
  }).forEach(row => body.append(row));
}
for (const head of document.querySelectorAll("table[id] thead th")) head.querySelector("button").addEventListener("click", () => {
  const before = head.getAttribute("aria-sort");
  sortBy(head, before ? before === "ascending" : !head.classList.contains("text"));
  keepView();
});

// ---- columns ------------------------------------------------------------------------------------
// The first column names the row and stays. Hidden ones are named in the address.
const heads = [...$("board").tHead.rows[0].cells];
const columnBoxes = new Map();
for (const head of heads.slice(1)) {
  const label = document.createElement("label"), box = document.createElement("input");
  box.type = "checkbox";
  box.checked = true;
  label.title = head.title;
  label.append(box, head.textContent);
  $("column-boxes").append(label);
  columnBoxes.set(head.textContent, box);
}
function showColumns() {
  const hidden = heads.map((head, i) => columnBoxes.get(head.textContent)?.checked === false ? `#board tr > :nth-child(${i + 1})` : "").filter(Boolean);
  $("hidden-columns").textContent = hidden.length ? `${hidden.join(", ")} { display: none; }` : "";
}
$("column-boxes").addEventListener("change", () => { showColumns(); keepView(); });
$("every-column").onclick = () => { columnBoxes.forEach(box => box.checked = true); showColumns(); keepView(); };

// ---- the address keeps filter, order and columns, so that a view can be sent and kept -----------
const VIEW = "#view?", FILTERS = ["text", "protocol", "kind"];
let isRestoring = false;
function keepView() {
  if (isRestoring) return;
  const view = new URLSearchParams(), sorted = $("board").querySelector("th[aria-sort]");
  for (const id of FILTERS) if ($(id).value) view.set(id, $(id).value);
  if (sorted) view.set(sorted.getAttribute("aria-sort"), sorted.textContent);
  columnBoxes.forEach((box, title) => { if (!box.checked) view.append("hide", title); });
  const text = view.toString();
  if (text || location.hash.startsWith(VIEW)) history.replaceState(null, "", text ? VIEW + text : location.pathname + location.search);
}
function restoreView() {
  if (!location.hash.startsWith(VIEW)) return;
  isRestoring = true;
  const view = new URLSearchParams(location.hash.slice(VIEW.length)), hidden = view.getAll("hide");
  for (const id of FILTERS) $(id).value = view.get(id) ?? "";
  for (const order of ["ascending", "descending"]) {
    const head = heads.find(h => h.textContent === view.get(order));
    if (head) sortBy(head, order === "descending");
  }
  columnBoxes.forEach((box, title) => { box.checked = !hidden.includes(title); });
  showColumns();
  update();
  isRestoring = false;
}

const matches = (text, words) => words.every(w => text.includes(w));
const boardRows = [...$("board").tBodies[0].rows];
let shown = [];

function update() {
  const words = $("text").value.toLowerCase().split(/\s+/).filter(Boolean);
  let passing = 0;
  for (const row of boardRows) {
    const r = byRun.get(row.dataset.row);
    row.hidden = !(matches(row.textContent.toLowerCase(), words)
      && (!$("protocol").value || r.badge === $("protocol").value)
      && (!$("kind").value || r.kind === $("kind").value));
    row.classList.toggle("off", off.has(r.run));
    row.querySelector("input").checked = !off.has(r.run);
    passing += !row.hidden;
    r.visible = !row.hidden && !off.has(r.run);
  }
  if ($("papers")) for (const row of $("papers").tBodies[0].rows) row.hidden = !matches(row.textContent.toLowerCase(), words);
  shown = data.rows.filter(r => r.visible);
  $("count").textContent = `${passing} of ${boardRows.length} rows, ${shown.length} in the plots`;
  for (const node of document.querySelectorAll("[data-run]")) node.hidden = !byRun.get(node.dataset.run).visible;
  keepView();
  draw();
}
$("board").addEventListener("change", event => {
  const run = event.target.closest("tr").dataset.row;
  event.target.checked ? off.delete(run) : off.add(run);
  update();
});
$("all").onclick = () => { off.clear(); update(); };
$("none").onclick = () => { data.rows.forEach(r => off.add(r.run)); update(); };
for (const id of ["text", "protocol", "kind"]) $(id).addEventListener("input", update);
document.addEventListener("keydown", event => {
  const typing = event.target.matches("input:not([type=checkbox], [type=range]), select, textarea");
  if (event.key === "/" && !typing) { event.preventDefault(); $("text").focus(); }
  if (event.key === "Escape" && event.target === $("text")) { $("text").value = ""; update(); }
});

// ---- plots --------------------------------------------------------------------------------------
const escaped = text => String(text).replace(/[&<>"]/g, c => `&#${c.charCodeAt(0)};`);
const mark = r => r.badge === "fair" ? "" : ` <b class="badge ${r.badge.split(" ")[0]}">${r.badge}</b>`;
const short = value => Number(value.toPrecision(3)).toString();
const SVG_MARGIN = { left: 46, right: 14, top: 26, bottom: 40 };

function linear(low, high, from, to) {
  const span = high - low || 1;
  const scale = v => from + (to - from) * (v - low) / span;
  const raw = span / 5, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map(f => f * power).find(s => s >= raw - 1e-12);
  scale.ticks = [];
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-9; v += step) scale.ticks.push(Number(v.toPrecision(12)));
  return scale;
}
function logarithmic(low, high, from, to) {
  const span = Math.log(high / low) || 1;
  const scale = v => from + (to - from) * Math.log(v / low) / span;
  for (const factors of [[1], [1, 3], [1, 2, 5]]) {
    scale.ticks = [];
    for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10)
      scale.ticks.push(...factors.map(f => power * f).filter(v => v >= low && v <= high));
    if (scale.ticks.length >= 4) break;
  }
  if (scale.ticks.length < 3) scale.ticks = linear(low, high, from, to).ticks.filter(v => v > 0);
  return scale;
}
function frame(width, height, x, y, title, under) {
  const { left, right, bottom } = SVG_MARGIN;
  const floor = height - bottom;
  return `<text class="title" x="0" y="13">${escaped(title)}</text>`
    + y.ticks.map(v => `<line class="grid" x1="${left}" x2="${width - right}" y1="${y(v)}" y2="${y(v)}"/><text x="${left - 7}" y="${y(v) + 4}" text-anchor="end">${short(v)}</text>`).join("")
    + x.ticks.map(v => `<line class="grid" x1="${x(v)}" x2="${x(v)}" y1="${floor}" y2="${floor + 4}"/><text x="${x(v)}" y="${floor + 18}" text-anchor="middle">${short(v)}</text>`).join("")
    + `<text x="${(left + width - right) / 2}" y="${height - 4}" text-anchor="middle">${escaped(under)}</text>`;
}
function put(holder, width, height, inside, name) {
  holder.innerHTML = `<svg viewBox="0 0 ${width} ${height}" role="group" aria-label="${escaped(name)}">${inside}</svg>`;
}
const nothing = (holder, text) => { holder.innerHTML = `<div class="empty">${text}</div>`; };

const X = {
  p50: { name: "median latency of a frame, ms", timed: true },
  gmacs: { name: "GMAC a frame" },
  parameters: { name: "parameters, millions" },
  memory: { name: "memory of a stream, KB", fromZero: true },
};
const Y = {
  mean_iou: { name: "mIoU %" }, by_flight: { name: "mIoU by flight % (whiskers: 95 %)" }, pixel_accuracy: { name: "pixel accuracy %" }, paper_jaccard: { name: "Eq. 1-2 %" },
  boundary_f: { name: "boundary F %" }, mvc8_correct: { name: "mVC8, correct, %" }, mvc16_correct: { name: "mVC16, correct, %" },
  cons: { name: "Cons %" }, warp_consistency: { name: "warped Cons %" },
};
for (const [id, axes] of [["x", X], ["y", Y]]) for (const [key, axis] of Object.entries(axes))
  if (data.rows.some(r => r[key] != null)) $(id).append(new Option(axis.name, key));
if ($("machine").options.length < 2) $("machine-label").hidden = true;
for (const id of ["x", "y", "machine"]) $(id).addEventListener("input", () => draw());

// The rows that no other beats: less across and more up is better. Rows that leak take no part.
function paretoFront(points) {
  let best = -Infinity;
  return points.filter(p => !["leaks", "swept"].includes(p.row.badge)).sort((a, b) => a.x - b.x || b.y - a.y).filter(p => p.y > best && (best = p.y, true));
}

// Circles, squares, triangles: colours come again after ten rows.
const FORMS = { "": "m-6 0a6 6 0 1 0 12 0a6 6 0 1 0 -12 0z", "6 3": "m-5.5 -5.5h11v11h-11z", "2 3": "m0 -7l7 12h-14z" };

function drawScatter() {
  const across = X[$("x").value], up = Y[$("y").value], holder = $("scatter");
  if (!across || !up) return nothing(holder, "No row has a speed.");
  $("machine-label").hidden = !across.timed || $("machine").options.length < 2;
  const points = shown.map(row => ({ row, x: row[$("x").value], y: row[$("y").value] }))
    .filter(p => p.x != null && p.y != null && (!across.timed || p.row.machine === $("machine").value));
  if (!points.length) return nothing(holder, "None of the shown rows has both numbers.");
  const width = Math.max(320, holder.clientWidth), height = width < 560 ? 340 : 400;
  const xs = points.map(p => p.x), ends = points.flatMap(p => [p.y, ...(p.row.interval && $("y").value === "by_flight" ? p.row.interval : [])]);
  const { left, right, top, bottom } = SVG_MARGIN, floor = height - bottom;
  const pad = Math.max((Math.max(...ends) - Math.min(...ends)) * 0.12, 1);
  const y = linear(Math.max(0, Math.min(...ends) - pad), Math.min(100, Math.max(...ends) + pad), floor, top);
  const x = across.fromZero ? linear(0, Math.max(...xs) * 1.15 || 1, left, width - right)
    : logarithmic(Math.min(...xs) / 1.35, Math.max(...xs) * 1.6, left, width - right);
  const front = paretoFront(points);
  let inside = frame(width, height, x, y, up.name, across.name);
  inside += `<polyline class="front" points="${front.map(p => `${x(p.x)},${y(p.y)}`).join(" ")}"/>`;
  const taken = points.map(p => [x(p.x) - 6, y(p.y) - 6, x(p.x) + 6, y(p.y) + 6]);
  const line = front.slice(1).flatMap((p, i) => dotted(x(front[i].x), y(front[i].y), x(p.x), y(p.y)));
  for (const p of points) {
    const cx = x(p.x), cy = y(p.y), leaks = p.row.badge === "leaks";
    const told = `${p.row.label}: ${short(p.y)} ${up.name}, ${short(p.x)} ${across.name}${leaks ? ", leaks" : ""}${front.includes(p) ? ", on the front" : ""}`;
    if (p.row.interval && $("y").value === "by_flight")
      inside += `<line class="interval" stroke="${p.row.color}" x1="${cx}" x2="${cx}" y1="${y(p.row.interval[0])}" y2="${y(p.row.interval[1])}"/>`;
    const paint = leaks ? `fill="none" stroke="${p.row.color}" stroke-width="2"` : `fill="${p.row.color}"`;
    const form = leaks ? "m0 -7l7 7l-7 7l-7 -7z" : FORMS[p.row.dash];
    inside += `<path class="point" tabindex="0" d="M${cx} ${cy}${form}" ${paint} role="img" aria-label="${escaped(told)}" data-point="${escaped(p.row.run)}"${front.includes(p) ? " data-front" : ""}><title>${escaped(told)}</title></path>`;
    inside += placedName(p.row.label, cx, cy, width, taken, line);
  }
  put(holder, width, height, inside, `${up.name} against ${across.name}`);
}

// Places along a line, near enough to each other that no name slips between them.
function dotted(x1, y1, x2, y2) {
  const count = Math.ceil(Math.hypot(x2 - x1, y2 - y1) / 6) || 1;
  return Array.from({ length: count + 1 }, (_, i) => [x1 + (x2 - x1) * i / count, y1 + (y2 - y1) * i / count]).map(([x, y]) => [x, y, x, y]);
}

// Write a point's name beside it where nothing else stands, best not even the front, or not at all: it is its tooltip too.
function placedName(label, cx, cy, width, taken, line) {
  const long = label.length * 6.7;
  const places = [[cx + 10, cy + 4, "start"], [cx - 10, cy + 4, "end"], [cx, cy - 11, "middle"], [cx, cy + 19, "middle"], [cx + 8, cy - 10, "start"], [cx + 8, cy + 17, "start"], [cx - 8, cy - 10, "end"], [cx - 8, cy + 17, "end"]];
  for (const avoided of [[...taken, ...line], taken]) for (const [px, py, anchor] of places) {
    const from = anchor === "start" ? px : anchor === "end" ? px - long : px - long / 2;
    const box = [from, py - 11, from + long, py + 3];
    if (box[0] < SVG_MARGIN.left || box[2] > width || box[1] < 16) continue;
    if (avoided.some(t => t[0] < box[2] && box[0] < t[2] && t[1] < box[3] && box[1] < t[3])) continue;
    taken.push(box);
    return `<text class="name" x="${px}" y="${py}" text-anchor="${anchor}">${escaped(label)}</text>`;
  }
  return "";
}

// A loss that begins many times too high would press the rest of its curve onto the floor.
function upright(values, from, to) {
  const sorted = [...values].sort((a, b) => a - b), highest = sorted.at(-1) * 1.05;
  const isSteep = sorted[0] > 0 && highest > 8 * sorted[Math.floor(sorted.length / 2)];
  return isSteep ? logarithmic(sorted[0], highest, from, to) : linear(0, highest, from, to);
}

const CURVES = { loss: "training loss", validation: "validation mIoU %" };
// Colours come again after ten rows, with broken lines.
const lineSample = r => `<svg class="sample" viewBox="0 0 24 10" aria-hidden="true"><line x1="0" x2="24" y1="5" y2="5" stroke="${r.color}" stroke-width="2.5" stroke-dasharray="${r.dash}"/></svg>`;

function drawCurves(key, title) {
  const holder = $(key);
  const curves = shown.filter(r => r[key].length);
  if (!curves.length) return nothing(holder, `None of the shown rows has a curve of ${title}.`);
  const width = Math.max(300, holder.clientWidth), height = 270;
  const points = curves.flatMap(r => r[key]);
  const { left, right, top, bottom } = SVG_MARGIN;
  const x = linear(0, Math.max(...points.map(p => p[0])), left, width - right);
  const y = upright(points.map(p => p[1]), height - bottom, top);
  let inside = frame(width, height, x, y, title, "step");
  for (const r of curves) {
    const line = r[key].map(p => `${x(p[0]).toFixed(1)},${y(p[1]).toFixed(1)}`);
    inside += `<polyline class="line" stroke="${r.color}" stroke-dasharray="${r.dash}" points="${line.join(" ")}"><title>${escaped(r.label)}</title></polyline>`;
    if (line.length < 20) inside += r[key].map(p => `<circle cx="${x(p[0])}" cy="${y(p[1])}" r="3" fill="${r.color}"><title>${escaped(`${r.label}, step ${p[0]}: ${short(p[1])}`)}</title></circle>`).join("");
  }
  put(holder, width, height, inside, title);
}

function draw() {
  drawScatter();
  if ($("curve-keys")) $("curve-keys").innerHTML = shown.filter(r => r.loss.length || r.validation.length).map(r => `<span class="line">${lineSample(r)}${escaped(r.label)}${mark(r)}</span>`).join("");
  for (const [id, title] of Object.entries(CURVES)) if ($(id)) drawCurves(id, title);
  drawPictures();
}

// ---- frames over time ---------------------------------------------------------------------------
let playing = null;
const flight = () => data.flights[Number($("flight").value)];

function drawPictures() {
  if (!data.flights.length) return;
  const f = flight(), m = f.moments[Number($("time").value)];
  $("moment").textContent = `frame ${m.index}`;
  const wanted = [["", "frame", ""], ["label", "ground truth", m.label],
    ...shown.filter(r => m.predictions[r.run]).map(r => [r.run, r.label, m.predictions[r.run]])];
  const holder = $("pictures");
  holder.style.setProperty("--opacity", $("opacity").value / 100);
  // Figures are kept and only their pictures change, so that the slider does not flicker.
  while (holder.children.length > wanted.length) holder.lastChild.remove();
  while (holder.children.length < wanted.length) {
    const figure = document.createElement("figure");
    figure.innerHTML = `<div class="view"><img class="base" alt=""><canvas class="mask"></canvas></div><figcaption></figcaption>`;
    holder.append(figure);
  }
  wanted.forEach(([run, caption, mask], i) => {
    const figure = holder.children[i];
    figure.dataset.shows = run || "frame";
    figure.querySelector("figcaption").innerHTML = escaped(caption) + (byRun.has(run) ? mark(byRun.get(run)) : "");
    const base = figure.querySelector(".base");
    base.src = m.frame;
    base.alt = `${f.name}, frame ${m.index}: ${caption}`;
    paintMask(figure.querySelector("canvas"), mask, byRun.has(run) && $("mode").value === "mistakes" ? m.label : "");
  });
}

const loaded = new Map();
function picture(url) {
  if (!loaded.has(url)) {
    const image = new Image();
    image.src = url;
    loaded.set(url, image.decode().then(() => image));
  }
  return loaded.get(url);
}

// Paint classes, or, where labels are given, only what differs from them, in red.
async function paintMask(canvas, mask, labels) {
  const turn = canvas.turn = (canvas.turn || 0) + 1;
  if (!mask) { canvas.width = canvas.width; return; }
  const [image, truth] = await Promise.all([picture(mask), labels ? picture(labels) : null]);
  if (turn !== canvas.turn) return; // the slider moved on meanwhile
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  if (!truth) { brush.drawImage(image, 0, 0); return; }
  brush.drawImage(truth, 0, 0, canvas.width, canvas.height);
  const right = brush.getImageData(0, 0, canvas.width, canvas.height).data;
  brush.clearRect(0, 0, canvas.width, canvas.height);
  brush.drawImage(image, 0, 0);
  const pixels = brush.getImageData(0, 0, canvas.width, canvas.height), guess = pixels.data;
  for (let i = 0; i < guess.length; i += 4) {
    const same = right[i] === guess[i] && right[i + 1] === guess[i + 1] && right[i + 2] === guess[i + 2];
    if (same || right[i + 3] === 0) guess[i + 3] = 0;
    else { guess[i] = 230; guess[i + 1] = 30; guess[i + 2] = 60; guess[i + 3] = 255; }
  }
  brush.putImageData(pixels, 0, 0);
}

function chooseFlight() {
  $("time").max = flight().moments.length - 1;
  $("time").value = 0;
  drawPictures();
}
function play() {
  if (playing) { clearInterval(playing); playing = null; $("play").textContent = "Play"; return; }
  $("play").textContent = "Stop";
  playing = setInterval(() => {
    $("time").value = (Number($("time").value) + 1) % flight().moments.length;
    drawPictures();
  }, 400);
}
if (data.flights.length) {
  $("viewer").hidden = false;
  $("no-frames").hidden = true;
  data.flights.forEach((f, i) => $("flight").append(new Option(f.name, i)));
  $("flight").addEventListener("input", chooseFlight);
  for (const id of ["time", "mode", "opacity"]) $(id).addEventListener("input", drawPictures);
  $("play").onclick = play;
  chooseFlight();
}

// ---- commands -----------------------------------------------------------------------------------
for (const button of document.querySelectorAll(".copy")) button.onclick = () => {
  const code = button.previousElementSibling;
  getSelection().selectAllChildren(code);
  (navigator.clipboard?.writeText(code.textContent) ?? Promise.reject()).catch(() => document.execCommand("copy")).then(() => { button.textContent = "Copied"; });
};
function openTarget() {
  const target = location.hash.startsWith("#how-") && $(decodeURIComponent(location.hash.slice(1)));
  if (target) { target.open = true; target.scrollIntoView(); }
}
addEventListener("hashchange", () => { openTarget(); restoreView(); });

let resized = 0;
addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(draw, 120); });
if (location.hash.startsWith(VIEW)) restoreView(); else update();
openTarget();
