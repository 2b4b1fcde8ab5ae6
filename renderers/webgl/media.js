/* Strokes in their medium on a sheet, with WebGL2, as renderers/media/ draws them: beside the canvas lies a plane of
   pigment load or of height, and one pass at the end turns both into what is seen. The kernels are GLSL translated from
   the Python ones (media_shaders.py). `ImpastoMedium` is what paint.js draws with where a painting has texture. Needs
   glsl.js before this. */
const ImpastoMedium = (() => {
  const { MOST_TAPS, number } = ImpastoGlsl, REFLECTED = 12;

  const functions = (part, names) => names.map((name) => part.functions[name]).join("\n");

  /* The sheet's height at a place, of the ground that is asked for. */
  const heightOf = (shared, ground) => {
    const paper = shared.papers[ground];
    const [pebbles, depth, fibres, height] = (paper || []).map(number);
    const value = ground === "linen" ? `k_linen(place.x, place.y, view.z, ${number(shared.threads)})`
      : ground === "smooth" ? "0.0" : `${height} * k_paper(place.x, place.y, view.z, ${pebbles}, ${depth}, ${fibres})`;
    return `float sheetHeight(vec2 place) { return ${value}; }\n`;
  };

  const AT = "uniform vec4 view; vec2 at;\n";

  const sheetOf = (head, part, shared, ground) => `${head}${AT}${functions(part, part.sheet)}
  ${heightOf(shared, ground)} out vec4 color;
  void main() {
    at = view.xy + view.z * gl_FragCoord.xy;
    color = vec4(sheetHeight(at), 0.0, 0.0, 0.0);
    ${part.raster}
  }`;

  // What only depends on the sheet: grain, what the margin leaves, and six parts in bytes.
  const fieldsOf = (head, part, shared, ground) => `${head}${AT}
  uniform sampler2D sheet, calm; uniform float margin, strength, sheet_columns, calm_size, calm_rows, calm_columns;
  uniform float how[8], size[2];
  layout(location = 0) out vec4 first; layout(location = 1) out vec4 second;
  float height_at(float i, float j); float image_at(float i, float j);
  ${functions(part, part.fields)}
  ${heightOf(shared, ground)}
  float height_at(float i, float j) {
    ivec2 p = ivec2(j, i) - ivec2(0, 1), end = textureSize(sheet, 0);
    if (min(p.x, p.y) >= 0 && p.x < end.x && p.y < end.y) return texelFetch(sheet, p, 0).r;
    return sheetHeight(view.xy + view.z * (vec2(p) + 0.5));
  }
  float image_at(float i, float j) { return texelFetch(calm, ivec2(j, i), 0).r; }
  void main() {
    at = view.xy + view.z * gl_FragCoord.xy;
    float grain, parts[6], kept;
    k_fill(how, strength, view.z, 0, margin, size, grain, parts, kept, gl_FragCoord.y - 0.5, gl_FragCoord.x - 0.5);
    first = vec4(grain, margin > 0.0 ? kept : 1.0, parts[0], parts[1]);
    second = vec4(parts[2], parts[3], parts[4], parts[5]);
  }`;

  // Where a painting is calm: how much its colours change, and that smoothed along x and y.
  const CHANGES = `
  uniform int count; uniform float taps[${2 * REFLECTED + 1}], busy; out vec4 color;
  float grey(ivec2 p) { vec3 c = paintAt(clamp(p, ivec2(0), canvasSize() - 1)).rgb; return (c.r + c.g + c.b) / 3.0; }
  void main() {
    ivec2 p = ivec2(gl_FragCoord.xy);
    color = vec4(0.5 * length(vec2(grey(p + ivec2(1, 0)) - grey(p - ivec2(1, 0)), grey(p + ivec2(0, 1)) - grey(p - ivec2(0, 1)))));
  }`;
  const SMOOTHED = `
  uniform sampler2D image; uniform ivec2 along; uniform float taps[${2 * REFLECTED + 1}], busy; out vec4 color;
  void main() {
    ivec2 last = textureSize(image, 0) - 1, p = ivec2(gl_FragCoord.xy); float sum = 0.0;
    for (int k = -${REFLECTED}; k <= ${REFLECTED}; k++) {
      ivec2 q = abs(p + k * along); // reflected at the edges
      sum += taps[k + ${REFLECTED}] * texelFetch(image, clamp(last - abs(last - q), ivec2(0), last), 0).r;
    }
    color = vec4(busy > 0.0 ? exp(-square(sum / busy)) : sum);
  }`;

  const DENSITIES = (part) => `
  uniform sampler2D plane, fieldsA, fieldsB; uniform float reference[3], how[8], strength, darkest;
  ${functions(part, part.finish)}
  vec4 finished(ivec2 p) {
    vec4 paint = within(paintAt(p), p), a = texelFetch(fieldsA, p, 0), b = texelFetch(fieldsB, p, 0);
    float canvas[4] = float[4](paint.r, paint.g, paint.b, paint.a), seen[4];
    float parts[6] = float[6](a.b, a.a, b.r, b.g, b.b, b.a);
    k_see(canvas, texelFetch(plane, p, 0).r * shown(p), a.r, parts, a.g, reference, how, strength, darkest, seen, 0.0, 0.0);
    return vec4(seen[0], seen[1], seen[2], seen[3]);
  }`;

  // Paint and its height within region and margin.
  const FADED = (part) => `
  uniform sampler2D sheet, plane; uniform float margin, size[2], strength; vec2 at;
  ${functions(part, part.finish)}
  vec4 faded(ivec2 p, inout float height) {
    vec4 paint = within(paintAt(p), p);
    height *= shown(p);
    if (margin == 0.0) return paint;
    float canvas[4] = float[4](paint.r, paint.g, paint.b, paint.a);
    at = view.xy + view.z * (vec2(p) + 0.5);
    k_fade_margin(canvas, height, texelFetch(sheet, p, 0).r,
      float[4](ground.r, ground.g, ground.b, ground.a), margin, size, view.z, 0, 0.0, 0.0);
    return vec4(canvas[0], canvas[1], canvas[2], canvas[3]);
  }`;
  const SURFACE = (part) => `${FADED(part)}
  out vec4 color;
  void main() {
    ivec2 p = ivec2(gl_FragCoord.xy);
    float height = texelFetch(plane, p, 0).r / HEIGHT, sheet = texelFetch(sheet, p, 0).r;
    faded(p, height);
    color = HEIGHT * vec4(height, height + ${part.cloth}, 0.0, 0.0);
  }`;
  const TAPS = `
  uniform float smoothTaps[${MOST_TAPS}], slopeTaps[${MOST_TAPS}], castTaps[${MOST_TAPS}];
  uniform int reach, castReach, castStep;`;
  const ALONG = `${TAPS}
  uniform sampler2D surface; out vec4 color;
  void main() {
    ivec2 p = ivec2(gl_FragCoord.xy); int last = textureSize(surface, 0).x - 1; vec3 sum = vec3(0.0);
    for (int k = -reach; k <= reach; k++) {
      float h = texelFetch(surface, ivec2(clamp(p.x + k, 0, last), p.y), 0).g;
      sum.rg += h * vec2(smoothTaps[k + reach], slopeTaps[k + reach]);
    }
    for (int k = -castReach; k <= castReach; k++)
      sum.b += castTaps[k + castReach] * texelFetch(surface, ivec2(clamp(p.x + k * castStep, 0, last), p.y), 0).r;
    color = vec4(sum, 0.0);
  }`;
  const LIT = (part) => `${FADED(part)} ${TAPS}
  uniform sampler2D surface, along; uniform float how[5], toward[3], middle[3];
  vec4 finished(ivec2 p) {
    float height = texelFetch(plane, p, 0).r / HEIGHT, cast_ = 0.0;
    vec4 paint = faded(p, height);
    int last = textureSize(along, 0).y - 1; vec2 slope = vec2(0.0);
    for (int k = -reach; k <= reach; k++) {
      vec2 h = texelFetch(along, ivec2(p.x, clamp(p.y + k, 0, last)), 0).rg;
      slope += vec2(h.y * smoothTaps[k + reach], h.x * slopeTaps[k + reach]);
    }
    for (int k = -castReach; k <= castReach; k++)
      cast_ += castTaps[k + castReach] * texelFetch(along, ivec2(p.x, clamp(p.y + k * castStep, 0, last)), 0).b / HEIGHT;
    ${part.dark ? `float depth = ${part.depth}; paint.rgb *= ${part.dark};` : ""}
    float canvas[4] = float[4](paint.r, paint.g, paint.b, paint.a), seen[4];
    k_shine(canvas, slope.x, slope.y, how, toward, middle, seen, 0.0, 0.0);
    return vec4(seen[0], seen[1], seen[2], seen[3]);
  }`;

  /* Taps around a middle, at most MOST_TAPS of them, of this sum: weights(k) of texel k · step. */
  function normal(reach, step, weight, sum = 1) {
    const taps = new Float32Array(MOST_TAPS);
    for (let k = -reach; k <= reach; k++) taps[k + reach] = weight(k * step);
    const total = taps.reduce((a, b) => a + b, 0);
    return taps.map((tap) => (sum * tap) / total);
  }

  /* Of the light on a surface smoothed by `detail` and of its slopes, where pixels are this wide (canvas units). */
  function lightTaps(pixel, detail, constants, difference, scale) {
    const { DRAWN_VARIANCE, TAIL } = constants, widest = ((MOST_TAPS - 1) / 2 - 2) / TAIL;
    const wanted = Math.min(Math.sqrt(Math.max(0, (detail / pixel) ** 2 - DRAWN_VARIANCE)), widest);
    const deviation = wanted > 0.3 ? wanted : 0, inner = Math.floor(Math.ceil(TAIL * deviation)), reach = inner + 2;
    const gaussian = normal(inner, 1, (k) => (deviation ? Math.exp(-((k / deviation) ** 2) / 2) : 1));
    const smooth = new Float32Array(MOST_TAPS), slopes = new Float32Array(MOST_TAPS);
    for (let k = 0; k <= 2 * inner; k++) {
      smooth[k + 2] = gaussian[k];
      difference.forEach((weight, m) => { slopes[k + m] += (gaussian[k] * weight) / pixel / scale; });
    }
    return { smooth, slopes, reach };
  }

  /* Of a shadow to the lower right. */
  function castTaps(pixel, { OFFSET, BLUR }) {
    const deviation = Math.max(0.3, BLUR / pixel), offset = OFFSET / pixel, far = Math.ceil(offset + 4 * deviation);
    const step = Math.ceil(far / ((MOST_TAPS - 1) >> 1)), reach = Math.ceil(far / step);
    return { taps: normal(reach, step, (k) => Math.exp(-(((k + offset) / deviation) ** 2) / 2)), reach, step };
  }

  return class {
    /* `renderer`: of paint.js; `part`: of its brush, `shared`: of all. */
    constructor(renderer, part, shared, head, difference, constants) {
      Object.assign(this, { renderer, part, shared, head, difference, constants });
      this.sheetKey = this.fieldsKey = this.calmKey = "";
    }

    get texture() { return this.renderer.painting.texture; }

    /* GLSL of the strokes' shader: functions, and what it does with a stroke at a point. */
    get strokes() {
      const { part } = this;
      return {
        functions: functions(part, part.paint), stroke: part.stroke, lay: part.lay,
        constants: Object.entries(part.constants).map(([name, value]) => `const float MEDIUM_${name} = ${number(value)};`).join("\n"),
        margin: number(part.constants.MARGIN || 0), scale: part.wet ? "1.0" : "HEIGHT",
      };
    }

    /* The sheet at these pixels, for the strokes that follow. */
    prepare(width, height, key) {
      const { renderer, texture } = this, { gl } = renderer;
      this.sheet = renderer._target("sheet", width, height, [renderer.exact]);
      key += texture.ground;
      if (key === this.sheetKey && !this.sheet.fresh) return;
      this.sheetKey = key;
      this.sheet.fresh = false;
      const program = renderer._use(`sheet ${renderer.kind} ${texture.ground}`, null, () => sheetOf(this.head(), this.part, this.shared, texture.ground));
      renderer._into(this.sheet, program);
      renderer._quad();
    }

    bindSheet(program) {
      this.renderer._sampler(program.sheets, 4, this.sheet.textures[0]);
      this.renderer.gl.uniform1f(program.strength, this.texture.strength);
    }

    /* What is seen, onto a target or the window. */
    finish(output, extent, settled) {
      const { renderer, texture, part } = this, { gl } = renderer;
      const { width, height } = this.sheet;
      if (part.wet) this._fields(width, height, extent, settled);
      else this._surface(width, height, extent);
      const program = renderer._use(`seen ${renderer.look}`, null, () => renderer.seenBy((part.wet ? DENSITIES : LIT)(part)));
      renderer._into(output, program);
      this._bind(program, extent);
      if (part.wet) {
        const { bare } = renderer, paper = bare[3] === 1 && Math.min(...bare) > this.shared.paper;
        const { DARKEST, FULLY } = this.shared.darkest;
        renderer._sampler(program.fieldsA, 5, this.fields.textures[0]);
        renderer._sampler(program.fieldsB, 6, this.fields.textures[1]);
        gl.uniform1fv(program.reference, paper ? bare.slice(0, 3) : [1, 1, 1]);
        gl.uniform1fv(program.how, part.density);
        gl.uniform1f(program.darkest, texture.limited ? DARKEST * Math.max(1, FULLY / texture.strength) : 3e38);
      } else this._bindLight(program);
      renderer._show(program, output, height);
    }

    _bind(program, extent) {
      const { renderer, texture } = this, { gl } = renderer;
      renderer._bindSeen(program, extent);
      renderer._sampler(program.plane, 4, renderer.targets.canvas.textures.at(-1));
      if (program.sheet !== undefined) renderer._sampler(program.sheet, 7, this.sheet.textures[0]);
      gl.uniform1f(program.strength, texture.strength);
      gl.uniform1f(program.margin, texture.margin);
      gl.uniform1fv(program.size, extent);
    }

    _fields(width, height, extent, settled) {
      const { renderer, texture, part, shared } = this, { gl } = renderer;
      if (part.density[6] > 0 && settled) this._calm(Math.min(Math.max(width, height) * renderer.zoom, Math.round(1 / shared.calm.PIXEL)));
      const calm = this.calmKey.startsWith(`${renderer.revision} `) ? renderer.targets.calm : null;
      const key = `${this.sheetKey} ${texture.margin} ${texture.strength} ${calm ? this.calmKey : ""}`;
      this.fields = renderer._target("fields", width, height, [renderer.exact, renderer.exact]);
      if (key === this.fieldsKey && !this.fields.fresh) return;
      this.fieldsKey = key;
      this.fields.fresh = false;
      const program = renderer._use(`fields ${renderer.kind} ${texture.ground}`, null, () => fieldsOf(this.head(), part, shared, texture.ground));
      renderer._into(this.fields, program);
      renderer._sampler(program.sheet, 7, this.sheet.textures[0]);
      renderer._sampler(program.calm, 5, calm ? calm.textures[0] : this.sheet.textures[0]);
      gl.uniform4fv(program.view, renderer.view);
      gl.uniform1f(program.margin, texture.margin);
      gl.uniform1f(program.strength, texture.strength);
      gl.uniform1f(program.sheet_columns, renderer.zoom > 1 ? 1e9 : width);
      gl.uniform1f(program.calm_size, calm ? 1 : 0);
      gl.uniform1f(program.calm_rows, calm ? calm.height : 2);
      gl.uniform1f(program.calm_columns, calm ? calm.width : 2);
      gl.uniform1fv(program.how, part.density);
      gl.uniform1fv(program.size, extent);
      renderer._quad();
    }

    /* Where the whole painting, drawn without texture, is calm. */
    _calm(longer) {
      const { renderer } = this, { gl } = renderer, { PIXEL, SPREAD, BUSY } = this.shared.calm;
      const [rows, columns] = renderer.painting.aspect, scale = longer / Math.max(rows, columns);
      const [width, height] = [columns, rows].map((side) => Math.max(1, Math.round(side * scale)));
      const key = `${renderer.revision} ${width} ${height}`;
      if (key === this.calmKey || Math.min(width, height) < 2) return;
      this.calmKey = key;
      const taps = normal(REFLECTED, 1, (k) => Math.exp(-((k / SPREAD) ** 2) / 2)).slice(0, 2 * REFLECTED + 1);
      renderer._drawnPlain(width, height, (extent) => {
        let from = null;
        for (const [name, text, along, busy] of [["changes", CHANGES, [0, 0], 0], ["smoothed", SMOOTHED, [1, 0], 0], ["calm", SMOOTHED, [0, 1], BUSY]]) {
          const target = renderer._target(name, width, height, [renderer.exact]);
          const program = renderer._use(from ? "smoothed" : `changes ${renderer.look}`, null,
            () => (from ? this.head() + text : renderer.seenBy(text, true)));
          renderer._into(target, program);
          if (from) {
            renderer._sampler(program.image, 5, from.textures[0]);
            gl.uniform2iv(program.along, along);
            gl.uniform1f(program.busy, busy);
            gl.uniform1fv(program.taps, taps);
          } else renderer._bindSeen(program, extent);
          renderer._quad();
          from = target;
        }
      });
    }

    /* The height of paint and sheet, smoothed along x, with its slope, and the shadow's height. */
    _surface(width, height, extent) {
      const { renderer, part } = this, { gl } = renderer;
      const surface = renderer._target("surface", width, height, [renderer.exact]);
      const raised = renderer._use(`surface ${renderer.look}`, null, () => renderer.seenBy(SURFACE(part), true));
      renderer._into(surface, raised);
      this._bind(raised, extent);
      renderer._quad();
      const along = renderer._target("lit", width, height, [renderer.exact]);
      const program = renderer._use("lit along", null, () => this.head() + ALONG);
      renderer._into(along, program);
      this._bindLight(program);
      renderer._quad();
    }

    _bindLight(program) {
      const { renderer, part, texture } = this, { gl } = renderer, pixel = renderer.view[2], { light } = part;
      const taps = lightTaps(pixel, light.detail, this.constants, this.difference, this.renderer.heightScale);
      const cast = part.dark ? castTaps(pixel, part.constants) : { taps: new Float32Array(MOST_TAPS), reach: -1, step: 1 };
      gl.uniform1fv(program.smoothTaps, taps.smooth);
      gl.uniform1fv(program.slopeTaps, taps.slopes);
      gl.uniform1i(program.reach, taps.reach);
      if (program.castTaps) gl.uniform1fv(program.castTaps, cast.taps);
      gl.uniform1i(program.castReach, cast.reach);
      gl.uniform1i(program.castStep, cast.step);
      renderer._sampler(program.surface, 5, renderer.targets.surface.textures[0]);
      if (!program.toward) return;
      renderer._sampler(program.along, 6, renderer.targets.lit.textures[0]);
      const { toward } = this.shared, middle = [toward[0], toward[1], toward[2] + 1], length = Math.hypot(...middle);
      const strength = Math.max(renderer.painting.relief, (light.faint ?? 1) * texture.strength);
      gl.uniform1fv(program.toward, toward);
      gl.uniform1fv(program.middle, middle.map((value) => value / length));
      gl.uniform1fv(program.how, [strength, light.contrast, light.gloss, light.roughness ** 2, light.sheen]);
    }
  };
})();
