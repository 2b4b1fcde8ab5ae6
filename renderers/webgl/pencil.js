/* Pencil lines over a painting, as renderers/media/pencil.py draws them: where they go is seen on a small drawing, by an
   extended difference of Gaussians; how they are drawn is GLSL translated from there. */
const ImpastoPencil = (() => {
  const reflected = (k, count) => (k < 0 ? -k : k >= count ? 2 * count - 2 - k : k);

  /* OpenCV's bilateral filter: over a disc, by nearness in place and in tone. */
  function bilateral(grey, width, height, radius, tone, place) {
    const out = new Float32Array(grey.length), disc = [];
    for (let y = -radius; y <= radius; y++) {
      for (let x = -radius; x <= radius; x++) {
        const far = x * x + y * y;
        if (far <= radius * radius) disc.push([x, y, Math.exp(-far / (2 * place * place))]);
      }
    }
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const here = grey[y * width + x];
        let sum = 0, weights = 0;
        for (const [dx, dy, near] of disc) {
          const value = grey[reflected(y + dy, height) * width + reflected(x + dx, width)];
          const weight = near * Math.exp(-((value - here) ** 2) / (2 * tone * tone));
          sum += weight * value;
          weights += weight;
        }
        out[y * width + x] = sum / weights;
      }
    }
    return out;
  }

  function blurred(image, width, height, sigma) {
    const reach = (Math.round(sigma * 8 + 1) | 1) >> 1, taps = [];
    for (let k = -reach; k <= reach; k++) taps.push(Math.exp(-((k / sigma) ** 2) / 2));
    const total = taps.reduce((a, b) => a + b);
    const pass = (source, across) => source.map((_, n) => {
      const y = Math.floor(n / width), x = n - y * width;
      let sum = 0;
      for (let k = -reach; k <= reach; k++) {
        sum += taps[k + reach] * (across ? source[y * width + reflected(x + k, width)] : source[reflected(y + k, height) * width + x]);
      }
      return sum / total;
    });
    return pass(pass(image, true), false);
  }

  /* How dark a line is, of a drawing [height][width] in premultiplied RGBA. */
  function lines(pixels, width, height, opaque, { WIDTH, SURROUND, SHARE, EDGE, SHARPNESS, FILTER }) {
    let grey = new Float32Array(width * height).map((_, n) =>
      (pixels[4 * n] + pixels[4 * n + 1] + pixels[4 * n + 2]) / 3 + (opaque ? 0 : 1 - pixels[4 * n + 3]));
    grey = bilateral(grey, width, height, FILTER[0] >> 1, FILTER[1], FILTER[2]);
    const inner = blurred(grey, width, height, WIDTH), outer = blurred(grey, width, height, SURROUND * WIDTH);
    return inner.map((value, n) => {
      const difference = value - SHARE * outer[n];
      return difference > EDGE ? 0 : Math.min(1, Math.max(0, -Math.tanh(SHARPNESS * (difference - EDGE))));
    });
  }

  /* Area averages of an image on fewer pixels. */
  function smaller(image, width, height, columns, rows) {
    const along = (source, count, stride, step, other, wanted) => { // `other` rows of `count` values → `wanted` of them
      const out = new Float32Array(other * wanted), scale = count / wanted;
      for (let o = 0; o < other; o++) {
        for (let k = 0; k < wanted; k++) {
          let sum = 0;
          for (let n = Math.floor(k * scale); n < Math.min(count, Math.ceil((k + 1) * scale)); n++) {
            sum += source[o * step + n * stride] * (Math.min(n + 1, (k + 1) * scale) - Math.max(n, k * scale));
          }
          out[o * wanted + k] = sum / scale;
        }
      }
      return out;
    };
    const once = along(image, width, 1, width, height, columns); // [height][columns]
    const turned = along(once, height, columns, 1, columns, rows); // [columns][rows]
    return new Float32Array(columns * rows).map((_, n) => turned[(n % columns) * rows + Math.floor(n / columns)]);
  }

  const GLSL = (part) => `
  uniform sampler2D pencilSheet, pencil; uniform float pencilDensity, pencilMargin, pencilSize[2], line_rows, line_columns, sheeted;
  ${part.at ? "vec2 at;" : ""}
  float lines_at(float i, float j) { return texelFetch(pencil, ivec2(j, i), 0).r; }
  float image_at(float i, float j) { return lines_at(i, j); }
  ${part.functions}
  vec4 drawnOver(vec4 seen, ivec2 p) {
    if (pencilDensity == 0.0) return seen;
    at = view.xy + view.z * (vec2(p) + 0.5);
    float paint[4] = float[4](seen.r, seen.g, seen.b, seen.a);
    k_draw(paint, pencilDensity, texelFetch(pencilSheet, p, 0).r, view.z, 0, pencilSize, pencilMargin, 0.0, 0.0);
    return vec4(paint[0], paint[1], paint[2], paint[3]);
  }`;

  return { lines, smaller, GLSL };
})();
