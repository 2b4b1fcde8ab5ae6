/* The stage: the picture, the strokes that are found, the finished painting, and the divider between before and after. */
import { $, pressed } from "./dom.js";

const LIVE_SOFTWARE = 500; // ms between live pictures where no graphics card draws them

export class Stage {
  constructor() {
    this.player = null; // made with the first painting; stays null without WebGL2
    this.aspect = [1, 1];
    this.draws = Boolean(document.createElement("canvas").getContext("webgl2")); // otherwise pictures are asked for
    this.textured = localStorage.getItem("texture") !== "off";
    this.compared = null; // where the divider is, in [0, 1]; null without
    new ResizeObserver(() => this.fit()).observe($("stage"));
    $("texture").onclick = () => this.showTexture(!this.textured);
    pressed($("texture"), this.textured);
    this._divider();
  }

  fit() {
    const stage = $("stage"), [height, width] = this.aspect, room = stage.clientWidth < 500 ? 0 : 36;
    const scale = Math.min((stage.clientWidth - room) / width, (stage.clientHeight - room) / height);
    Object.assign($("fit").style, { width: `${Math.max(1, width * scale)}px`, height: `${Math.max(1, height * scale)}px` });
    this.player?._touch();
  }

  /* A picture that is not painted yet. */
  showPicture(about) {
    this.aspect = [about.height, about.width];
    this.shown = null;
    $("welcome").hidden = true;
    $("fit").hidden = $("picture").hidden = $("mask").hidden = false;
    $("picture").src = `/api/pictures/${about.id}`;
    $("picture").alt = about.name;
    $("canvas").hidden = $("still").hidden = true;
    this.compare(null);
    this.fit();
  }

  /* A painting begins: `form` is what it is painted on. Its strokes come by `live`, or later by `finish`. */
  async begin(form) {
    this.shown = form;
    this.aspect = form.aspect;
    $("welcome").hidden = $("still").hidden = $("mask").hidden = true;
    $("fit").hidden = false;
    this.compare(null); // what lies under the divider is another painting's picture
    await this._open({ ...form, rows: "" });
    this.fit();
  }

  async _open(form) {
    const painting = await ImpastoPlayer.unpacked(form);
    if (this.player === undefined) return;
    try {
      if (this.player) this.player.open(painting);
      else {
        this.player = new ImpastoPlayer($("canvas"), painting, { hold: 3, loop: 1 });
        this.player.onchange = () => this.onchange?.();
        this.player.onhover = (stroke) => this._tell(stroke);
        this.player.showTexture(this.textured);
        this.refresh();
      }
    } catch (error) { // no WebGL2
      console.info(error.message);
      this.player = undefined;
      this.draws = false;
      $("no-webgl").hidden = false;
    }
  }

  /* Strokes as they are found. */
  live(rows) {
    if (!this.player) return;
    const now = performance.now();
    if (this.player.renderer.software && now - (this.lastLive || 0) < LIVE_SOFTWARE) return;
    this.lastLive = now;
    $("canvas").hidden = false;
    $("picture").hidden = true;
    this.player.live = true;
    this.player.setRows(rows);
    this.player.seek(this.player.total);
  }

  /* The strokes that have been found, as a picture [WebP], where the browser does not draw them. */
  look(picture) {
    if (this.player) return;
    const address = URL.createObjectURL(new Blob([picture], { type: "image/webp" }));
    $("still").onload = () => URL.revokeObjectURL(address);
    $("still").src = address;
    $("picture").hidden = true;
    this.refresh();
  }

  /* All strokes of a finished painting, in the order in which they are painted. */
  finish(rows, stillUrl, pictureUrl) {
    $("still").onload = null;
    $("still").src = stillUrl;
    this.before = pictureUrl;
    if (this.player) {
      this.player.live = false;
      this.player.pause();
      this.player.setRows(rows);
      this.player.seek(this.player.total);
      $("canvas").hidden = false;
    }
    $("picture").hidden = true;
    this.refresh();
  }

  showTexture(on) {
    this.textured = on;
    this.player?.showTexture(on);
    localStorage.setItem("texture", on ? "on" : "off");
    pressed($("texture"), on);
    this.refresh();
  }

  /* The server's picture stands in for the strokes where no graphics card draws them and all are seen at once. */
  refresh() {
    const player = this.player;
    const whole = !player || (player.count === player.total && player.view.zoom === 1 && !player.playing && player.mark === null);
    const drawn = Boolean(player && (!this.textured || !whole || player.exact));
    $("still").hidden = !this.shown || !$("still").src || drawn;
    $("slow").hidden = !player || player.exact;
  }

  // --- before and after ---------------------------------------------------------------------------------------------

  compare(at) {
    this.compared = this.before ? at : null;
    const on = this.compared !== null;
    $("before").hidden = $("divider").hidden = !on;
    pressed($("compare"), on);
    if (!on) return;
    this.player?.reset();
    this.compared = Math.max(0, Math.min(1, at));
    $("before").querySelector("img").src = this.before;
    $("before").style.clipPath = `inset(0 ${100 - 100 * this.compared}% 0 0)`;
    $("divider").style.left = `${100 * this.compared}%`;
    $("divider").setAttribute("aria-valuenow", Math.round(100 * this.compared));
  }

  _divider() {
    const divider = $("divider"), at = (event) => {
      const box = $("fit").getBoundingClientRect();
      this.compare((event.clientX - box.left) / box.width);
    };
    divider.addEventListener("pointerdown", (event) => { divider.setPointerCapture(event.pointerId); at(event); });
    divider.addEventListener("pointermove", (event) => { if (divider.hasPointerCapture(event.pointerId)) at(event); });
    divider.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -0.02, ArrowRight: 0.02, Home: -1, End: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      this.compare(this.compared + step);
    });
    $("compare").onclick = () => this.compare(this.compared === null ? 0.5 : null);
  }

  _tell(stroke) {
    $("tip").hidden = !stroke || this.player.live;
    this.refresh();
    if (!stroke) return;
    const [first, last] = $("tip").querySelectorAll("i");
    first.style.background = stroke.start;
    last.style.background = stroke.end;
    last.hidden = !["oilpaintbrush", "watercolor"].includes(this.shown.brush);
    $("tip").querySelector("span").textContent = `stroke ${stroke.number} of ${this.player.total}, ${Math.round(100 * stroke.opacity)} % opaque`;
  }
}
