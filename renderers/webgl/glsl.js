"use strict";
/* The shaders that paint.js draws with, put together from what shaders.py has translated. */
const ImpastoGlsl = (() => {
  const SHADERS = /* SHADERS */ null;
  const MOST_TAPS = 48;
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
  const OUTPUT = (over) => `
  uniform int rows; uniform bool straight; out vec4 color;
  void main() {
    ivec2 p = ivec2(gl_FragCoord.xy);
    if (rows > 0) p.y = rows - 1 - p.y; // the window's first row is its lowest
    color = clamp(${over ? "drawnOver(finished(p), p)" : "finished(p)"}, 0.0, 1.0);
    if (straight) color = color.a * 255.0 > 0.5 ? vec4(min(color.rgb / color.a, 1.0), color.a) : vec4(0.0);
  }`;

  const COPY = () => HEAD() + `
  uniform sampler2D image; uniform int rows; out vec4 color;
  void main() { color = texelFetch(image, ivec2(gl_FragCoord.x, float(rows) - gl_FragCoord.y), 0); }`;

  return { SHADERS, MOST_TAPS, HEIGHT, number, HEAD, SEEN, OUTPUT, PLAINLY, QUAD, GROUND, ALONG, COPY, vertexOf, fragmentOf };
})();
