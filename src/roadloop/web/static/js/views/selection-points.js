// @ts-check
/** The part of the selection form that lists track points, and what it sends. */

import { Input } from "../components/form.js";
import { t } from "../i18n.js";
import { html } from "../lib.js";

/** The ways to choose that go by listed points. */
export const LISTED = ["around", "points"];

/** What only scoring takes. */
const SCORING = ["reach", "weights_dir", "classes", "method", "labelled", "gpus", "single_gpu"];

/**
 * Where it is sent, and what.
 * @param {Record<string, any>} values @returns {[string, Record<string, any>]}
 */
export function listedRequest(values) {
  const { how, points, where, version, overwrite } = values;
  const body = { points, tracks: where, overwrite };
  if (how === "points") return ["/v1/selections/points", { ...body, name: version }];
  const said = SCORING.filter((name) => values[name] !== "" || name === "labelled").map((name) => [name, values[name]]);
  return ["/v1/selections/neighbours", { ...body, ...Object.fromEntries(said), output_dir: `images/${version}` }];
}

/** Writes `points`, `where` and `reach`. @param {{form: any}} props */
export function ListedPoints({ form }) {
  const wrong = form.errorOf("points");
  return html`
    <label class=${`field wide ${wrong ? "wrong" : ""}`}>
      <span class="label">${t("轨迹点", "Track points")}</span>
      <textarea name="points" rows="5" spellcheck="false" required value=${form.values.points}
        placeholder=${t("每行一个，或用逗号分隔", "one a line, or with commas")}
        onInput=${(/** @type {any} */ e) => form.set("points", e.target.value)}></textarea>
      ${
        wrong
          ? html`<span class="hint bad" role="alert">✕ ${wrong}</span>`
          : html`
            <span class="hint">
              ${t(
                "轨迹点编号；多条轨迹都有的编号写成 <轨迹>/<轨迹点>。找不到的会在结果中列出。",
                "Their ids; <track>/<point> where several tracks have one. What is not found is named in the result.",
              )}
            </span>
          `
      }
    </label>
    <${Input} form=${form} name="where" label=${t("所在轨迹", "On these tracks")}
      placeholder=${t("不填：自动查找", "empty: looked for")}
      hint=${
        form.errorOf("tracks")
          ? html`<span class="bad">✕ ${form.errorOf("tracks")}</span>`
          : t(
              "用逗号分隔。轨迹来自轨迹服务而编号不含轨迹号时需要填写。",
              "With commas. Needed for a track service where the ids do not begin with their track.",
            )
      } />
    ${
      form.values.how === "around" &&
      html`
        <${Input} form=${form} name="reach" type="number" min="0" label=${t("前后各取", "Neighbours on either side")}
          hint=${t(
            "同一轨迹上的相邻点数；重叠的只取一次。",
            "Points of the same track; what overlaps is taken once.",
          )} />
      `
    }
  `;
}
