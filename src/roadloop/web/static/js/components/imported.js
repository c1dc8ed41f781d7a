// @ts-check
/** What an import did, or a preview says it would do: outcomes, pairs as pictures, classes as they were matched. */

import { count, many, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { Opacity } from "./opacity.js";
import { Table } from "./table.js";

/**
 * What became of the files and statements of an import, as its report calls it.
 * @type {Record<string, () => string>}
 */
const FATES = {
  added: () => t("已加入", "Added"),
  already_there: () => t("早已在内", "Already there"),
  changed: () => t("内容与上次导入不同", "Changed since the last import"),
  missing_partner: () => t("缺少对应文件", "Without a partner"),
  partner_left_out: () => t("随对应文件未使用", "Left out with the partner"),
  ambiguous: () => t("对应关系不唯一", "Unclear what it belongs to"),
  picture_absent: () => t("图片不在目录中", "Picture is not there"),
  superseded: () => t("已由更新的代替", "Superseded by a newer one"),
  not_for_this_picture: () => t("不属于这张图片", "Not for this picture"),
  unsupported: () => t("不支持", "Not supported"),
  broken: () => t("损坏", "Broken"),
  unknown_color: () => t("未知颜色或编号", "Unknown colours or ids"),
  other_size: () => t("尺寸不符", "Of another size"),
  vanished: () => t("扫描期间消失", "Vanished during the scan"),
  unreadable: () => t("无法读取", "Unreadable"),
  outside: () => t("链接到根目录之外", "Links out of the roots"),
  bad_name: () => t("文件名不可用", "Unusable name"),
  name_taken: () => t("重名", "Same name as another"),
  used: () => t("作为说明文件使用", "Read as a description"),
  not_used: () => t("不需要", "Not needed"),
};

/** @param {string} fate */
export const fateName = (fate) => FATES[fate]?.() ?? fate;

/** Files and statements by what became of them. @param {any} result @returns {[any, any][]} */
export function outcomes({ counts, statements = {} }) {
  return Object.keys({ ...counts, ...statements }).map((fate) => [
    fateName(fate),
    [
      counts[fate] && t(`${count(counts[fate])} 个文件`, many(counts[fate], "file")),
      statements[fate] && t(`${count(statements[fate])} 个条目`, many(statements[fate], "statement")),
    ]
      .filter(Boolean)
      .join(t("，", ", ")),
  ]);
}

/**
 * Pictures with their labels laid over: the first pairs and the oddest. A pair's file is the picture beside its label.
 * @param {{pairs: any[], task: string}} props
 */
export function PreviewPairs({ pairs, task }) {
  const [opacity, setOpacity] = useState(0.55);
  if (pairs.length === 0) return null;
  return html`
    <${Opacity} value=${opacity} set=${setOpacity} />
    <div class="pairs">
      ${pairs.map(
        (pair) => html`
          <figure key=${pair.file}>
            <a class="halves" href=${addressOf(pair, task)} target="_blank" rel="noreferrer">
              <img src=${addressOf(pair, task)} alt=${pair.picture} loading="lazy" />
              <img class="label" src=${addressOf(pair, task)} alt="" loading="lazy"
                style=${{ opacity: String(pair.outcome === "added" ? opacity : 0) }} />
            </a>
            <figcaption>
              <div class="mono small wrap">${pair.picture}</div>
              <div class="mono small faint wrap">${pair.label}</div>
              <div class="small">
                ${fateName(pair.outcome)}
                ${pair.note[0] !== "已加入" && html` · ${t(pair.note[0], pair.note[1])}`}
              </div>
            </figcaption>
          </figure>`,
      )}
    </div>
  `;
}

/** @param {any} pair @param {string} task */
const addressOf = (pair, task) => `/v1/imports/preview/${task}/${pair.file}`;

/** The data's classes and what they became. @param {{classes?: any[], open?: boolean}} props */
export function ClassesMatched({ classes, open }) {
  if (!classes?.length) return null;
  return html`
    <details open=${open}>
      <summary>${t(`类别的对应（${classes.length}）`, `How the classes were matched (${classes.length})`)}</summary>
      <${Table} rows=${classes}
        columns=${[
          { head: t("数据中的类别", "Class in the data"), cell: (/** @type {any} */ c) => c.label, class: "text" },
          { head: t("像素值", "Value"), num: true, cell: (/** @type {any} */ c) => c.value ?? "" },
          {
            head: t("颜色", "Colour"),
            cell: (/** @type {any} */ c) =>
              c.color &&
              html`
                <span class="swatch" style=${{
                  background: `rgb(${c.color.join(",")})`,
                }}></span> <span class="mono small">
                  ${c.color.join(",")}
                </span>
              `,
          },
          { head: t("原始编号", "Raw id"), num: true, cell: (/** @type {any} */ c) => c.raw_id ?? t("无", "none") },
          {
            head: t("类别表中的名称", "Name in the table"),
            cell: (/** @type {any} */ c) =>
              c.raw_id === 255 ? t("忽略", "ignored") : t(c.name_zh ?? "", c.name_en ?? ""),
            class: "text",
          },
        ]} />
    </details>
  `;
}
