/* The studio's page: a picture becomes a painting before one's eyes. */
import { $, help, make, toast } from "./dom.js";
import { ask, messages, send, upload } from "./api.js";
import { Settings } from "./settings.js";
import { Masks } from "./mask.js";
import { Stage } from "./stage.js";
import { Exports, Gallery } from "./gallery.js";
import { Restyling } from "./restyling.js";

const STROKES = /\.(json|gz|npz)$/i;
let settings, stage, masks, gallery, exporting, restyling;
let picture = null; // what is to be painted: {id, name, width, height}
let painting = null; // that is shown, finished
let job = null; // that is under way: {id, state}

const state = (name) => {
  document.body.dataset.state = name;
  $("progress").hidden = name !== "painting";
  $("playback").hidden = name !== "done";
  $("tools").hidden = name !== "picture";
  $("paint").disabled = !picture || name === "painting";
  $("paint").textContent = name === "done" ? "Paint again" : "Paint";
  stage?.fit();
};
const say = (text) => { $("said").replaceChildren(text); };
const fail = (message) => {
  $("error").textContent = help(message);
  $("error").hidden = !message;
  if (message) $("error").scrollIntoView({ block: "nearest" });
};

// --- pictures -------------------------------------------------------------------------------------------------------

async function take(file, name) {
  fail("");
  try {
    if (STROKES.test(name || file.name) || await carries(file)) {
      await show(await upload("/api/paintings", file, name));
      gallery.load();
      return;
    }
    usePicture(await upload("/api/pictures", file, name));
  } catch (error) { toast(error.message); }
}

/* Whether a PNG or SVG has its strokes in it. */
async function carries(file) {
  if (!/^image\/(png|svg)/.test(file.type)) return false;
  const text = new TextDecoder("latin1").decode(await file.arrayBuffer());
  return text.includes("impasto-strokes") || text.includes("<impasto:strokes");
}

function usePicture(about) {
  if (job) detach();
  picture = about;
  painting = null;
  location.hash = "";
  stage.before = null;
  stage.showPicture(about);
  masks.clear(about.width, about.height);
  state("picture");
}

function listenForFiles() {
  const pick = () => $("file").click();
  $("choose").onclick = $("choose-too").onclick = pick;
  $("file").onchange = () => { if ($("file").files.length) take($("file").files[0]); $("file").value = ""; };
  addEventListener("paste", (event) => {
    const file = [...event.clipboardData.files][0];
    if (file) take(file, file.name === "image.png" ? "pasted.png" : file.name);
  });
  let depth = 0;
  const over = (change) => { depth = Math.max(0, depth + change); $("drop").hidden = depth === 0; };
  addEventListener("dragenter", (event) => { event.preventDefault(); over(1); });
  addEventListener("dragleave", () => over(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    over(-depth);
    if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  });
}

// --- painting -------------------------------------------------------------------------------------------------------

async function paint(changes = {}) {
  if (!picture || job) return;
  fail("");
  $("paint").disabled = true;
  document.activeElement?.blur(); // keys go to the page: a button that is disabled swallows them
  try {
    const files = { ...settings.files };
    if (changes.files) Object.assign(files, changes.files);
    else for (const name of ["focus", "region"]) if (masks.has(name)) files[name] = (await upload("/api/pictures", await masks.blob(name), `${name}.png`)).id;
    const config = { ...settings.values, ...changes.config };
    for (const name of Object.keys(files)) delete config[name];
    watch(await ask("POST", "/api/jobs", { picture: picture.id, config, files, pictures: !stage.draws }));
  } catch (error) {
    fail(error.message);
    $("paint").disabled = false;
  }
}

/* Follow a job until it is finished. */
async function watch(found) {
  const stopping = new AbortController();
  job = { ...found, stopping };
  $("part").removeAttribute("value");
  $("pause").disabled = $("stop").disabled = true;
  state("painting");
  say("Getting ready…");
  try {
    for await (const { header, body } of messages(job.id, stopping.signal)) await heard(header, body);
    if (job?.id === found.id) done(painting ? "done" : "picture");
  } catch (error) {
    if (stopping.signal.aborted) return;
    say("The connection was lost; trying again…");
    setTimeout(() => { if (job?.id === found.id) resume(); }, 1500);
  }
}

async function heard(header, body) {
  switch (header.kind) {
    case "queued":
      if (job.state === "waiting") say(header.place === 1 ? "Waiting for a free process…" : `Waiting: number ${header.place} in the queue`);
      break;
    case "state":
      job.state = header.state;
      $("stop").disabled = false;
      paused(header.state === "paused");
      if (header.state === "cancelled") { painting = null; }
      break;
    case "stage":
      say(`${header.stage[0].toUpperCase()}${header.stage.slice(1)}…`);
      break;
    case "begin":
      painting = null;
      await stage.begin(header.form);
      break;
    case "strokes":
      $("pause").disabled = false;
      progress(header);
      stage.live(body);
      break;
    case "picture":
      stage.look(body);
      break;
    case "done":
      await show(header.painting, body);
      if (header.problem) fail(header.problem);
      gallery.load();
      break;
    case "failed":
      fail(`It could not be painted: ${header.message}`);
      break;
  }
}

function progress({ stage: name, step, steps, n, psnr, left }) {
  $("part").value = step / Math.max(1, steps);
  const seconds = left < 1 ? "nearly there" : `about ${Math.ceil(left)} s left`;
  say(make("span", {}, make("b", {}, `${n} strokes`), ` · ${psnr.toFixed(1)} dB · ${name} · ${job.state === "paused" ? "paused" : seconds}`));
}

function paused(on) {
  $("pause").querySelector("use").setAttribute("href", on ? "#i-play" : "#i-pause");
  $("pause").querySelector("span").textContent = on ? "Go on" : "Pause";
  $("pause").title = `${on ? "Go on" : "Pause"} (space)`;
}

async function steer(what) {
  if (!job) return;
  try {
    const now = await ask("POST", `/api/jobs/${job.id}/${what}`, {});
    if (job) job.state = now.state;
    if (what === "stop") say("Finishing the step…");
  } catch (error) { toast(error.message); }
}

/* Another picture is chosen: what has been painted so far is kept in the gallery. */
function detach() {
  job.stopping.abort();
  steer("stop");
  job = null;
}

function done(name) {
  job = null;
  if (name === "picture" && picture) stage.showPicture(picture);
  state(picture || painting ? name : "empty");
}

/* Find the job that this page, or the one before it, has asked for. */
async function resume() {
  const mine = await ask("GET", "/api/jobs");
  const current = mine.findLast((one) => ["waiting", "painting", "paused"].includes(one.state));
  if (current) {
    picture = await pictureOf(current.about) || picture;
    if (picture) { stage.showPicture(picture); }
    await watch(current);
  } else if (job) {
    const last = mine.find((one) => one.id === job.id);
    if (last?.state === "done") { await show(await ask("GET", `/api/paintings/${last.id}`)); job = null; state("done"); } else done("picture");
  } else if (/^#[0-9a-f]{32}$/.test(location.hash)) {
    await open(location.hash.slice(1));
  }
}

async function pictureOf(about) {
  if (!about.picture) return null;
  const image = new Image();
  image.src = `/api/pictures/${about.picture}`;
  try { await image.decode(); } catch { return null; }
  return { id: about.picture, name: about.name, width: image.naturalWidth, height: image.naturalHeight };
}

// --- the finished painting ------------------------------------------------------------------------------------------

async function open(id) {
  try {
    const about = await ask("GET", `/api/paintings/${id}`);
    if (job) return toast("Wait until the painting is finished, or stop it.");
    await show(about);
  } catch (error) { location.hash = ""; toast(error.message); }
}

async function show(about, rows) {
  rows ??= await (await send("GET", `/api/paintings/${about.id}/rows`)).arrayBuffer();
  painting = about;
  picture = await pictureOf(about);
  location.hash = about.id;
  await stage.begin(about.form);
  const shown = about.files?.then ?? picture?.id; // what all strokes show
  stage.finish(rows, `/api/paintings/${about.id}/still`, shown ? `/api/pictures/${shown}` : null);
  $("at").max = about.strokes;
  $("compare").disabled = !shown;
  const first = about.revealed?.[0];
  const figures = [`${about.strokes} strokes`, first ? `the first ${first.strokes} show ${first.picture}` : "", about.psnr ? `${about.psnr.toFixed(1)}\u00a0dB` : "", about.seconds ? `${about.seconds}\u00a0s` : "", about.interrupted ? "stopped early" : ""];
  $("figures").textContent = figures.filter(Boolean).join(" · ");
  $("canvas").setAttribute("aria-label", `${about.name}, painted in ${about.strokes} strokes`);
  state("done");
  playback();
}

function playback() {
  const player = stage.player, total = painting?.strokes ?? 0, count = player ? player.count : total;
  if (document.body.dataset.state !== "done") return;
  $("at").value = count;
  $("at").disabled = $("play").disabled = !player;
  $("count").textContent = `${count} of ${total}`;
  $("play").querySelector("use").setAttribute("href", player?.playing ? "#i-pause" : "#i-play");
  $("play").setAttribute("aria-label", player?.playing ? "Pause" : "Play");
  $("repaint").hidden = !picture || count === total || count < 1 || Boolean(player?.playing);
  $("repaint").textContent = `Repaint with ${count}`;
  stage.refresh();
}

/* A new painting with the settings of the one that is shown. */
function repaint(strokes) {
  const { settings: before, files } = painting;
  const { until_psnr: _, ...kept } = before;
  paint({ config: { ...kept, strokes }, files });
}

function again(about) {
  settings.set(about.settings || {});
  if (!picture && about.picture) pictureOf(about).then((found) => { if (found) usePicture(found); });
  toast("Its settings are taken over; choose a picture and paint.");
}

// --- keys -----------------------------------------------------------------------------------------------------------

const KEYS = {
  " ": () => (job ? $("pause").click() : $("play").click()),
  s: () => job && $("stop").click(),
  p: () => $("paint").click(),
  c: () => painting && $("compare").click(),
  x: () => painting && $("export").click(),
  y: () => painting && !job && $("restyle").click(),
  t: () => painting && $("texture").click(),
  g: () => $("open-gallery").click(),
  o: () => $("choose").click(),
  f: () => !$("tools").hidden && $("mask-focus").click(),
  r: () => !$("tools").hidden && $("mask-region").click(),
  e: () => !$("mask-tools").hidden && $("mask-erase").click(),
  ArrowRight: () => stage.player?.seek(stage.player.count + 1),
  ArrowLeft: () => stage.player?.seek(stage.player.count - 1),
  "+": () => stage.player?.zoom(1.6),
  "-": () => stage.player?.zoom(1 / 1.6),
  0: () => stage.player?.reset(),
  Escape: () => masks.use(null),
};

/* Whether an element has a use of its own for a key. */
function takes(element, key) {
  const control = element.closest("input, select, textarea, dialog, button, summary");
  if (!control) return false;
  if (control.matches("button, summary")) return [" ", "Enter"].includes(key);
  if (control.matches("#at, #mask-size")) return key.startsWith("Arrow"); // sliders over the picture, not of a form
  return true;
}

function listenForKeys() {
  addEventListener("keydown", (event) => {
    if (event.key === "z" && (event.ctrlKey || event.metaKey) && masks.active) { event.preventDefault(); masks.undo(); return; }
    if (takes(event.target, event.key) || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });
}

function listenForPointer() {
  $("stage").addEventListener("pointermove", (event) => {
    const box = $("stage").getBoundingClientRect(), right = event.clientX > box.right - 280;
    Object.assign($("tip").style, { left: `${event.clientX - box.left + (right ? -12 : 14)}px`, top: `${Math.max(4, event.clientY - box.top - 44)}px`, transform: right ? "translateX(-100%)" : "" });
  });
}

// --- begin ----------------------------------------------------------------------------------------------------------

async function main() {
  stage = new Stage();
  stage.onchange = playback;
  masks = new Masks();
  const options = await ask("GET", "/api/options");
  settings = new Settings(options, () => fail(""));
  settings.onerror = toast;
  gallery = new Gallery({ open, again, onerror: toast });
  exporting = new Exports(options);
  restyling = new Restyling(options, watch);
  for (const name of options.samples) {
    $("samples").append(make("button", { title: name.replace("_", " "), "aria-label": `Sample: ${name.replace("_", " ")}`,
      onclick: async () => usePicture(await ask("POST", `/api/pictures?sample=${name}`, {})) }, make("img", { src: `/static/sample-${name}.webp`, alt: "" })));
  }
  $("paint").onclick = () => paint();
  $("pause").onclick = () => steer(job?.state === "paused" ? "resume" : "pause");
  $("stop").onclick = () => steer("stop");
  $("cancel").onclick = () => steer("cancel");
  $("play").onclick = () => stage.player?.toggle();
  $("at").oninput = () => { const count = +$("at").value; stage.player.pause(); stage.player.seek(count); };
  $("repaint").onclick = () => repaint(stage.player.count);
  $("export").onclick = () => exporting.open(painting);
  $("restyle").onclick = () => restyling.open(painting, !stage.draws);
  for (const button of document.querySelectorAll("[data-close]")) button.onclick = () => button.closest("dialog").close();
  for (const dialog of document.querySelectorAll("dialog")) dialog.onclick = (event) => { if (event.target === dialog) dialog.close(); };
  listenForFiles();
  listenForKeys();
  listenForPointer();
  state("empty");
  gallery.load();
  await resume();
  document.body.dataset.ready = "yes";
}

main().catch((error) => toast(error.message, 60));
