/* Numbers that paint.js hands to its shaders: taps of the filters that relief needs, and the sums of a stamp's texture.
   Needs glsl.js before this. */
const ImpastoTables = (() => {
  const { SHADERS, MOST_TAPS, HEIGHT } = ImpastoGlsl;

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

  /* Sums of a stamp's texture over all texels above and left of each corner, as whole numbers: a table of so many
     columns and rows, and half the stamp's extent in units of half its longer side. */
  function stampSums(stamp) {
    const { width, height, values } = enlarged(stamp), columns = width + 1, longer = Math.max(width, height);
    const sums = new Uint32Array(columns * (height + 1));
    for (let y = 1; y <= height; y++) {
      for (let x = 1, row = 0; x <= width; x++) {
        row += Math.round(4095 * values[(y - 1) * width + x - 1]);
        sums[y * columns + x] = sums[(y - 1) * columns + x] + row;
      }
    }
    return { sums, columns, rows: height + 1, half: [width / longer, height / longer] };
  }

  return { slopeTaps, stampSums };
})();
