// The page: what its buttons and keys do, and how photo, picture and folder come together.

import { bitmap, call, events, Gone, hasToken, json, takeToken } from "/static/api.js";
import { Folder } from "/static/folder.js";
import { Photo } from "/static/photo.js";
import { Stage } from "/static/stage.js";
import { percent, said, t, translatePage } from "/static/text.js";

const HEARTBEAT_MS = 45000; // an open page keeps its photo
const MOST_BADGES = 40;
const GROW_STEP = 1 / 400; // of the photo's longer side, for one press of "Grow"
const ZOOM_STEP = 1.35;
const SIZE_STEP = 1.25;
// On a photo, which is neither light nor dark as the page is.
const DOUBT_COLOUR = "#ffbf3f";
const LEFT_COLOUR = "#e8ecf3";
const LARGEST_BRUSH = 1 / 6; // of the photo's longer side

const $ = (id) => document.getElementById(id);
translatePage();

let limits = { bytes: Infinity, pixels: Infinity };
let photo = null;
let folder = null;
const kept = new Map(); // photos of the folder with corrections, by id: they outlive the server

const stage = new Stage({
  onStroke: (step) => photo?.add(step),
  onPaint: () => setMode("mask"),
  onClick: clickAt,
  onView: showView,
  onDivider: showDivider,
  loadTile: async (layer, level, column, row) => bitmap(photo.path(`/tiles/${layer}/${level}/${column}/${row}`)),
});

// Opening.

function newId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function openFile(file) {
  if (!file) return;
  if (file.size > limits.bytes) {
    return alertUser(t("“{name}” is larger than {mb} MB, the limit here.", { name: file.name, mb: Math.round(limits.bytes / 2 ** 20) }));
  }
  if (!mayLeave()) return;
  const old = photo;
  show(new Photo(newId(), file.name, file, hooksFor()));
  if (old?.file) call("DELETE", old.path()).catch(() => {});
}

function openFromFolder(entry) {
  if (entry.id === photo?.id) return;
  if (photo?.file && !mayLeave()) return;
  folder.select(entry.id);
  $("album").classList.remove("open");
  $("open-album").setAttribute("aria-expanded", "false");
  const known = kept.get(entry.id);
  const opened = new Photo(entry.id, entry.name, null, hooksFor());
  if (known) Object.assign(opened, { steps: known.steps, undone: known.undone, masks: known.masks });
  show(opened);
}

function mayLeave() {
  const isUnsaved = photo?.file && photo.steps.length && !photo.isSaved;
  return !isUnsaved || confirm(t("There are corrections on this page that were not downloaded."));
}

function hooksFor() {
  const own = (work) => (...values) => {
    if (photo?.hooks === hooks) work(...values);
  };
  const hooks = {
    onState: own(showState),
    onPhoto: own((shown, width, height) => {
      if (stage.size?.width !== width || stage.size?.height !== height) stage.open(width, height);
      stage.setPicture("photo", shown, 0);
      showSize();
      showState();
    }),
    onMask: own((shown, version) => {
      stage.pending = photo.pending;
      stage.setPicture("mask", shown, version);
    }),
    onResult: own((shown, version) => {
      stage.setPicture("result", shown, version);
      setMode("compare");
    }),
    onError: own(showError),
  };
  return hooks;
}

async function show(opened) {
  photo?.close();
  if (photo && !photo.file && (photo.steps.length || photo.undone.length)) kept.set(photo.id, photo);
  photo = opened;
  hideAlert();
  stage.reset();
  stage.draw("photo", "mask", "over");
  setMode("mask");
  $("empty").hidden = true;
  $("panel").hidden = $("tools").hidden = false;
  $("name").textContent = photo.name;
  showState();
  try {
    await opened.open();
  } catch (error) {
    if (error instanceof Gone || photo !== opened) return;
    showError(error);
    if (!opened.state || !stage.size) closePhoto();
  }
}

function closePhoto() {
  photo?.close();
  photo = null;
  stage.reset();
  stage.draw("photo", "mask", "over");
  $("badges").replaceChildren();
  $("empty").hidden = false;
  $("panel").hidden = $("tools").hidden = $("busy").hidden = $("ring").hidden = true;
  $("name").textContent = "";
  setMode("mask");
}

// What is shown.

function showState() {
  if (!photo) return;
  const { state, phase } = photo;
  const isReady = Boolean(stage.size && state);
  stage.pending = photo.pending;
  stage.draw("mask");
  $("undo").disabled = !photo.steps.length;
  $("redo").disabled = !photo.undone.length;
  const result = state?.result;
  const isRepairing = state?.job?.kind === "repair";
  $("repair").disabled = !isReady || isRepairing || state?.job?.kind === "find";
  $("mode-compare").disabled = !result || !stage.pictures.result;
  $("download").disabled = !result || Boolean(state.error && !result.is_written);
  $("download-mask").disabled = !isReady;
  $("accept").hidden = Boolean(photo.file);
  $("accept").disabled = !state?.found || Boolean(state.job);
  $("repair").classList.toggle("main", Boolean(photo.file));
  const busy = busyText(state, phase);
  $("busy").hidden = !busy;
  if ($("busy").textContent !== busy) $("busy").textContent = busy;
  $("outcome").textContent = outcome(result);
  if (state?.error && state.error !== photo.saidError) alertUser(state.error);
  photo.saidError = state?.error;
  showRegions();
}

function busyText(state, phase) {
  if (phase === "sending") return t("Sending …");
  const job = state?.job;
  if (!job) return state?.result && !state.result.is_written && !state.error ? t("Writing the file …") : "";
  if (!job.is_running && job.before) return t("Waiting, {n} before it …", { n: job.before });
  if (job.kind === "find") return t("Looking for what covers the page …");
  return state.result && !state.result.is_written ? t("Writing the file …") : t("Repairing …");
}

function outcome(result) {
  if (!result) return "";
  if (!result.boxes.length) return t("Nothing was to be repainted: the photo stays as it is.");
  const share = percent(result.area_share + result.shade_share);
  const words = photo.isOutdated
    ? t("{p} of the photo was repainted; the mask has changed since.", { p: share })
    : t("{p} of the photo was repainted.", { p: share });
  return result.dropped.length ? `${words} ${t("Left out, for it may show what was removed: {what}.", { what: result.dropped.join(", ") })}` : words;
}

function showRegions() {
  const found = photo.state?.found;
  const regions = found?.regions ?? [];
  const taken = regions.map((region) => photo.isTaken(region));
  const key = JSON.stringify([photo.id, found?.number, taken]);
  if (key === showRegions.key) return;
  showRegions.key = key;
  $("no-regions").hidden = !found || regions.length > 0;
  $("doubts").hidden = !found?.doubts;
  $("doubts").textContent = found?.doubts ?? "";
  const numbers = { false: 0, true: 0 };
  const named = regions.map((region) => ({ ...region, label: ++numbers[region.is_doubtful] }));
  $("regions").replaceChildren(...named.map((region, index) => listedRegion(region, taken[index])));
  const focused = document.activeElement?.dataset.region;
  $("badges").replaceChildren(...named.slice(0, MOST_BADGES).map((region, index) => badge(region, taken[index])));
  if (focused) $("badges").querySelector(`[data-region="${CSS.escape(focused)}"]`)?.focus();
  stage.outlines = regions
    .filter((region, index) => region.is_doubtful || !taken[index])
    .map((region) => ({ lines: region.outline, color: region.is_doubtful ? DOUBT_COLOUR : LEFT_COLOUR }));
  stage.draw("over");
  placeBadges();
}

// Rounded down: nothing is wholly sure.
const sureness = (region) => percent(Math.min(99, Math.floor(region.confidence * 100)) / 100);

function listedRegion(region, isTaken) {
  const row = document.createElement("li");
  row.innerHTML = "<label><input type=checkbox><span></span><b></b></label>";
  const [input, text, sure] = row.querySelectorAll("input, span, b");
  row.firstChild.classList.toggle("doubtful", region.is_doubtful);
  input.checked = isTaken;
  text.textContent = t(region.is_doubtful ? "In doubt {n}" : "Region {n}", { n: region.label });
  sure.textContent = sureness(region);
  input.addEventListener("change", () => toggle(region));
  return row;
}

function badge(region, isTaken) {
  const button = document.createElement("button");
  button.dataset.region = region.name;
  button.className = region.is_doubtful ? "doubtful" : "";
  button.setAttribute("aria-pressed", String(isTaken));
  const values = { n: region.label, p: sureness(region) };
  button.setAttribute("aria-label", t(isTaken ? "Region {n}, {p} sure, will be repainted" : "Region {n}, {p} sure, is left alone", values));
  button.textContent = `${isTaken ? "✓" : region.is_doubtful ? "?" : "✕"} ${sureness(region)}`;
  button.addEventListener("click", () => toggle(region));
  button.place = [(region.box[0] + region.box[2]) / 2, (region.box[1] + region.box[3]) / 2];
  return button;
}

function placeBadges() {
  const isShown = stage.size && stage.mode === "mask" && !stage.originalHeld;
  $("badges").hidden = !isShown;
  if (!isShown) return;
  for (const button of $("badges").children) {
    const [x, y] = stage.toScreen(...button.place);
    const isInside = x > -20 && y > -20 && x < stage.width + 20 && y < stage.height + 20;
    button.hidden = !isInside;
    const at = [Math.min(stage.width - 38, Math.max(38, x)), Math.min(stage.height - 20, Math.max(20, y))];
    button.style.transform = `translate(calc(${at[0]}px - 50%), calc(${at[1]}px - 50%))`;
  }
}

function toggle(region) {
  photo.add(photo.isTaken(region) ? { leave: region.name } : { take: region.name });
}

function clickAt(x, y) {
  const regions = photo?.state?.found?.regions ?? [];
  const hit = regions.find((region) => region.outline.some((line) => isInside(line, x, y)));
  if (hit) toggle(hit);
}

function isInside(line, x, y) {
  let inside = false;
  for (let i = 0, j = line.length - 1; i < line.length; j = i++) {
    const [[x0, y0], [x1, y1]] = [line[i], line[j]];
    if (y0 > y !== y1 > y && x < ((x1 - x0) * (y - y0)) / (y1 - y0) + x0) inside = !inside;
  }
  return inside;
}

function showView() {
  if (!stage.size) return;
  $("zoom").textContent = percent(Math.round(stage.view.scale * stage.ratio * 100) / 100);
  placeBadges();
}

function showDivider() {
  $("divider").style.left = `${stage.split * 100}%`;
  $("divider").setAttribute("aria-valuenow", Math.round(stage.split * 100));
}

function setMode(mode) {
  stage.setMode(mode);
  const compares = mode === "compare";
  $("mode-mask").setAttribute("aria-pressed", String(!compares));
  $("mode-compare").setAttribute("aria-pressed", String(compares));
  $("divider").hidden = $("tag-after").hidden = !compares;
  $("tag-before").hidden = !compares && !stage.originalHeld;
  showDivider();
  placeBadges();
}

function holdOriginal(isHeld) {
  if (stage.originalHeld === isHeld || !stage.size) return;
  stage.originalHeld = isHeld;
  stage.draw("photo", "mask", "over");
  setMode(stage.mode);
  if (isHeld) $("divider").hidden = $("tag-after").hidden = true;
}

// Alerts.

function alertUser(text, asksForToken = false) {
  $("alert-text").textContent = text;
  $("token-form").hidden = !asksForToken;
  $("alert-close").hidden = asksForToken;
  $("alert").hidden = false;
}

function hideAlert() {
  $("alert").hidden = true;
}

function showError(error) {
  if (error instanceof Gone || error.name === "AbortError") return;
  alertUser(said(error));
}

events.onChange = (what) => {
  if (what === "gone") alertUser(t("The server does not answer. Your work is kept on this page, and goes on by itself when the server is back."));
  else if (what === "token") alertUser(t(hasToken() ? "The server was started anew. Paste the address that it printed; your work on this page is kept." : "This address lacks its token. Paste the whole address that the server printed."), true);
  else {
    alertUser(t("The server is back."));
    setTimeout(() => $("alert-text").textContent === t("The server is back.") && hideAlert(), 3000);
    begin().catch(showError);
  }
};

async function begin() {
  const status = await json("GET", "/api/status");
  limits = status.limits;
  for (const option of $("structure").options) option.hidden = option.disabled = !status.structures.includes(option.value);
  if (!begin.isDone) {
    begin.isDone = true;
    $("structure").value = status.options.structure;
    $("scope").value = status.options.scope;
    const usual = status.options.grow_px;
    const sizes = [...new Set([0, usual / 2, usual, usual * 2, usual * 4])].sort((one, other) => one - other);
    $("grow_px").replaceChildren(
      ...sizes.map((size) => {
        const text = size === usual ? `${t("as usual")} (${t("{n} px", { n: size })})` : size ? t("{n} px", { n: size }) : t("none");
        return new Option(text, size, size === usual, size === usual);
      }),
    );
  }
  if (status.has_folder) {
    $("open-album").hidden = $("album").hidden = false;
    folder ??= new Folder({ onOpen: openFromFolder, onError: showError });
    folder.start().catch(showError);
  }
  for (const other of kept.values()) if (other.id !== photo?.id) other.tell().catch(showError);
  if (photo) {
    if (stage.size) await photo.recover();
    else await show(photo);
  }
}

async function heartbeat() {
  try {
    const status = await json("GET", `/api/status${photo ? `?photo=${photo.id}` : ""}`);
    $("queue").hidden = status.waiting < 2;
    $("queue").textContent = t("{n} waiting", { n: status.waiting });
  } catch (error) {
    showError(error);
  }
}
setInterval(heartbeat, HEARTBEAT_MS);
setInterval(() => photo?.state?.job && heartbeat(), 3000);

function showHelp() {
  $("help").showModal();
  $("help").scrollTop = 0; // its button has the focus, and lies at the end
}

// Buttons.

const guarded = (work) => (...values) => Promise.resolve(work(...values)).catch((error) => photo ? photo.failed(error) : showError(error));

const repair = guarded(async () => {
  if ($("repair").disabled) return;
  const lift = $("lift_shadow").value;
  await photo.repair({ structure: $("structure").value, lift_shadow: lift === "" ? null : lift === "true" });
});

const download = guarded(async () => {
  if ($("download").disabled) return;
  await save(photo.path("/result"));
  photo.isSaved = true;
});

async function save(path) {
  const answer = await call("GET", path);
  const named = /filename\*=UTF-8''([^;]+)/.exec(answer.headers.get("Content-Disposition"));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = named ? decodeURIComponent(named[1]) : "photo";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

const accept = guarded(async () => {
  if (!photo || photo.file || $("accept").disabled) return;
  await photo.syncing;
  await folder.accept({ photos: [photo.id] });
  photo.isSaved = true;
  const next = folder.next();
  if (next && next.id !== photo.id) openFromFolder(next);
});

const search = guarded(() => photo?.find({ scope: $("scope").value, grow_px: Number($("grow_px").value) }));

const clicks = {
  open: () => $("file").click(),
  "open-big": () => $("file").click(),
  "open-help": showHelp,
  "open-album": () => $("open-album").setAttribute("aria-expanded", String($("album").classList.toggle("open"))),
  "open-panel": () => $("open-panel").setAttribute("aria-expanded", String($("panel").classList.toggle("wide"))),
  "alert-close": hideAlert,
  "mode-mask": () => setMode("mask"),
  "mode-compare": () => setMode("compare"),
  clear: () => photo.add({ clear: true }),
  "as-found": () => photo.add({ found: true }),
  grow: () => photo.add({ grow: Math.max(1, Math.round(Math.max(stage.size.width, stage.size.height) * GROW_STEP)) }),
  "upload-mask": () => $("mask-file").click(),
  repair,
  accept,
  download,
  "download-mask": guarded(() => photo.syncing?.then(() => save(photo.path("/mask"))) ?? save(photo.path("/mask"))),
  undo: () => photo.undo(),
  redo: () => photo.redo(),
  "zoom-in": () => stage.zoomTo(stage.view.scale * ZOOM_STEP),
  "zoom-out": () => stage.zoomTo(stage.view.scale / ZOOM_STEP),
  fit: () => stage.fit(),
};
for (const [id, work] of Object.entries(clicks)) $(id).addEventListener("click", () => work());
$("options").addEventListener("toggle", () => $("options").open && $("options").scrollIntoView({ block: "end" }));
for (const id of ["scope", "grow_px"]) $(id).addEventListener("change", search);

$("file").addEventListener("change", () => {
  openFile($("file").files[0]);
  $("file").value = "";
});
$("mask-file").addEventListener("change", guarded(async () => {
  const file = $("mask-file").files[0];
  $("mask-file").value = "";
  if (!file || !photo) return;
  hideAlert();
  setMode("mask");
  await photo.addMask(`mask-${photo.masks.size + 1}`, file);
}));

for (const button of document.querySelectorAll("[data-tool]")) button.addEventListener("click", () => setTool(button.dataset.tool));

function setTool(tool) {
  stage.tool = tool;
  for (const button of document.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
  if (tool !== "move" && stage.mode === "compare") setMode("mask");
  stage.showRing();
}

// The slider's middle is small: sizes grow by shares.
const brushRange = () => {
  const longest = Math.max(stage.size.width, stage.size.height);
  return [Math.max(1, longest / 1000), longest * LARGEST_BRUSH];
};

function setRadius(radius) {
  if (!stage.size) return;
  const [least, most] = brushRange();
  stage.radius = Math.round(Math.min(most, Math.max(least, radius)) * 10) / 10;
  showSize();
  stage.ringAt ??= [stage.width / 2, stage.height / 2];
  stage.showRing();
}

function showSize() {
  const [least, most] = brushRange();
  $("size").value = (Math.log(stage.radius / least) / Math.log(most / least)) * 100;
  $("size").setAttribute("aria-valuetext", t("{n} px", { n: Math.round(stage.radius * 2) }));
}

$("size").addEventListener("input", () => {
  const [least, most] = brushRange();
  setRadius(least * (most / least) ** ($("size").value / 100));
});

// Keys.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const keys = {
  b: () => setTool("brush"),
  e: () => setTool("erase"),
  m: () => setTool("move"),
  "[": () => setRadius(stage.radius / SIZE_STEP),
  "]": () => setRadius(stage.radius * SIZE_STEP),
  z: () => !$("undo").disabled && photo.undo(),
  Z: () => !$("redo").disabled && photo.redo(),
  "+": clicks["zoom-in"],
  "=": clicks["zoom-in"],
  "-": clicks["zoom-out"],
  0: clicks.fit,
  1: () => stage.zoomTo(1 / stage.ratio),
  r: repair,
  d: download,
  c: () => !$("mode-compare").disabled && setMode(stage.mode === "compare" ? "mask" : "compare"),
  a: accept,
  n: () => step(1),
  p: () => step(-1),
};

function step(by) {
  const next = folder?.next(by);
  if (next) openFromFolder(next);
}

addEventListener("keydown", (event) => {
  if ($("help").open || event.target.closest("input[type=text], select")) return;
  const isUndo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
  if ((event.ctrlKey || event.metaKey || event.altKey) && !isUndo) return;
  if (event.key === "?") return showHelp();
  if (!photo && !["n", "p"].includes(event.key)) return;
  if (isUndo) {
    event.preventDefault();
    return keys[event.shiftKey ? "Z" : "z"]();
  }
  if (event.key === "x") return holdOriginal(true);
  const isOnStage = document.activeElement === $("stage") || document.activeElement === document.body;
  if (event.key === " " && isOnStage) {
    event.preventDefault();
    stage.spaceHeld = true;
    return stage.showRing();
  }
  if (isOnStage && ARROWS[event.key]) {
    event.preventDefault();
    return stage.arrow(...ARROWS[event.key], event.shiftKey);
  }
  if (document.activeElement === $("stage") && event.key === "Enter" && !event.repeat) {
    event.preventDefault();
    return announce(t(stage.press() ? "Brush down." : "Brush lifted."));
  }
  if (event.key === "Escape" && stage.live) return stage.drop();
  const isSlider = event.target.closest("input[type=range], [role=slider]");
  const work = keys[event.shiftKey && event.key.toLowerCase() === "z" ? "Z" : event.key];
  if (work && !(isSlider && /[0-9+=-]/.test(event.key))) {
    event.preventDefault();
    work();
  }
});
addEventListener("keyup", (event) => {
  if (event.key === "x") holdOriginal(false);
  if (event.key === " ") {
    stage.spaceHeld = false;
    stage.showRing();
  }
});
addEventListener("blur", () => {
  holdOriginal(false);
  stage.spaceHeld = false;
});

function announce(text) {
  $("outcome").textContent = text;
}

// Dropping files, and leaving.

let depth = 0;
addEventListener("dragenter", (event) => {
  event.preventDefault();
  depth++;
  $("drop").hidden = false;
});
addEventListener("dragleave", () => {
  if (--depth <= 0) $("drop").hidden = true;
});
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  depth = 0;
  $("drop").hidden = true;
  openFile(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => openFile(event.clipboardData.files[0]));
addEventListener("beforeunload", (event) => {
  if (photo?.steps.length && !photo.isSaved) event.preventDefault();
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  stage.colour = undefined;
  showRegions.key = "";
  if (photo) showState();
  stage.draw("mask");
});

$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (takeToken($("token").value)) begin().catch(showError);
});
addEventListener("hashchange", () => {
  if (takeToken(location.hash)) begin().catch(showError);
});

takeToken(location.hash);
begin().catch(showError);
