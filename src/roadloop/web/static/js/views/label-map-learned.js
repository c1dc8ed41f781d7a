// @ts-check
/** What a network would learn by a label map: its classes as places to drop raw classes into. */

import { className, Swatch } from "../components/classes.js";
import { many, share, t } from "../i18n.js";
import { html } from "../lib.js";
import { grouped, IGNORE } from "../maps.js";

const FEW = 3; // pictures
const MOST_CHIPS = 12;

/**
 * Members are those of `now`; shares, pictures and warnings those of `preview`, what a drop would make.
 * @param {{classes: any[], pixels: (raw: number) => {share: number, pictures: number},
 *   now: import("../drafts.js").TrainIds, preview: import("../drafts.js").TrainIds, over: number | null, open: boolean,
 *   next: number, chosen: number[], grab: (event: PointerEvent) => void,
 *   give: (raws: number[], train: number) => void}} props
 */
export function Learned({ classes, pixels, now, preview, over, open, next, chosen, grab, give }) {
  const groups = grouped(now, classes, pixels);
  const then = grouped(preview, classes, pixels);
  const ids = [...groups.keys()].filter((id) => id !== IGNORE).sort((a, b) => a - b);
  const learned = [...then.keys()].filter((id) => id !== IGNORE).length;
  return html`
    <ul class="learned" tabindex=${open ? 0 : undefined} aria-label=${t("学习的类别", "Classes to learn")}
      onPointerDown=${open ? grab : undefined}>
      ${ids.map(
        (id) => html`
          <${Group} key=${id} id=${id} of=${groups.get(id)} then=${then.get(id)} over=${over === id} pixels=${pixels}
            chosen=${chosen} />
        `,
      )}
      ${
        open &&
        html`
          <li class=${`new ${over === next ? "over" : ""}`} data-train=${next}>
            <span class="num id">${next}</span>
            <button type="button" class="as-link" disabled=${chosen.length === 0} onClick=${() => give(chosen, next)}>
              + ${t("新类别：拖到这里", "New class: drop here")}
            </button>
          </li>
        `
      }
      <${Group} key=${IGNORE} id=${IGNORE} of=${groups.get(IGNORE)} then=${then.get(IGNORE)} over=${over === IGNORE}
        pixels=${pixels} chosen=${chosen} />
    </ul>
    ${
      learned < 2 &&
      html`
        <p class="bad small pad" role="alert">
          ✕ ${t("至少要有两个类别可学。", "There must be two classes to learn.")}
        </p>
      `
    }
  `;
}

/** @param {{id: number, of: any, then: any, over: boolean, pixels: any, chosen: number[]}} props */
function Group({ id, of, then, over, pixels, chosen }) {
  const members = of?.members ?? [];
  const seen = members.filter((/** @type {any} */ c) => pixels(c.raw_id).pictures > 0);
  const chips = (seen.length ? seen : members).slice(0, MOST_CHIPS);
  const more = members.length - chips.length;
  const pictures = then?.pictures ?? 0;
  return html`
    <li class=${`${id === IGNORE ? "ignored" : ""} ${over ? "over" : ""}`} data-train=${id}>
      <span class="num id">${id}</span>
      <span class="grow members">
        ${id === IGNORE && html`<b>${t("忽略", "Ignored")}</b>`}
        ${chips.map(
          (/** @type {any} */ c) => html`
            <span class=${`raw-chip ${chosen.includes(c.raw_id) ? "chosen" : ""}`} data-raw=${c.raw_id}
              title=${`${c.raw_id} ${c.name_en} ${c.name_zh}`}>
              <${Swatch} color=${c.color} />${className(c)}
            </span>
          `,
        )}
        ${more > 0 && html`<span class="hint">${t(`另 ${more} 类`, `${more} more`)}</span>`}
        ${
          id !== IGNORE &&
          then &&
          pictures < FEW &&
          html`
            <span class="chip warn">
              <span aria-hidden="true">⚠</span>
              ${
                pictures === 0
                  ? t("训练图片中没有", "not in the training pictures")
                  : t(`只有 ${pictures} 张图片`, `${many(pictures, "picture")} only`)
              }
            </span>
          `
        }
      </span>
      <span class="num quiet">${then ? share(then.share) : t("空", "empty")}</span>
    </li>
  `;
}
