"use strict";
/* Draws strokes with WebGL2, as renderers/drawing.py draws them. Rows of 64 bytes (stroke_rows.py) go to the graphics card
   as they are. The engines are GLSL translated from the Python kernels; constants come from there, too. Needs glsl.js,
   tables.js and webgl.js before this; texture needs media.js, lines of pencil pencil.js, too.

   const renderer = new ImpastoPaint.Renderer(canvas);       throws where there is no WebGL2
   renderer.open({brush, aspect: [height, width], ground: [r, g, b] or null, relief, region, stamp, mixing, texture});
   renderer.setRows(arrayBuffer);
   renderer.textured = false;                                without the texture {strength, ground, margin, limited}
   renderer.show({count, view: {x, y, zoom}});               x, y: upper left corner, canvas units */
const ImpastoPaint = (() => {
  const { SHADERS, HEIGHT, HEAD, SEEN, OUTPUT, PLAINLY, GROUND, ALONG, COPY, vertexOf, fragmentOf } = ImpastoGlsl;
  const { slopeTaps, stampSums } = ImpastoTables;
  const ROW = 64;

  /* A text of GLSL and another after it, without the functions that are in both. */
  function withoutTwice(text, over) {
    return text + over.replace(/^\S+ (k_\w+)\([^]*?^}\n/gm, (found, name) => (text.includes(`${name}(`) ? "" : found));
  }

  class Renderer extends ImpastoWebgl {
    constructor(canvas) {
      super(canvas);
      this.textured = true;
      this.heightScale = HEIGHT;
      this.rows = new ArrayBuffer(0);
      this.painting = null;
      canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
      canvas.addEventListener("webglcontextrestored", () => {
        this._begin();
        if (this.painting) { this.open(this.painting); this.setRows(this.rows); this.show(this.last || {}); }
      });
      this._begin();
    }

    _begin() {
      super._begin();
      this.revision = 0;
      this.drawn = -1;
      this.strokes = this.gl.createVertexArray();
      this.buffer = this.gl.createBuffer();
      this.region = this.table = this.lines = this.seenLines = this.fence = null;
    }

    /* Which painting: what its rows are drawn on. `region` and `stamp`: {width, height, levels: Uint8Array}. */
    open(painting) {
      const gl = this.gl;
      this.painting = { relief: 0, region: null, stamp: null, texture: null, ...painting };
      this.kind = SHADERS.brushes[painting.brush] ? painting.brush : "stamp";
      this.mixing = painting.mixing === "pigment" && gl.getParameter(gl.MAX_DRAW_BUFFERS) >= 5;
      this.pencilled = Boolean(painting.pencil > 0 && SHADERS.pencil && this.exact === gl.RGBA32F);
      this.look = [this.kind, this.mixing ? "mixed" : "", this.pencilled ? "pencilled" : ""].join(" ");
      const part = SHADERS.media && SHADERS.media[this.kind];
      this.medium = painting.texture && part
        ? new ImpastoMedium(this, part, SHADERS.papers, () => HEAD(this.mixing), SHADERS.difference, SHADERS.constants) : null;
      this.revision += 1;
      this.drawn = -1;
      for (const texture of [this.region, this.table]) if (texture) gl.deleteTexture(texture);
      this.region = painting.region && this._texture(painting.region.width, painting.region.height, gl.R8, gl.RED,
        gl.UNSIGNED_BYTE, painting.region.levels, gl.LINEAR);
      this.table = painting.stamp && this._stamp(painting.stamp);
    }

    setRows(rows) {
      const gl = this.gl;
      this.rows = rows;
      this.count = rows.byteLength / ROW;
      gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
      gl.bufferData(gl.ARRAY_BUFFER, rows, gl.DYNAMIC_DRAW);
      this.revision += 1;
      this.drawn = -1;
    }

    /* Whether the last picture is still being drawn: another one now would only queue up. */
    get busy() {
      if (!this.fence) return false;
      const state = this.gl.clientWaitSync(this.fence, 0, 0);
      if (state === this.gl.TIMEOUT_EXPIRED) return true;
      this.gl.deleteSync(this.fence);
      this.fence = null;
      return false;
    }

    /* The medium that is drawn, if texture is wanted and there are floats for it. */
    get shownMedium() { return this.textured && !this.bytes ? this.medium : null; }

    /* Show the first `count` strokes, through a view. `mark`: the number of a stroke to point out; `settled`: whether
       no others are coming, so that it pays to look at all of them. */
    show(wanted = {}) {
      const gl = this.gl, { count = this.count, view = { x: 0, y: 0, zoom: 1 }, mark = null, settled = true } = wanted;
      this.last = wanted;
      const { width, height } = this.canvas;
      this._paint(width, height, count, view);
      this._finish(null, width, height, false, settled);
      if (mark !== null && mark < count) this._mark(mark);
      if (this.fence) gl.deleteSync(this.fence);
      this.fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
      gl.flush();
    }

    /* Straight RGBA, from the top: Uint8Array of width · height · 4. */
    pixels(width, height, count = this.count, view = { x: 0, y: 0, zoom: 1 }) {
      const gl = this.gl, out = new Uint8Array(width * height * 4);
      this._paint(width, height, count, view);
      const bytes = this._target("bytes", width, height, [gl.RGBA8]);
      this._finish(bytes, width, height, true, true);
      gl.bindFramebuffer(gl.FRAMEBUFFER, bytes.frame);
      gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, out);
      gl.bindFramebuffer(gl.FRAMEBUFFER, null);
      return out;
    }

    /* The number of the uppermost of the first `count` strokes at a point of the canvas (its units); null if there is
       none. Something must have been shown before. */
    strokeAt(x, y, count = this.count) {
      const gl = this.gl, out = new Uint8Array(4), before = this.view, pixel = before[2];
      this.view = [x - pixel / 2, y - pixel / 2, pixel, 0];
      this._strokes(0, count, 1, this._cleared("point", 1, 1));
      gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, out);
      gl.bindFramebuffer(gl.FRAMEBUFFER, null);
      this.view = before;
      const n = out[0] + 256 * out[1] + 65536 * out[2];
      return n ? n - 1 : null;
    }

    /* What is known of a stroke: {start, end, opacity, shape}, colours as '#rrggbb'. */
    describe(n) {
      const at = new DataView(this.rows, n * ROW, ROW), value = (k) => at.getFloat32(4 * k, true);
      const hex = (k) => "#" + [0, 1, 2].map((c) => Math.round(255 * value(k + c)).toString(16).padStart(2, "0")).join("");
      const shape = Array.from({ length: 8 }, (_, k) => value(k));
      return { start: hex(8), end: hex(12), opacity: value(11), shape };
    }

    // --- drawing ----------------------------------------------------------------------------------------------

    _paint(width, height, count, view) {
      const pixel = 1 / (Math.max(width, height) * view.zoom);
      const target = this._canvas("canvas", width, height), medium = this.shownMedium;
      const key = [width, height, view.x, view.y, view.zoom, !medium].join();
      if (key !== this.key || target.fresh || count < this.drawn) this.drawn = -1;
      this.key = key;
      this.zoom = view.zoom;
      this.view = [view.x, view.y, pixel, 0];
      this.extent = [width * pixel * view.zoom, height * pixel * view.zoom];
      if (medium) medium.prepare(width, height, key);
      if (this.drawn < 0) this._bare(target, medium ? 0 : SHADERS.brushes[this.kind].body.grain);
      this._lay(Math.max(0, this.drawn), count, target, medium);
      this.drawn = count;
    }

    /* Textures that strokes are laid on. */
    _canvas(name, width, height) {
      const { gl } = this;
      return this._target(name, width, height, [...Array(this.mixing ? 4 : 1).fill(gl.RGBA16F), this.blended]);
    }

    /* The ground alone. */
    _bare(target, grain) {
      const { gl } = this, { ground } = this.painting;
      this.bare = ground ? [...ground, 1] : [0, 0, 0, 0];
      const program = this._use(`ground ${this.mixing}`, null, () => GROUND(this.mixing));
      this._into(target, program);
      gl.uniform4fv(program.ground, this.bare);
      gl.uniform1f(program.grain, grain);
      this._quad();
      target.fresh = false;
    }

    _lay(from, to, target, medium) {
      const { gl } = this;
      gl.enable(gl.BLEND);
      gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
      this._strokes(from, to, 0, target, [1, 1, 1, 1], medium);
      gl.disable(gl.BLEND);
    }

    /* Draw the whole painting without texture at this size, let it be looked at as `targets.canvas`, and go back. */
    _drawnPlain(width, height, look) {
      const { view, extent } = this, { canvas } = this.targets, pixel = 1 / Math.max(width, height);
      this.view = [0, 0, pixel, 0];
      const plain = this._canvas("plain", width, height);
      this._bare(plain, 0);
      this._lay(0, this.count, plain, null);
      this.targets.canvas = plain;
      look([width * pixel, height * pixel]);
      Object.assign(this, { view, extent });
      this.targets.canvas = canvas;
    }

    /* Strokes `from` … `to` - 1 onto a target, for a purpose: 0 paint, 1 their numbers, 2 in one plain color. */
    _strokes(from, to, purpose, target, color = [1, 1, 1, 1], medium = null) {
      const gl = this.gl;
      if (to <= from) return;
      const { kind, mixing } = this, strokes = medium && medium.strokes;
      const program = this._use(`${this.look} ${medium ? "textured" : "plain"}`,
        () => vertexOf(kind, mixing, strokes ? strokes.margin : undefined), () => fragmentOf(kind, mixing, strokes));
      this._into(target, program);
      if (medium) medium.bindSheet(program);
      gl.uniform2f(program.target, target.width, target.height);
      gl.uniform1i(program.purpose, purpose);
      gl.uniform4fv(program.marked, color);
      gl.uniform1i(program.offset, from);
      if (this.kind === "stamp") {
        this._sampler(program.table, 9, this.table);
        gl.uniform2fv(program.stampHalf, this.half);
      }
      this._bindRows(from);
      gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, to - from);
      gl.bindVertexArray(null);
    }

    /* One stroke in a plain colour over the window. */
    _mark(n) {
      const gl = this.gl, { width, height } = this.canvas, { start } = this.describe(n);
      const marked = this._cleared("marked", width, height);
      const [red, green, blue] = [1, 3, 5].map((k) => parseInt(start.slice(k, k + 2), 16));
      const light = 0.3 * red + 0.6 * green + 0.1 * blue > 150;
      this._strokes(n, n + 1, 2, marked, light ? [0.75, 0, 0.35, 0.8] : [1, 0.85, 0.2, 0.8]);
      const program = this._use("copy", null, COPY);
      gl.bindFramebuffer(gl.FRAMEBUFFER, null);
      this._sampler(program.image, 0, marked.textures[0]);
      gl.uniform1i(program.rows, height);
      gl.enable(gl.BLEND);
      this._quad();
      gl.disable(gl.BLEND);
    }

    /* Light and region, or all that a medium does, onto a target or the window. */
    _finish(target, width, height, straight, settled) {
      const gl = this.gl, { canvas } = this.targets, { relief } = this.painting;
      const output = target || { frame: null, width, height, straight };
      if (this.pencilled && settled) this._seePencil();
      if (this.shownMedium) return this.shownMedium.finish({ ...output, straight }, this.extent, settled);
      let taps = null;
      if (relief > 0) {
        taps = slopeTaps(this.view[2]);
        const along = this._target("along", width, height, [gl.RGBA16F]), program = this._use("along", null, ALONG);
        this._into(along, program);
        this._sampler(program.heights, 5, canvas.textures.at(-1));
        this._taps(program, taps);
        this._quad();
      }
      const program = this._use(`show ${this.look}`, null, () => this.seenBy(PLAINLY));
      this._into(output, program);
      this._bindSeen(program, this.extent);
      this._sampler(program.along, 6, taps ? this.targets.along.textures[0] : canvas.textures.at(-1));
      if (taps) this._taps(program, taps);
      gl.uniform1f(program.relief, relief);
      this._show(program, { ...output, straight }, height);
    }

    /* GLSL that looks at the canvas: with `finished(pixel)` what is seen, with `bare` a main of its own. */
    seenBy(text, bare = false) {
      const over = this.pencilled && !bare ? ImpastoPencil.GLSL({ ...SHADERS.pencil, at: !text.includes("vec2 at;") }) : "";
      return HEAD(this.mixing) + SEEN(this.mixing) + withoutTwice(text, over) + (bare ? "" : OUTPUT(over));
    }

    _bindSeen(program, extent) {
      const { gl } = this, { textures } = this.targets.canvas;
      ["canvas", "canvas1", "canvas2", "canvas3"].forEach((name, k) => this._sampler(program[name], k, textures[Math.min(k, textures.length - 1)]));
      this._sampler(program.region, 8, this.region || textures[0]);
      gl.uniform4fv(program.ground, this.bare);
      gl.uniform2fv(program.extent, extent);
      gl.uniform1i(program.limited, this.region ? 1 : 0);
    }

    /* Where lines go, as a texture: seen on a drawing of the whole painting, and fewer where it is shown smaller. */
    _seePencil() {
      const { gl } = this, part = SHADERS.pencil, [rows, columns] = this.painting.aspect, longer = Math.max(rows, columns);
      const [width, height] = [columns, rows].map((side) => Math.max(1, Math.round((side * part.SIDE) / longer)));
      if (this.seenLines?.revision !== this.revision) {
        const pixels = new Float32Array(4 * width * height);
        this._drawnPlain(width, height, (extent) => {
          const target = this._target("looked at", width, height, [gl.RGBA32F]);
          const program = this._use(`looked at ${this.look}`, null, () => this.seenBy(
            "out vec4 color; void main() { ivec2 p = ivec2(gl_FragCoord.xy); color = within(paintAt(p), p); }", true));
          this._into(target, program);
          this._bindSeen(program, extent);
          this._quad();
          gl.readPixels(0, 0, width, height, gl.RGBA, gl.FLOAT, pixels);
        });
        const lines = ImpastoPencil.lines(pixels, width, height, Boolean(this.painting.ground), part);
        this.seenLines = { lines, revision: this.revision, longer: 0 };
      }
      const shown = Math.min(part.SIDE, Math.round(1 / this.view[2]));
      if (this.seenLines.longer === shown) return;
      const [w, h] = [columns, rows].map((side) => Math.max(1, Math.round((side * shown) / longer)));
      const lines = shown < part.SIDE ? ImpastoPencil.smaller(this.seenLines.lines, width, height, w, h) : this.seenLines.lines;
      if (this.lines) gl.deleteTexture(this.lines);
      this.lines = this._texture(w, h, gl.R32F, gl.RED, gl.FLOAT, lines, gl.NEAREST);
      Object.assign(this.seenLines, { longer: shown, width: w, height: h });
    }

    _bindPencil(program) {
      const { gl, seenLines, shownMedium: medium } = this, shown = this.pencilled && seenLines?.revision === this.revision;
      gl.uniform1f(program.pencilDensity, shown ? SHADERS.pencil.DENSITY * this.painting.pencil : 0);
      this._sampler(program.pencil, 11, shown ? this.lines : this.targets.canvas.textures[0]);
      this._sampler(program.pencilSheet, 10, medium ? medium.sheet.textures[0] : this.targets.canvas.textures[0]);
      if (!shown) return;
      gl.uniform1f(program.sheeted, medium ? 1 : 0);
      gl.uniform1f(program.pencilMargin, medium ? medium.texture.margin : 0);
      gl.uniform1fv(program.pencilSize, this.extent);
      gl.uniform1f(program.line_rows, seenLines.height);
      gl.uniform1f(program.line_columns, seenLines.width);
    }

    _show(program, output, height) {
      if (this.pencilled) this._bindPencil(program);
      this.gl.uniform1i(program.straight, output.straight ? 1 : 0);
      this.gl.uniform1i(program.rows, output.frame ? 0 : height);
      this._quad();
    }

    // --- WebGL ------------------------------------------------------------------------------------------------

    _stamp(stamp) {
      const gl = this.gl, { sums, columns, rows, half } = stampSums(stamp);
      this.half = half;
      return this._texture(columns, rows, gl.R32UI, gl.RED_INTEGER, gl.UNSIGNED_INT, sums, gl.NEAREST);
    }

    _taps(program, { smooth, slopes, reach }) {
      this.gl.uniform1fv(program.smoothTaps, smooth);
      this.gl.uniform1fv(program.slopeTaps, slopes);
      this.gl.uniform1i(program.reach, reach);
    }

    _bindRows(first) {
      const gl = this.gl;
      gl.bindVertexArray(this.strokes);
      gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
      [[4, 0], [4, 16], [4, 32], [3, 48]].forEach(([size, at], k) => {
        gl.enableVertexAttribArray(k);
        gl.vertexAttribPointer(k, size, gl.FLOAT, false, ROW, first * ROW + at);
        gl.vertexAttribDivisor(k, 1);
      });
      gl.enableVertexAttribArray(4);
      gl.vertexAttribIPointer(4, 1, gl.UNSIGNED_INT, ROW, first * ROW + 60);
      gl.vertexAttribDivisor(4, 1);
    }
  }

  return { Renderer, ROW };
})();
