"use strict";
/* A painting that plays, scrubs and zooms on a canvas. Needs paint.js.

   const player = new ImpastoPlayer(canvas, await ImpastoPlayer.unpacked(about), {duration, hold, ease, loop, reverse});
   player.play(); player.seek(120); player.onchange = () => …; player.onhover = (stroke) => …;

   `about` is what painter/painting/browser_form.py makes of a painting. */
class ImpastoPlayer {
  static SOFTWARE_SIDES = [256, 640]; // pixels, of a picture that moves, and at rest, where no graphics card draws it
  static MOST_ZOOM = 64;
  static MOST_SIDE = 4096;

  /* The painting with its base64 texts as bytes. */
  static async unpacked(about) {
    const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const inflated = async (grey) => {
      const stream = new Blob([bytes(grey.deflated)]).stream().pipeThrough(new DecompressionStream("deflate"));
      return { ...grey, levels: new Uint8Array(await new Response(stream).arrayBuffer()) };
    };
    const painting = { ...about, rows: bytes(about.rows || "").buffer };
    for (const part of ["region", "stamp"]) if (about[part]) painting[part] = await inflated(about[part]);
    return painting;
  }

  constructor(canvas, painting, times = {}) {
    this.canvas = canvas;
    this.renderer = new ImpastoPaint.Renderer(canvas);
    this.times = { duration: 5, hold: 2, ease: "linear", loop: 0, reverse: false, ...times };
    this.onchange = this.onhover = () => {};
    this.playing = false;
    this.live = false; // whether further strokes are coming: it is drawn like a picture that moves
    this.textured = true; // whether the medium and the sheet show, if the painting has them
    this.mark = null;
    this.view = { x: 0, y: 0, zoom: 1 };
    this.most = ImpastoPlayer.MOST_SIDE;
    this._pointers = new Map();
    this._listen();
    this.open(painting);
    this._frame = this._frame.bind(this);
    requestAnimationFrame(this._frame);
  }

  open(painting) {
    this.painting = painting;
    this.renderer.open(painting);
    this.setRows(painting.rows);
    this.count = this.total;
    this.reset();
  }

  setRows(rows) {
    this.renderer.setRows(rows);
    this.total = rows.byteLength / ImpastoPaint.ROW;
    this.count = Math.min(this.count ?? this.total, this.total);
    this.mark = null;
    this._touch();
  }

  get aspect() {
    return this.painting.aspect[1] / this.painting.aspect[0];
  }

  /* Whether strokes are drawn here as the server draws them, and at once. */
  get exact() {
    return !this.renderer.software && !this.renderer.bytes;
  }

  showTexture(on) {
    this.textured = on;
    this._touch();
  }

  // --- time -------------------------------------------------------------------------------------------------------

  play() {
    if (this.playing) return;
    const ended = this.count >= this.total;
    this.passed = ended ? 0 : this.times.duration * this._timeOf(this.count / Math.max(1, this.total));
    this.rounds = 0;
    this.playing = true;
    this.before = null;
    this._touch();
  }

  pause() {
    this.playing = false;
    this._touch();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  /* Show so many strokes; a playback goes on from there. */
  seek(count) {
    this.count = Math.max(0, Math.min(this.total, Math.round(count)));
    if (this.playing) this.passed = this.times.duration * this._timeOf(this.count / Math.max(1, this.total));
    this._touch();
  }

  /* The share of the strokes after a share of the time, as painter/export/timeline.py has it, and the reverse. */
  _shareAt(time) {
    const t = this.times.reverse ? 1 - time : time;
    return { early: 1 - (1 - t) ** 2, late: t * t, smooth: t * t * (3 - 2 * t) }[this.times.ease] ?? t;
  }

  _timeOf(share) {
    const smooth = 0.5 - Math.sin(Math.asin(1 - 2 * share) / 3);
    const t = { early: 1 - Math.sqrt(1 - share), late: Math.sqrt(share), smooth }[this.times.ease] ?? share;
    return this.times.reverse ? 1 - t : t;
  }

  _advance(now) {
    const { duration, hold, loop } = this.times;
    this.passed += this.before === null ? 0 : Math.min(0.25, (now - this.before) / 1000);
    this.before = now;
    const count = Math.round(this.total * this._shareAt(Math.min(1, this.passed / duration)));
    if (count !== this.count) { this.count = count; this._touch(); }
    if (this.passed < duration + hold) return;
    this.rounds += 1;
    if (loop > 0 && this.rounds >= loop) this.pause();
    else this.passed = 0;
  }

  // --- view -------------------------------------------------------------------------------------------------------

  reset() {
    this.view = { x: 0, y: 0, zoom: 1 };
    this._touch();
  }

  /* Magnify by a factor about a point of the element, pixels; about its middle if none is given. */
  zoom(factor, at) {
    const box = this.canvas.getBoundingClientRect(), p = at || { x: box.width / 2, y: box.height / 2 };
    const unit = 1 / Math.max(box.width, box.height), before = this.view.zoom;
    const zoom = Math.max(1, Math.min(ImpastoPlayer.MOST_ZOOM, before * factor));
    this._look(this.view.x + p.x * unit * (1 / before - 1 / zoom), this.view.y + p.y * unit * (1 / before - 1 / zoom), zoom);
  }

  pan(dx, dy) {
    const box = this.canvas.getBoundingClientRect(), unit = 1 / Math.max(box.width, box.height) / this.view.zoom;
    this._look(this.view.x - dx * unit, this.view.y - dy * unit, this.view.zoom);
  }

  _look(x, y, zoom) {
    const [height, width] = this.painting.aspect, longer = Math.max(height, width);
    const within = (value, extent) => Math.max(0, Math.min(extent * (1 - 1 / zoom), value));
    this.view = { x: within(x, width / longer), y: within(y, height / longer), zoom };
    this._touch();
  }

  /* A point of the element in canvas units. */
  place(x, y) {
    const box = this.canvas.getBoundingClientRect(), unit = 1 / Math.max(box.width, box.height) / this.view.zoom;
    return [this.view.x + x * unit, this.view.y + y * unit];
  }

  // --- drawing ----------------------------------------------------------------------------------------------------

  _touch() {
    this.dirty = true;
    this.sharp = false;
    this.touched = performance.now();
    this.onchange();
  }

  _frame(now) {
    if (!this.canvas.isConnected && this.wasThere) return; // removed from its page
    this.wasThere = this.canvas.isConnected;
    if (this.playing) this._advance(now);
    if (this._waiting) this._hover(this._waiting);
    const rests = !this.playing && !this.live && now - this.touched > 180;
    if ((this.dirty || (rests && !this.sharp)) && !this.renderer.busy) {
      this._resize(rests);
      this.renderer.textured = this.textured && !(this.live && this.renderer.software);
      this.renderer.show({ count: this.count, view: this.view, mark: this.mark, settled: !this.live });
      this.dirty = false;
      this.sharp = rests;
    }
    requestAnimationFrame(this._frame);
  }

  /* As many pixels as the element has; fewer while it moves and no graphics card draws it. */
  _resize(rests) {
    const box = this.canvas.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
    let longer = Math.min(this.most, Math.max(box.width, box.height) * ratio);
    if (this.renderer.software) longer = Math.min(longer, ImpastoPlayer.SOFTWARE_SIDES[Number(rests)]);
    const [height, width] = this.painting.aspect, scale = Math.max(1, longer) / Math.max(height, width);
    const [w, h] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
    if (this.canvas.width !== w || this.canvas.height !== h) Object.assign(this.canvas, { width: w, height: h });
  }

  // --- pointer ----------------------------------------------------------------------------------------------------

  _listen() {
    const canvas = this.canvas, at = (event) => {
      const box = canvas.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    canvas.style.touchAction = "none";
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), at(event));
    }, { passive: false });
    canvas.addEventListener("dblclick", (event) => {
      if (this.view.zoom > 1.01) this.reset();
      else this.zoom(4, at(event));
    });
    canvas.addEventListener("pointerdown", (event) => {
      if (this.held) return;
      canvas.setPointerCapture(event.pointerId);
      this._pointers.set(event.pointerId, at(event));
    });
    canvas.addEventListener("pointermove", (event) => this._move(event, at(event)));
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => this._pointers.delete(event.pointerId));
    }
    canvas.addEventListener("pointerleave", () => {
      this._waiting = null;
      this._point(null);
    });
  }

  _move(event, here) {
    const before = this._pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse" && !this.held) this._hover(here);
      return;
    }
    const others = [...this._pointers.entries()].filter(([id]) => id !== event.pointerId).map(([, p]) => p);
    if (others.length === 1) { // two fingers
      const [other] = others, spread = (p) => Math.hypot(p.x - other.x, p.y - other.y) || 1;
      this.zoom(spread(here) / spread(before), { x: (here.x + other.x) / 2, y: (here.y + other.y) / 2 });
      this.pan((here.x - before.x) / 2, (here.y - before.y) / 2);
    } else {
      this.pan(here.x - before.x, here.y - before.y);
    }
    this._pointers.set(event.pointerId, here);
  }

  _hover(here) {
    if (this.playing || this.live || !this.renderer.view) return;
    this._waiting = this.renderer.busy ? here : null; // looked at again once it is not
    if (this._waiting) return;
    const [x, y] = this.place(here.x, here.y);
    this._point(this.renderer.strokeAt(x, y, this.count));
  }

  _point(n) {
    if (n === this.mark) return;
    this.mark = n;
    this.dirty = true;
    this.sharp = this.sharp && !this.renderer.software;
    this.onhover(n === null ? null : { number: n + 1, ...this.renderer.describe(n) });
  }
}
