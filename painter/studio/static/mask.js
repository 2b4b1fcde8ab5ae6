/* Masks painted on the picture: where strokes should be finer, and the only part that is to be painted. */
import { $, pressed } from "./dom.js";

const SIDE = 768; // pixels of a mask's longer side
const COLORS = { focus: "#2f7df6", region: "#17a673" };

export class Masks {
  constructor(onchange) {
    this.onchange = onchange;
    this.canvas = $("mask");
    this.active = null;
    this.erasing = false;
    this.clear();
    for (const name of Object.keys(COLORS)) $(`mask-${name}`).onclick = () => this.use(this.active === name ? null : name);
    $("mask-erase").onclick = () => this.erase(!this.erasing);
    $("mask-undo").onclick = () => this.undo();
    $("mask-clear").onclick = () => { this.strokes[this.active] = []; this._changed(); };
    this.canvas.addEventListener("pointerdown", (event) => this._begin(event));
    this.canvas.addEventListener("pointermove", (event) => this._go(event));
    for (const name of ["pointerup", "pointercancel"]) this.canvas.addEventListener(name, () => { this.stroke = null; });
  }

  /* For a picture of this width and height: without masks. */
  clear(width = 1, height = 1) {
    const scale = SIDE / Math.max(width, height);
    this.width = Math.max(1, Math.round(width * scale));
    this.height = Math.max(1, Math.round(height * scale));
    Object.assign(this.canvas, { width: this.width, height: this.height });
    this.strokes = { focus: [], region: [] };
    this.use(null);
  }

  use(name) {
    this.active = name;
    for (const one of Object.keys(COLORS)) pressed($(`mask-${one}`), one === name);
    $("mask-tools").hidden = name === null;
    this.canvas.classList.toggle("active", name !== null);
    this.erase(false);
    this._changed();
  }

  erase(on) {
    this.erasing = on;
    pressed($("mask-erase"), on);
  }

  undo() {
    if (this.active) this.strokes[this.active].pop();
    this._changed();
  }

  has(name) {
    return this.strokes[name].some((stroke) => !stroke.erases);
  }

  /* The mask as a PNG, white on black. */
  async blob(name) {
    const canvas = new OffscreenCanvas(this.width, this.height), context = canvas.getContext("2d");
    this._draw(context, name, "#fff");
    context.globalCompositeOperation = "destination-over";
    context.fillStyle = "#000";
    context.fillRect(0, 0, this.width, this.height);
    return canvas.convertToBlob({ type: "image/png" });
  }

  _begin(event) {
    if (!this.active) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    const width = (Number($("mask-size").value) / 100) * Math.max(this.width, this.height);
    this.stroke = { erases: this.erasing || event.button === 2, width, points: [this._at(event)] };
    this.strokes[this.active].push(this.stroke);
    this._changed();
  }

  _go(event) {
    if (!this.stroke) return;
    for (const one of event.getCoalescedEvents?.() || [event]) this.stroke.points.push(this._at(one));
    this._changed();
  }

  _at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * this.width, ((event.clientY - box.top) / box.height) * this.height];
  }

  _changed() {
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, this.width, this.height);
    for (const [name, color] of Object.entries(COLORS)) {
      if (!this.strokes[name].length) continue;
      const layer = new OffscreenCanvas(this.width, this.height);
      this._draw(layer.getContext("2d"), name, color);
      context.globalAlpha = name === this.active || !this.active ? 0.5 : 0.25;
      context.drawImage(layer, 0, 0);
    }
    this.onchange?.();
  }

  _draw(context, name, color) {
    Object.assign(context, { lineCap: "round", lineJoin: "round", strokeStyle: color });
    for (const stroke of this.strokes[name]) {
      context.globalCompositeOperation = stroke.erases ? "destination-out" : "source-over";
      context.lineWidth = stroke.width;
      context.beginPath();
      stroke.points.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
      if (stroke.points.length === 1) context.lineTo(stroke.points[0][0] + 0.01, stroke.points[0][1]);
      context.stroke();
    }
  }
}
