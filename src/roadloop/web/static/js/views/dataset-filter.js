// @ts-check
/** Which pictures of the source sets a dataset takes: values of what the manifests say, and a span of time. */

import { count, t } from "../i18n.js";
import { html } from "../lib.js";

/** @typedef {Record<string, string[] | {from?: string, to?: string}>} Filter  As /create_data takes it. */
/** @typedef {{name: string, pictures: number}} Value */

/** @type {Record<string, () => string>} */
const NAMES = {
  city: () => t("城市", "City"),
  author: () => t("标注者", "Author"),
  annotype: () => t("标注类型", "Annotation"),
  source: () => t("来源", "Origin"),
  datakind: () => t("用途", "Purpose"),
  imgoprange: () => t("标注范围", "Annotated part"),
  package: () => t("包", "Package"),
};

/** What the manifests' numbers mean. @type {Record<string, () => string[]>} */
const MEANINGS = {
  source: () => [t("线上", "online"), t("线下", "offline"), t("人工挑选", "hand-picked")],
  annotype: () => [t("首次标注", "first annotation"), t("返工", "rework"), t("二次返工", "second rework")],
  datakind: () => [t("生产", "production"), t("测试", "test")],
  imgoprange: () => [t("半幅", "half of the picture"), t("全幅", "all of it")],
};

/** @param {string} field @param {string} value */
const wordsOf = (field, value) => MEANINGS[field]?.()[Number(value || NaN)] ?? (value || t("未填", "not said"));

/**
 * A filter with a value let through, or not any more; a field that lets nothing through by name is no field.
 * @param {Filter} filter @param {string} field @param {string} value @returns {Filter}
 */
export function toggled(filter, field, value) {
  const now = /** @type {string[]} */ (filter[field] ?? []);
  const next = now.includes(value) ? now.filter((one) => one !== value) : [...now, value];
  const { [field]: _, ...rest } = filter;
  return next.length > 0 ? { ...rest, [field]: next } : rest;
}

/**
 * A filter with another end of the span of time; "" is none.
 * @param {Filter} filter @param {"from" | "to"} end @param {string} day @returns {Filter}
 */
export function spanned(filter, end, day) {
  const { time, ...rest } = filter;
  const span = Object.fromEntries(Object.entries({ ...time, [end]: day }).filter(([, value]) => value !== ""));
  return Object.keys(span).length > 0 ? { ...rest, time: span } : rest;
}

/** How many fields choose. @param {Filter} filter */
const number = (filter) => Object.keys(filter).length;

/**
 * @param {{fields: Record<string, Value[]>, filter: Filter, set: (filter: Filter) => void, error?: string}} props
 *   `fields`: what the pictures of the chosen sets differ in.
 */
export function FilterFields({ fields, filter, set, error }) {
  const shown = Object.keys(NAMES).filter((name) => (fields[name]?.length ?? 0) > 1 || filter[name]);
  const months = (fields.month ?? []).filter((one) => one.name);
  const span = /** @type {{from?: string, to?: string}} */ (filter.time ?? {});
  if (shown.length === 0 && months.length === 0 && number(filter) === 0)
    return html`
      <p class="hint">
        ${t(
          "清单里这些图片的城市、标注者、时间等都相同或未填，没有可筛选的。",
          "City, author, time and so on are the same for all these pictures, or not said: nothing to choose by.",
        )}
      </p>
    `;
  return html`
    <div class="filters">
      ${shown.map(
        (field) => html`
          <details key=${field} open=${Boolean(filter[field])}>
            <summary>
              ${NAMES[field]()} ${
                filter[field] && html`<span class="chip warn">${/** @type {string[]} */ (filter[field]).length}</span>`
              }
            </summary>
            <div class="choices">
              ${valuesOf(fields[field] ?? [], /** @type {string[]} */ (filter[field] ?? [])).map(
                ({ name, pictures }) => html`
                  <label class="check">
                    <input type="checkbox" name=${`filter-${field}`} value=${name}
                      checked=${Boolean(/** @type {string[]} */ (filter[field] ?? []).includes(name))}
                      onChange=${() => set(toggled(filter, field, name))} />
                    <span class="wrap grow">${wordsOf(field, name)}</span>
                    <span class="small quiet">${count(pictures)}</span>
                  </label>
                `,
              )}
            </div>
          </details>
        `,
      )}
      ${
        (months.length > 0 || filter.time) &&
        html`
          <details open=${Boolean(filter.time)}>
            <summary>${t("时间", "Time")} ${filter.time && html`<span class="chip warn">1</span>`}</summary>
            <div class="span">
              ${[
                ["from", t("从", "From")],
                ["to", t("早于", "Before")],
              ].map(
                ([end, label]) => html`
                  <label class="field">
                    <span class="label">${label}</span>
                    <input type="date" name=${`filter-${end}`} value=${span[/** @type {"from"} */ (end)] ?? ""}
                      onChange=${(/** @type {any} */ e) =>
                        set(spanned(filter, /** @type {"from"} */ (end), e.target.value))} />
                  </label>
                `,
              )}
            </div>
            <p class="hint">
              ${[...months]
                .sort((a, b) => (a.name < b.name ? -1 : 1))
                .map((one) => `${one.name} (${count(one.pictures)})`)
                .join(" · ")}
            </p>
          </details>
        `
      }
      ${
        number(filter) > 0 &&
        html`
          <button type="button" class="button small-button" onClick=${() => set({})}>
            ${t("取消全部筛选", "Take all filters back")}
          </button>
        `
      }
      ${error && html`<span class="hint bad" role="alert">✕ ${error}</span>`}
    </div>
  `;
}

/**
 * The values there are, and those that were chosen and are not there any more.
 * @param {Value[]} there @param {string[]} chosen
 */
const valuesOf = (there, chosen) => [
  ...there,
  ...chosen.filter((name) => !there.some((one) => one.name === name)).map((name) => ({ name, pictures: 0 })),
];
