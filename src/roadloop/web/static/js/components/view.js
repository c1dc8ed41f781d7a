// @ts-check
/** Where one looks at a picture: zoom and place, the same in all panes. Pure; CSS pixels unless said otherwise. */

/** @typedef {{width: number, height: number}} Size */
/** @typedef {{x: number, y: number}} Point */
/** @typedef {Point & Size} Box */
/**
 * The point of the picture, in its pixels, that stands in the middle of a pane; `zoom` CSS pixels to one of those.
 * @typedef {Point & {zoom: number}} View
 */

/** 3,200 %. */
export const MOST = 32;

/** The whole picture. @param {Size} picture @param {Size} pane @returns {View} */
export function fit(picture, pane) {
  const zoom = Math.min(MOST, pane.width / picture.width, pane.height / picture.height);
  return { zoom, x: picture.width / 2, y: picture.height / 2 };
}

/**
 * Another zoom, with the point of the picture under `point` staying there.
 * @param {View} view @param {number} zoom @param {Point} point In the pane. @param {Size} pane @param {Size} picture
 */
export function zoomAt(view, zoom, point, pane, picture) {
  const least = Math.min(1, fit(picture, pane).zoom);
  const next = Math.min(MOST, Math.max(least, zoom));
  const under = toPicture(view, point, pane);
  const [x, y] = [under.x - (point.x - pane.width / 2) / next, under.y - (point.y - pane.height / 2) / next];
  return bounded({ zoom: next, x, y }, picture, pane);
}

/**
 * Moved by pixels of the screen: the picture follows the hand.
 * @param {View} view @param {Point} by @param {Size} pane @param {Size} picture
 */
export const pan = (view, by, pane, picture) =>
  bounded({ ...view, x: view.x - by.x / view.zoom, y: view.y - by.y / view.zoom }, picture, pane);

/**
 * The same, with no more empty space than must be.
 * @param {View} view @param {Size} picture @param {Size} pane @returns {View}
 */
export function bounded(view, picture, pane) {
  /** @param {number} at @param {number} size @param {number} room */
  const inside = (at, size, room) => {
    const half = room / view.zoom / 2;
    return size <= 2 * half ? size / 2 : Math.min(size - half, Math.max(half, at));
  };
  return {
    zoom: view.zoom,
    x: inside(view.x, picture.width, pane.width),
    y: inside(view.y, picture.height, pane.height),
  };
}

/** The point of the picture under a point of a pane. @param {View} view @param {Point} point @param {Size} pane */
export const toPicture = (view, point, pane) => ({
  x: view.x + (point.x - pane.width / 2) / view.zoom,
  y: view.y + (point.y - pane.height / 2) / view.zoom,
});

/**
 * The whole pixel under a point of a pane; the nearest one where there is none.
 * @param {View} view @param {Point} point @param {Size} pane @param {Size} picture
 */
export function pixelAt(view, point, pane, picture) {
  const found = toPicture(view, point, pane);
  const inside = (/** @type {number} */ at, /** @type {number} */ size) =>
    Math.min(size - 1, Math.max(0, Math.floor(at)));
  return { x: inside(found.x, picture.width), y: inside(found.y, picture.height) };
}

/** The point of a pane over a point of the picture. @param {View} view @param {Point} at @param {Size} pane */
export const toPane = (view, at, pane) => ({
  x: (at.x - view.x) * view.zoom + pane.width / 2,
  y: (at.y - view.y) * view.zoom + pane.height / 2,
});

/**
 * Equal panes on a stage, in as many columns as show the picture largest.
 * @param {number} count @param {Size} stage @param {Size} picture @param {number} [gap] @returns {Box[]}
 */
export function layout(count, stage, picture, gap = 4) {
  const cell = (/** @type {number} */ columns) => {
    const rows = Math.ceil(count / columns);
    return {
      width: Math.floor((stage.width - gap * (columns - 1)) / columns),
      height: Math.floor((stage.height - gap * (rows - 1)) / rows),
    };
  };
  let [best, zoom] = [1, 0];
  for (let columns = 1; columns <= count; columns += 1) {
    const found = fit(picture, cell(columns)).zoom;
    if (found > zoom) [best, zoom] = [columns, found];
  }
  const { width, height } = cell(best);
  return Array.from({ length: count }, (_, i) => ({
    x: (i % best) * (width + gap),
    y: Math.floor(i / best) * (height + gap),
    width,
    height,
  }));
}
