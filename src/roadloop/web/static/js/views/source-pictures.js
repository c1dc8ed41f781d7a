// @ts-check
/** The pictures of a source set with their labels laid over, by package, city and month. */

import { get } from "../api.js";
import { Empty, Failure, Loading } from "../components/layout.js";
import { Opacity } from "../components/opacity.js";
import { count, many, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { may } from "../me.js";
import { usePoll } from "../poll.js";
import { pathOf } from "../source-path.js";
import { Rework } from "./source-rework.js";

const PAGE = 24;

/** @param {{set: any}} props */
export function SourcePictures({ set }) {
  const [which, setWhich] = useState(/** @type {Record<string, string>} */ ({}));
  const [page, setPage] = useState(1);
  const [opacity, setOpacity] = useState(0.55);
  const [wrong, setWrong] = useState(/** @type {string[]} */ ([])); // to be labelled anew, of any page
  const { data, error, reload } = usePoll(
    (signal) => get(`${pathOf(set.name)}/pictures`, { ...which, page, page_size: PAGE }, signal),
    [set.name, JSON.stringify(which), page],
  );
  const last = Math.max(1, Math.ceil((data?.total ?? 0) / PAGE));
  /** @param {string} field @param {string} value */
  const choose = (field, value) => {
    setPage(1);
    setWhich({ ...which, [field]: value });
  };
  return html`
    <div class="row samples-head">
      ${[
        ["package", t("全部包", "All packages"), set.packages],
        ["city", t("全部城市", "All cities"), set.cities],
        ["month", t("全部月份", "All months"), set.months],
      ].map(
        ([field, all, of]) =>
          of.length > 1 &&
          html`
            <select class="narrow" name=${field} aria-label=${all} value=${which[field] ?? ""}
              onChange=${(/** @type {any} */ e) => choose(field, e.target.value)}>
              <option value="">${all}</option>
              ${of
                .filter((/** @type {any} */ one) => one.name)
                .map(
                  (/** @type {any} */ one) => html`
                  <option value=${one.name}>${one.name} (${count(one.pictures)})</option>
                `,
                )}
            </select>
          `,
      )}
      <${Opacity} value=${opacity} set=${setOpacity} />
      ${
        may("work") &&
        html`
          <span class="small quiet">
            ${
              wrong.length === 0
                ? t("标注有误？勾选图片，送去重新标注。", "A wrong label? Tick the picture to have it labelled again.")
                : t(
                    `已勾选 ${count(wrong.length)} 张，在图片下方送去重新标注。`,
                    `${many(wrong.length, "picture is", "pictures are")} ticked; send them from below the pictures.`,
                  )
            }
          </span>
        `
      }
    </div>
    <${Failure} error=${error} retry=${reload} />
    ${!data && !error && html`<${Loading} />`}
    ${data?.data.length === 0 && html`<${Empty}>${t("没有图片。", "No pictures.")}<//>`}
    <div class="samples">
      ${(data?.data ?? []).map(
        (/** @type {any} */ picture) => html`
          <figure key=${picture.image_url}>
            <${Labelled} picture=${picture} opacity=${opacity} />
            <figcaption class="small wrap">
              ${
                may("work")
                  ? html`<${Tick} of=${`${picture.package}/${picture.name}`} name=${picture.name}
                      all=${wrong} set=${setWrong} />`
                  : picture.name
              }
              <div class="faint">${[picture.package, picture.city, picture.time].filter(Boolean).join(" · ")}</div>
            </figcaption>
          </figure>
        `,
      )}
    </div>
    ${
      last > 1 &&
      html`
        <div class="row pages">
          <button type="button" class="button" disabled=${page <= 1} onClick=${() => setPage(page - 1)}>
            ‹ ${t("上一页", "Previous")}
          </button>
          <span class="quiet">
            ${t(
              `第 ${page} / ${last} 页，共 ${count(data?.total)} 张`,
              `Page ${page} of ${last}, ${count(data?.total)} pictures`,
            )}
          </span>
          <button type="button" class="button" disabled=${page >= last} onClick=${() => setPage(page + 1)}>
            ${t("下一页", "Next")} ›
          </button>
        </div>
      `
    }
    ${wrong.length > 0 && html`<${Rework} calls="/v1/sources/{name}/rework" set=${set} pictures=${wrong} />`}
  `;
}

/** @param {{of: string, name: string, all: string[], set: (all: string[]) => void}} props */
const Tick = ({ of, name, all, set }) => html`
  <label class="check">
    <input type="checkbox" checked=${all.includes(of)}
      onChange=${() => set(all.includes(of) ? all.filter((one) => one !== of) : [...all, of])} />
    ${name}
  </label>
`;

/**
 * A picture with its label laid over.
 * @param {{picture: {name: string, image_url: string, label_url: string}, opacity: number, children?: any}} props
 */
export const Labelled = ({ picture, opacity, children }) => html`
  <a class="stacked" href=${picture.image_url} target="_blank" rel="noreferrer">
    <img src=${picture.image_url} alt=${picture.name} loading="lazy" />
    ${
      opacity > 0 &&
      html`<img class="label" src=${picture.label_url} alt="" loading="lazy" style=${{ opacity: String(opacity) }} />`
    }
    ${children}
  </a>
`;
