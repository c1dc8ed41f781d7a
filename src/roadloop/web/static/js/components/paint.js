// @ts-check
/** From numbers to colours: what a mask looks like. Pure; the viewer's worker does it, once for each palette. */

/** Ignored, unknown or outside the model's half of the picture. */
export const NOTHING = 255;

/** Colours of 100 %, 75 %, 50 %, 25 % and 0 %: plasma, by N. Smith and S. van der Walt (CC0), turned round. */
const DOUBT = [
  [13, 8, 135],
  [126, 3, 168],
  [204, 71, 120],
  [248, 149, 64],
  [240, 249, 33],
];

/** @param {number[]} color As little-endian RGBA, opaque. */
const packed = ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;

/**
 * Numbers of a decoded PNG: its grey values or, with `colors`, the classes that it is painted in.
 * @param {Uint8ClampedArray} rgba @param {number[][]} [colors] By class number.
 */
export function toIds(rgba, colors) {
  const pixels = new Uint32Array(rgba.buffer, rgba.byteOffset, rgba.length / 4);
  const ids = new Uint8Array(pixels.length);
  if (!colors) {
    for (let i = 0; i < ids.length; i += 1) ids[i] = pixels[i]; // the lowest byte is red
    return ids;
  }
  /** @type {Map<number, number>} */
  const byColor = new Map();
  colors.forEach((color, id) => {
    if (color && !byColor.has(packed(color))) byColor.set(packed(color), id);
  });
  let [last, id] = [-1, NOTHING];
  for (let i = 0; i < ids.length; i += 1) {
    if (pixels[i] !== last) [last, id] = [pixels[i], byColor.get(pixels[i]) ?? NOTHING];
    ids[i] = id;
  }
  return ids;
}

/**
 * Class number -> colour as little-endian RGBA; 0, transparent, for hidden ones and for what is no class.
 * @param {{train_id: number, color: number[]}[]} classes @param {(of: any) => boolean} hidden
 */
export function classPalette(classes, hidden) {
  const palette = new Uint32Array(256);
  for (const one of classes) if (!hidden(one)) palette[one.train_id] = packed(one.color);
  return palette;
}

/** Whole percent -> colour: the less probable, the brighter. */
export function confidencePalette() {
  const palette = new Uint32Array(256);
  for (let percent = 0; percent <= 100; percent += 1) {
    const place = (100 - percent) / 25;
    const [low, high] = [DOUBT[Math.floor(place)], DOUBT[Math.min(4, Math.floor(place) + 1)]];
    palette[percent] = packed(low.map((part, k) => Math.round(part + (high[k] - part) * (place % 1))));
  }
  return palette;
}

/** Whole percent -> colour: the more, the brighter. */
export function doubtPalette() {
  const palette = new Uint32Array(256);
  palette.set(confidencePalette().slice(0, 101).reverse());
  return palette;
}

/**
 * The colours of a mask's pixels.
 * @param {Uint8Array} ids @param {Uint32Array} palette
 * @param {Uint8Array} [truth] With it only pixels that differ from it are shown, in the colour of their true class;
 *   ignored ones are not wrong.
 */
export function paint(ids, palette, truth) {
  const pixels = new Uint32Array(ids.length);
  if (!truth) for (let i = 0; i < pixels.length; i += 1) pixels[i] = palette[ids[i]];
  else
    for (let i = 0; i < pixels.length; i += 1)
      if (truth[i] !== ids[i] && truth[i] !== NOTHING) pixels[i] = palette[truth[i]];
  return new Uint8ClampedArray(pixels.buffer);
}
