// @ts-check
/** A film strip: the frames of a track in their order, each with a bar for its score. */

import { score, t } from "../i18n.js";
import { html, useLayoutEffect, useRef } from "../lib.js";

/** @typedef {{number: number, name: string, values: (number | null)[]}} Frame */

/**
 * @param {{frames: Frame[], now: number, show: (number: number) => void, models: string[], label: string}} props
 *   `values` are of the models, in their order.
 */
export function Film({ frames, now, show, models, label }) {
  const strip = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    const chosen = /** @type {HTMLElement | null} */ (strip.current?.querySelector("[aria-current]") ?? null);
    if (!strip.current || !chosen) return;
    strip.current.scrollLeft = chosen.offsetLeft - strip.current.clientWidth / 2;
  }, [now, frames.length]);
  return html`
    <div class="film">
      <div class="row small film-head">
        <span class="wrap">${label}</span>
        ${models.map((name, k) => html`<span class="quiet"><span class=${`key key-${k}`}></span>${name}</span>`)}
      </div>
      <div class="frames" role="group" aria-label=${label} ref=${strip}>
        ${frames.map(
          ({ number, name, values }) => html`
            <button type="button" class="shot" key=${number} tabindex=${number === now ? 0 : -1}
              aria-current=${number === now ? "true" : undefined} title=${words(name, values, models)}
              aria-label=${words(name, values, models)} onClick=${() => show(number)}>
              ${values.map(
                (value, k) => html`
                  <span class=${`of-${k} ${value == null ? "none" : ""}`}
                    style=${{ height: value == null ? "100%" : `${Math.max(3, value * 100)}%` }}></span>
                `,
              )}
            </button>
          `,
        )}
      </div>
    </div>
  `;
}

/** @param {string} name @param {(number | null)[]} values @param {string[]} models */
const words = (name, values, models) =>
  [name, ...values.map((value, k) => `${models[k]} ${value == null ? t("没有", "none") : score(value)}`)].join(
    t("，", ", "),
  );
