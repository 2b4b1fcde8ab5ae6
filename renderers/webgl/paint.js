"use strict";
/* Draws strokes with WebGL2, as renderers/drawing.py draws them. Rows of 64 bytes (stroke_rows.py) go to the graphics card
   as they are. The engines are GLSL translated from the Python kernels; constants come from there, too. Texture needs
   media.js before this.

   const renderer = new ImpastoPaint.Renderer(canvas);       throws where there is no WebGL2
   renderer.open({brush, aspect: [height, width], ground: [r, g, b] or null, relief, region, stamp, mixing, texture});
   renderer.setRows(arrayBuffer);
   renderer.textured = false;                                without the texture {strength, ground, margin, limited}
   renderer.show({count, view: {x, y, zoom}});               x, y: upper left corner, canvas units */
const ImpastoPaint = (() => {
  const SHADERS = /* SHADERS */ null;
  const ROW = 64, MOST_TAPS = 48;
  const HEIGHT = 256; // heights are kept times this, so that half floats hold them well

  const number = (value) => (/[.e]/.test(String(value)) ? String(value) : value + ".0");
  const constants = (values, prefix = "") => Object.entries(values)
    .map(([name, value]) => `const float ${prefix}${name} = ${number(value)};`).join("\n");

  const floats = (name, values) => `const float ${name}[${values.length}] = float[${values.length}](${values.map(number).join(",")});\n`;

  // Colours as pigments, renderers/pigments.py: so many numbers a colour, in four textures, each with alpha.
  const BANDS = () => {
    const { corners, matrix, floor, power, functions } = SHADERS.mixing, count = matrix[0].length;
    return `#define CHANNELS ${count + 1}
${floats("CORNERS", corners.flat())}${floats("MATRIX", matrix.flat())}${functions}
void bandsOf(vec4 color, out float bands[CHANNELS]) {
  float r = k_linear(color.r), g = k_linear(color.g), b = k_linear(color.b), w = min(r, min(g, b));
  float parts[7] = float[7](w, min(g, b) - w, min(r, b) - w, min(r, g) - w, max(0.0, r - max(g, b)),
    max(0.0, g - max(r, b)), max(0.0, b - max(r, g)));
  for (int k = 0; k < ${count}; k++) {
    float sum = 0.0;
    for (int m = 0; m < 7; m++) sum += parts[m] * CORNERS[m * ${count} + k];
    bands[k] = color.a * pow(${number(floor)} + (1.0 - ${number(floor)}) * sum, -1.0 / ${number(power)});
  }
  bands[${count}] = color.a;
}
float lightOf(float share) { return (square(square(share)) - ${number(floor)}) / (1.0 - ${number(floor)}); }
`;
  };
  const NUMBERS = `#define CHANNELS 4
void bandsOf(vec4 color, out float bands[CHANNELS]) { bands = float[4](color.r, color.g, color.b, color.a); }
`;
  const HEAD = (mixing) => `#version 300 es
precision highp float; precision highp int; precision highp usampler2D; precision highp sampler2D;
${constants(SHADERS.constants)}
const float HEIGHT = ${number(HEIGHT)};
float square(float x) { return x * x; }
float cube(float x) { return x * x * x; }
float length2(float x, float y) { return length(vec2(x, y)); }
${mixing ? BANDS() : NUMBERS}`;

  // What is laid on the textures of a canvas: colour or pigment, and the second plane.
  const LAYING = (mixing) => (mixing ? `
  layout(location = 0) out vec4 color; layout(location = 1) out vec4 color1; layout(location = 2) out vec4 color2;
  layout(location = 3) out vec4 color3; layout(location = 4) out vec4 height;
  void put(float laid[CHANNELS]) {
    float a = laid[10];
    color = vec4(laid[0], laid[1], laid[2], a); color1 = vec4(laid[3], laid[4], laid[5], a);
    color2 = vec4(laid[6], laid[7], laid[8], a); color3 = vec4(laid[9], 0.0, 0.0, a);
  }` : `
  layout(location = 0) out vec4 color; layout(location = 1) out vec4 height;
  void put(float laid[CHANNELS]) { color = vec4(laid[0], laid[1], laid[2], laid[3]); }`);

  // What lies on a canvas, and how much of it a region lets be seen.
  const SEEN = (mixing) => `
  uniform sampler2D canvas, canvas1, canvas2, canvas3, region; uniform vec4 view, ground; uniform vec2 extent;
  uniform bool limited;
  ivec2 canvasSize() { return textureSize(canvas, 0); }
  vec4 paintAt(ivec2 p) {
    vec4 a = texelFetch(canvas, p, 0);
    ${mixing ? `if (a.a <= 0.0) return vec4(0.0);
    vec4 b = texelFetch(canvas1, p, 0), c = texelFetch(canvas2, p, 0), d = texelFetch(canvas3, p, 0);
    float bands[10] = float[10](a.r, a.g, a.b, b.r, b.g, b.b, c.r, c.g, c.b, d.r);
    vec3 light = vec3(0.0);
    for (int k = 0; k < 10; k++)
      light += lightOf(a.a / max(a.a, bands[k])) * vec3(MATRIX[k], MATRIX[10 + k], MATRIX[20 + k]);
    return vec4(a.a * vec3(k_nonlinear(light.r), k_nonlinear(light.g), k_nonlinear(light.b)), a.a);` : "return a;"}
  }
  float shown(ivec2 p) { return limited ? texture(region, (view.xy + view.z * (vec2(p) + 0.5)) / extent).r : 1.0; }
  vec4 within(vec4 paint, ivec2 p) { return limited ? ground + shown(p) * (paint - ground) : paint; }
`;

  // Where a stroke lies: Brush.frame of each brush. Sets center, axis, scale, g (the geometry) and box.
  const CHORD = `
    vec2 p0 = shape0.xy, p1 = shape0.zw, p2 = shape1.xy;
    vec2 chord = p2 - p0;
    float chordLength = sqrt(dot(chord, chord) + 1e-12);
    axis = chordLength > 2e-6 ? chord / chordLength : vec2(1.0, 0.0);
    vec2 off = p1 - (p0 + p2) / 2.0;
    float skew = dot(off, axis) / (chordLength / 2.0);
    float rise = off.y * axis.x - off.x * axis.y;
    center = (p0 + p2) / 2.0 + vec2(-axis.y, axis.x) * (rise / 4.0);
    float radius = BRUSH_RADIUS, halfChord = chordLength / 2.0 / radius;
    rise /= radius; scale = radius;
    g[0] = halfChord; g[1] = skew; g[2] = rise;`;
  const FRAMES = {
    oilpaintbrush: `
    center = shape0.xy; axis = vec2(cos(shape1.x), sin(shape1.x)); scale = shape0.w / 2.0;
    float ratio = shape0.z / shape0.w, sagitta = shape1.y * 2.0 * ratio;
    g[0] = ratio; g[1] = sagitta; box = framed(vec2(ratio, 1.0 + abs(sagitta) / 2.0), footprint / scale);`,
    rectangle: `
    center = shape0.xy; axis = vec2(cos(shape1.x), sin(shape1.x)); scale = shape0.w / 2.0;
    g[0] = shape0.z / shape0.w; box = framed(vec2(g[0], 1.0), footprint / scale);`,
    watercolor: CHORD.replace("BRUSH_RADIUS", "max(shape1.z, shape1.w)") + `
    g[3] = shape1.z / radius; g[4] = shape1.w / radius;
    box = framed(vec2(halfChord + 1.0, abs(rise) / 4.0 + 1.0), footprint / scale);`,
    markerpen: CHORD.replace("BRUSH_RADIUS", "shape1.z") + `
    float beyond = OWN_CORNER * abs(rise) / (abs(rise) + halfChord / 4.0);
    box = framed(vec2(halfChord + 1.0, abs(rise) / 4.0 + 1.0 + beyond), footprint / scale);`,
    stamp: `
    center = shape0.xy; axis = vec2(cos(shape0.w), sin(shape0.w)); scale = shape0.z / 2.0;
    box = stampHalf + footprint / scale + 2.0 / float(max(textureSize(table, 0).x, textureSize(table, 0).y));`,
  };
  // The engine of a stamp, stamp.py: averages over boxes of its texture, from sums of whole numbers.
  const STAMP = `
  const float LEVELS = 4095.0;
  float integral(vec2 at, out uint corner) {
    ivec2 last = textureSize(table, 0) - 1;
    at = clamp(at, vec2(0.0), vec2(last));
    ivec2 k = min(ivec2(at), last - 1);
    vec2 f = at - vec2(k);
    corner = texelFetch(table, k, 0).r;
    float right = float(texelFetch(table, k + ivec2(1, 0), 0).r - corner);
    uint below = texelFetch(table, k + ivec2(0, 1), 0).r;
    float belowRight = float(texelFetch(table, k + ivec2(1, 1), 0).r - below);
    return f.x * right + f.y * (float(below - corner) + f.x * (belowRight - right));
  }
  float average(vec2 at, vec2 size) {
    uint a, b, c, d;
    vec2 low = at - 0.5 * size, high = at + 0.5 * size;
    float rest = integral(high, a) - integral(vec2(low.x, high.y), b)
      - (integral(vec2(high.x, low.y), c) - integral(low, d));
    float share = (float(int(a - b - (c - d))) + rest) / LEVELS / (size.x * size.y);
    return share > 1e-6 ? min(share, 1.0) : 0.0;
  }
  void k_paint(float geometry[5], float u, float v, float fu, float fv, int seed,
               out float alpha, out float mix_, out float relief) {
    vec2 texels = vec2(textureSize(table, 0) - 1) / (2.0 * stampHalf);
    vec2 size = max(vec2(fu, fv) * texels, 1.0), at = (vec2(u, v) + stampHalf) * texels;
    alpha = average(at, size); mix_ = 0.0; relief = 0.0;
    if (alpha > 0.0)
      relief = alpha * clamp(0.5 + alpha - average(at, max(size, OWN_DETAIL * texels)), 0.0, 1.0);
  }`;

  const vertexOf = (brush, mixing, margin = "0.0") => HEAD(mixing) + constants(SHADERS.brushes[brush].constants, "OWN_") + `
  layout(location = 0) in vec4 shape0; layout(location = 1) in vec4 shape1; layout(location = 2) in vec4 first;
  layout(location = 3) in vec3 second; layout(location = 4) in uint seedOf;
  uniform vec4 view; uniform vec2 target; // corner and pixel width in canvas units; pixels
  uniform vec2 stampHalf; uniform highp usampler2D table; uniform int offset;
  flat out vec2 center, axis, box; flat out float scale; flat out float geometry[5]; flat out vec4 start; flat out vec3 end;
  flat out float thickness; flat out int seed, index;
  ${mixing ? "flat out vec4 startBands[3], endBands[3];" : ""}
  vec2 framed(vec2 body, float blur) {
    body += BLUR_REACH * blur;
    return max(body + RIM * blur, body / BODY_SHARE);
  }
  void main() {
    float footprint = SPREAD * view.z;
    float g[5] = float[5](0.0, 0.0, 0.0, 0.0, 0.0);
    ${FRAMES[brush]}
    box += ${margin};
    for (int k = 0; k < 5; k++) geometry[k] = g[k];
    ${mixing ? `float a[CHANNELS], b[CHANNELS];
    bandsOf(vec4(first.rgb, 1.0), a); bandsOf(vec4(second, 1.0), b);
    for (int k = 0; k < 10; k++) { startBands[k / 4][k % 4] = a[k]; endBands[k / 4][k % 4] = b[k]; }` : ""}
    start = first; end = second; seed = int(seedOf); index = offset + gl_InstanceID;
    thickness = ${number(SHADERS.brushes[brush].body.thickness)}
      * pow(scale / REFERENCE, ${number(SHADERS.brushes[brush].body.growth)});
    vec2 corner = (vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0 - 1.0) * box * scale;
    vec2 at = center + axis * corner.x + vec2(-axis.y, axis.x) * corner.y;
    gl_Position = vec4((at - view.xy) / view.z / target * 2.0 - 1.0, 0.0, 1.0);
  }`;

  const fragmentOf = (brush, mixing, medium) => HEAD(mixing) + constants(SHADERS.brushes[brush].constants, "OWN_") + `
  flat in vec2 center, axis, box; flat in float scale; flat in float geometry[5]; flat in vec4 start; flat in vec3 end;
  flat in float thickness; flat in int seed, index;
  ${mixing ? "flat in vec4 startBands[3], endBands[3];" : ""}
  uniform vec4 view; uniform vec2 stampHalf; uniform highp usampler2D table; uniform int purpose; uniform vec4 marked;
  ${LAYING(mixing)}
  ${brush === "stamp" ? STAMP : medium ? "" : SHADERS.brushes[brush].engine}
  const float LEVELING = ${number(SHADERS.brushes[brush].body.leveling)};
  void ends(out float first[CHANNELS], out float last[CHANNELS]) {
    ${mixing ? `for (int k = 0; k < 10; k++) { first[k] = startBands[k / 4][k % 4]; last[k] = endBands[k / 4][k % 4]; }
    first[10] = last[10] = 1.0;` : "bandsOf(vec4(start.rgb, 1.0), first); bandsOf(vec4(end, 1.0), last);"}
  }
  ${medium ? MEDIUM(medium) : PLAIN}
  void main() {
    vec2 d = view.xy + view.z * gl_FragCoord.xy - center;
    float u = dot(d, axis) / scale, v = (d.y * axis.x - d.x * axis.y) / scale;
    if (abs(u) > box.x || abs(v) > box.y) discard;
    paint(u, v, SPREAD * view.z / scale);
  }`;

  // A stroke at a point as its engine alone paints it.
  const PLAIN = `
  void paint(float u, float v, float footprint) {
    float alpha, pigment, relief;
    k_paint(geometry, u, v, footprint, footprint, seed, alpha, pigment, relief);
    float covers = start.a * alpha, a = min(covers, MAX_ALPHA);
    if (!(a > 0.0)) discard;
    height = vec4(start.a * thickness * relief * HEIGHT, 0.0, 0.0, LEVELING * covers * (2.0 - covers));
    if (purpose == 0) {
      float first[CHANNELS], last[CHANNELS];
      ends(first, last);
      for (int k = 0; k < CHANNELS; k++) first[k] = a * (first[k] + pigment * (last[k] - first[k]));
      put(first);
      return;
    }
    if (purpose == 2) { color = vec4(marked.rgb, 1.0) * marked.a * alpha; return; }
    if (alpha < 0.35) discard; // which stroke is seen here: its number in three bytes
    int n = index + 1;
    color = vec4(n & 255, (n >> 8) & 255, (n >> 16) & 255, 255) / 255.0;
  }`;

  /* A stroke at a point in its medium. Laying is linear in what lies below: on nothing it says what is added, and the
     second plane on 1 how much of it is left. */
  const MEDIUM = (medium) => `${medium.constants}
  uniform sampler2D sheets; uniform float strength;
  ${medium.functions}
  #define LAY(canvas, plane) ${medium.lay}
  void paint(float u, float v, float footprint) {
    vec4 sheet = texelFetch(sheets, ivec2(gl_FragCoord.xy), 0);
    float alpha, pigment, opacity = start.a, first[CHANNELS], last[CHANNELS], laid[CHANNELS], below[CHANNELS];
    ${medium.stroke}
    if (!(alpha * opacity > 0.0)) discard;
    ends(first, last);
    for (int k = 0; k < CHANNELS; k++) laid[k] = below[k] = 0.0;
    float added = 0.0, left = 1.0;
    LAY(laid, added);
    LAY(below, left);
    put(laid);
    height = vec4(added * ${medium.scale}, 0.0, 0.0, 1.0 - (left - added));
  }`;

  const QUAD = `#version 300 es
  void main() { gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0); }`;

  // The bare canvas, and the grain of its paper.
  const GROUND = (mixing) => HEAD(mixing) + SHADERS.noise + LAYING(mixing) + `
  uniform vec4 view, ground; uniform float grain;
  void main() {
    float bare[CHANNELS];
    bandsOf(ground, bare);
    put(bare);
    height = vec4(0.0);
    if (grain == 0.0) return;
    vec2 p = GRAIN * (view.xy + view.z * gl_FragCoord.xy);
    height.r = HEIGHT * grain * (k_resolved(GRAIN, 0.5 * view.z) * k_noise2(p.x, p.y, int(PAPER))
      + 0.5 * k_resolved(2.0 * GRAIN, 0.5 * view.z)
      * k_noise2(1.6 * p.x + 1.2 * p.y, 1.6 * p.y - 1.2 * p.x, int(PAPER) + 1));
  }`;

  // Heights smoothed, and their difference, along x; the pass that lights does the same along y.
  const ALONG = () => HEAD() + `
  uniform sampler2D heights; uniform float smoothTaps[${MOST_TAPS}], slopeTaps[${MOST_TAPS}]; uniform int reach;
  out vec4 color;
  void main() {
    ivec2 at = ivec2(gl_FragCoord.xy); int last = textureSize(heights, 0).x - 1; vec2 sum = vec2(0.0);
    for (int k = -reach; k <= reach; k++) {
      float h = texelFetch(heights, ivec2(clamp(at.x + k, 0, last), at.y), 0).r;
      sum += h * vec2(smoothTaps[k + reach], slopeTaps[k + reach]);
    }
    color = vec4(sum, 0.0, 0.0);
  }`;

  const PLAINLY = `
  uniform sampler2D along; uniform float relief, smoothTaps[${MOST_TAPS}], slopeTaps[${MOST_TAPS}]; uniform int reach;
  vec4 lit(vec4 paint, ivec2 at) {
    int last = textureSize(along, 0).y - 1; vec2 slope = vec2(0.0);
    for (int k = -reach; k <= reach; k++) {
      vec2 h = texelFetch(along, ivec2(at.x, clamp(at.y + k, 0, last)), 0).rg;
      slope += vec2(h.y * smoothTaps[k + reach], h.x * slopeTaps[k + reach]);
    }
    slope *= relief;
    vec2 toward = vec2(cos(UPPER_LEFT), sin(UPPER_LEFT));
    float facing = -dot(slope, toward), aside = slope.x * toward.y - slope.y * toward.x;
    float steep = RAKE / CONTRAST * facing, shade = 1.0 + CONTRAST * steep / sqrt(1.0 + steep * steep);
    float off = 1.0 + (square(facing - GLINT_SLOPE) + aside * aside) / (GLINT_SPREAD * GLINT_SPREAD);
    float glint = relief * GLOSS * max(0.0, 1.0 / (off * off) - FLAT_GLINT);
    vec3 shaded = min(paint.rgb * shade, paint.a);
    return vec4(min(shaded + glint * (paint.a - shaded), paint.a), paint.a);
  }
  vec4 finished(ivec2 p) {
    vec4 paint = paintAt(p);
    return within(relief > 0.0 ? lit(paint, p) : paint, p);
  }`;

  // What `finished` makes of a pixel, in the window or as straight RGBA.
  const OUTPUT = `
  uniform int rows; uniform bool straight; out vec4 color;
  void main() {
    ivec2 p = ivec2(gl_FragCoord.xy);
    if (rows > 0) p.y = rows - 1 - p.y; // the window's first row is its lowest
    color = clamp(finished(p), 0.0, 1.0);
    if (straight) color = color.a * 255.0 > 0.5 ? vec4(min(color.rgb / color.a, 1.0), color.a) : vec4(0.0);
  }`;

  const COPY = () => HEAD() + `
  uniform sampler2D image; uniform int rows; out vec4 color;
  void main() { color = texelFetch(image, ivec2(gl_FragCoord.x, float(rows) - gl_FragCoord.y), 0); }`;

  /* [2 · reach + 1] of sum 1: the discrete Gaussian of this variance, as renderers/relief.py has it. */
  function gaussian(variance) {
    const reach = Math.ceil(SHADERS.constants.TAIL * Math.sqrt(variance)), count = 4 * reach + 16, taps = [];
    for (let n = -reach; n <= reach; n++) {
      let sum = 0;
      for (let k = 0; k < count; k++) {
        const theta = (2 * Math.PI * k) / count;
        sum += Math.exp(variance * (Math.cos(theta) - 1)) * Math.cos(n * theta);
      }
      taps.push(sum / count);
    }
    const total = taps.reduce((a, b) => a + b, 0);
    return taps.map((tap) => tap / total);
  }

  /* Taps of a smoothed height and of its slope where pixels are this wide (canvas units). */
  function slopeTaps(pixel) {
    const { DETAIL, DRAWN_VARIANCE, TAIL } = SHADERS.constants, difference = SHADERS.difference;
    const widest = ((MOST_TAPS - 1) / 2 - 2) / TAIL; // at extreme zoom the graphics card has no room for more
    const variance = Math.min(Math.max(0, (DETAIL / pixel) ** 2 - DRAWN_VARIANCE), widest ** 2);
    const smooth = gaussian(variance), reach = (smooth.length - 1) / 2 + 2;
    const padded = new Float32Array(MOST_TAPS), slopes = new Float32Array(MOST_TAPS);
    smooth.forEach((tap, k) => {
      padded[k + 2] = tap;
      // A correlation, as OpenCV's filters are, of the taps convolved with the difference.
      difference.forEach((weight, m) => { slopes[k + m] += (tap * weight) / pixel / HEIGHT; });
    });
    return { smooth: padded, slopes, reach };
  }

  /* A stamp's texture enlarged by a whole factor, bicubic, as OpenCV does it. [height][width] in [0, 1]. */
  function enlarged({ width, height, levels, longest }) {
    const factor = Math.floor(longest / Math.max(width, height));
    const source = Float32Array.from(levels, (level) => level / 255);
    if (factor <= 1) return { width, height, values: source };
    const weights = (x) => {
      const A = -0.75, near = (d) => ((A + 2) * d - (A + 3)) * d * d + 1, far = (d) => ((A * d - 5 * A) * d + 8 * A) * d - 4 * A;
      return [far(x + 1), near(x), near(1 - x), far(2 - x)];
    };
    const along = (values, columns, rows) => { // enlarged along x and transposed
      const out = new Float32Array(columns * factor * rows);
      for (let x = 0; x < columns * factor; x++) {
        const at = (x + 0.5) / factor - 0.5, left = Math.floor(at), w = weights(at - left);
        for (let y = 0; y < rows; y++) {
          let sum = 0;
          for (let k = 0; k < 4; k++) sum += w[k] * values[y * columns + Math.min(columns - 1, Math.max(0, left - 1 + k))];
          out[x * rows + y] = sum;
        }
      }
      return out;
    };
    const once = along(source, width, height);
    const values = along(once, height, width * factor).map((value) => Math.min(1, Math.max(0, value)));
    return { width: width * factor, height: height * factor, values };
  }

  class Renderer {
    constructor(canvas) {
      this.canvas = canvas;
      this.gl = canvas.getContext("webgl2", { alpha: true, antialias: false, preserveDrawingBuffer: true });
      if (!this.gl) throw new Error("This browser has no WebGL2.");
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
      const gl = this.gl, debug = gl.getExtension("WEBGL_debug_renderer_info");
      const name = String(gl.getParameter(debug ? debug.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
      this.software = /swiftshader|llvmpipe|software/i.test(name);
      this.exact = gl.getExtension("EXT_color_buffer_float") ? gl.RGBA32F : gl.RGBA16F;
      gl.getExtension("EXT_color_buffer_half_float");
      this.blended = gl.getExtension("EXT_float_blend") ? this.exact : gl.RGBA16F;
      this.textured = true;
      this.heightScale = HEIGHT;
      this.revision = 0;
      this.programs = {};
      this.targets = {};
      this.strokes = gl.createVertexArray();
      this.empty = gl.createVertexArray();
      this.buffer = gl.createBuffer();
      this.drawn = -1;
    }

    /* Which painting: what its rows are drawn on. `region` and `stamp`: {width, height, levels: Uint8Array}. */
    open(painting) {
      const gl = this.gl;
      this.painting = { relief: 0, region: null, stamp: null, texture: null, ...painting };
      this.kind = SHADERS.brushes[painting.brush] ? painting.brush : "stamp";
      this.mixing = painting.mixing === "pigment" && gl.getParameter(gl.MAX_DRAW_BUFFERS) >= 5;
      this.look = `${this.kind}${this.mixing ? " mixed" : ""}`;
      const part = SHADERS.media && SHADERS.media[this.kind];
      this.medium = painting.texture && part
        ? new ImpastoMedium(this, part, SHADERS.papers, () => HEAD(this.mixing), SHADERS.difference, SHADERS.constants) : null;
      this.revision += 1;
      this.drawn = -1;
      this.region = painting.region && this._texture(painting.region.width, painting.region.height, gl.R8, gl.RED,
        gl.UNSIGNED_BYTE, painting.region.levels, gl.LINEAR);
      if (painting.stamp) this._sum(painting.stamp);
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
      const program = this._use(`show ${this.mixing}`, null, () => this.seenBy(PLAINLY));
      this._into(output, program);
      this._bindSeen(program, this.extent);
      this._sampler(program.along, 6, taps ? this.targets.along.textures[0] : canvas.textures.at(-1));
      if (taps) this._taps(program, taps);
      gl.uniform1f(program.relief, relief);
      this._show(program, { ...output, straight }, height);
    }

    /* GLSL that looks at the canvas: with `finished(pixel)` what is seen, with `bare` a main of its own. */
    seenBy(text, bare = false) {
      return HEAD(this.mixing) + SEEN(this.mixing) + text + (bare ? "" : OUTPUT);
    }

    _bindSeen(program, extent) {
      const { gl } = this, { textures } = this.targets.canvas;
      ["canvas", "canvas1", "canvas2", "canvas3"].forEach((name, k) => this._sampler(program[name], k, textures[Math.min(k, textures.length - 1)]));
      this._sampler(program.region, 8, this.region || textures[0]);
      gl.uniform4fv(program.ground, this.bare);
      gl.uniform2fv(program.extent, extent);
      gl.uniform1i(program.limited, this.region ? 1 : 0);
    }

    _show(program, output, height) {
      this.gl.uniform1i(program.straight, output.straight ? 1 : 0);
      this.gl.uniform1i(program.rows, output.frame ? 0 : height);
      this._quad();
    }

    // --- WebGL ------------------------------------------------------------------------------------------------

    /* What follows goes onto a target, or the window. */
    _into(target, program) {
      const { gl } = this;
      gl.bindFramebuffer(gl.FRAMEBUFFER, target.frame);
      gl.viewport(0, 0, target.width, target.height);
      if (program.view) gl.uniform4fv(program.view, this.view);
    }

    _sampler(place, unit, texture) {
      const gl = this.gl;
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D, texture);
      gl.uniform1i(place, unit);
    }

    _taps(program, { smooth, slopes, reach }) {
      this.gl.uniform1fv(program.smoothTaps, smooth);
      this.gl.uniform1fv(program.slopeTaps, slopes);
      this.gl.uniform1i(program.reach, reach);
    }

    _quad() {
      this.gl.bindVertexArray(this.empty);
      this.gl.drawArrays(this.gl.TRIANGLE_STRIP, 0, 4);
      this.gl.bindVertexArray(null);
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

    /* Sums of a stamp's texture over all texels above and left of each corner, as whole numbers. */
    _sum(stamp) {
      const gl = this.gl, { width, height, values } = enlarged(stamp), columns = width + 1;
      const sums = new Uint32Array(columns * (height + 1));
      for (let y = 1; y <= height; y++) {
        for (let x = 1, row = 0; x <= width; x++) {
          row += Math.round(4095 * values[(y - 1) * width + x - 1]);
          sums[y * columns + x] = sums[(y - 1) * columns + x] + row;
        }
      }
      this.table = this._texture(columns, height + 1, gl.R32UI, gl.RED_INTEGER, gl.UNSIGNED_INT, sums, gl.NEAREST);
      this.half = [width / Math.max(width, height), height / Math.max(width, height)];
    }

    _texture(width, height, inner, format, type, data, filter) {
      const gl = this.gl, texture = gl.createTexture();
      gl.activeTexture(gl.TEXTURE0);
      gl.bindTexture(gl.TEXTURE_2D, texture);
      gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
      if (data) gl.texImage2D(gl.TEXTURE_2D, 0, inner, width, height, 0, format, type, data);
      else gl.texStorage2D(gl.TEXTURE_2D, 1, inner, width, height);
      for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, side, filter);
      for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
      return texture;
    }

    _cleared(name, width, height) {
      const gl = this.gl, target = this._target(name, width, height, [gl.RGBA8]);
      gl.bindFramebuffer(gl.FRAMEBUFFER, target.frame);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      return target;
    }

    _target(name, width, height, formats) {
      const gl = this.gl, found = this.targets[name];
      if (found && found.width === width && found.height === height && found.textures.length === formats.length) return found;
      if (found) { found.textures.forEach((texture) => gl.deleteTexture(texture)); gl.deleteFramebuffer(found.frame); }
      const make = (inner) => this._texture(width, height, inner, 0, 0, null, gl.NEAREST);
      let textures = formats.map(make);
      const frame = gl.createFramebuffer(), attach = () => {
        gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
        textures.forEach((texture, k) => gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0 + k, gl.TEXTURE_2D, texture, 0));
        gl.drawBuffers(textures.map((_, k) => gl.COLOR_ATTACHMENT0 + k));
      };
      attach();
      if (gl.checkFramebufferStatus(gl.FRAMEBUFFER) !== gl.FRAMEBUFFER_COMPLETE) { // no floats: bytes, less exact
        this.bytes = true;
        textures = formats.map(() => make(gl.RGBA8));
        attach();
      }
      this.targets[name] = { width, height, textures, frame, fresh: true };
      return this.targets[name];
    }

    _use(name, vertex, fragment) {
      const gl = this.gl;
      if (!this.programs[name]) {
        const program = gl.createProgram();
        for (const [kind, text] of [[gl.VERTEX_SHADER, vertex || QUAD], [gl.FRAGMENT_SHADER, fragment]]) {
          const shader = gl.createShader(kind);
          gl.shaderSource(shader, typeof text === "function" ? text() : text);
          gl.compileShader(shader);
          if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) {
            throw new Error(`${name}: ${gl.getShaderInfoLog(shader)}`);
          }
          gl.attachShader(program, shader);
        }
        gl.linkProgram(program);
        if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
          throw new Error(`${name}: ${gl.getProgramInfoLog(program)}`);
        }
        const places = { program }, count = gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS);
        for (let k = 0; k < count; k++) {
          const uniform = gl.getActiveUniform(program, k).name.replace("[0]", "");
          places[uniform] = gl.getUniformLocation(program, uniform);
        }
        this.programs[name] = places;
      }
      gl.useProgram(this.programs[name].program);
      return this.programs[name];
    }
  }

  return { Renderer, ROW };
})();
