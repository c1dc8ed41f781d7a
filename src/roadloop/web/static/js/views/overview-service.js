// @ts-check
/** What serves where, and which classes the models in service are worst at. */

import { Panel } from "../components/layout.js";
import { Against, measuredOn, placeOf, releasedMiou } from "../components/released.js";
import { Table } from "../components/table.js";
import { score, t } from "../i18n.js";
import { html } from "../lib.js";
import { to } from "../router.js";

/**
 * Of `/v1/overview`.
 * @typedef {{name: string, places: {now: any, before: any}[], more: boolean}} Category
 * @typedef {{release: any, evaluation: string | null, model: number,
 *   classes: {train_id: number, name_zh: string, name_en: string, iou: number}[]}} Weak
 */

/** @param {{serving: Category[]}} props */
export function ServicePanel({ serving }) {
  const rows = serving.flatMap((category) => category.places);
  if (rows.length === 0) return null;
  return html`
    <${Panel} title=${t("在用的模型", "In service")} flush
      aside=${html`
        ${
          serving.some((one) => one.more) &&
          html`<span class="small quiet">${t("还有更多地区", "and more places")}</span>`
        }
        <a class="link" href=${to("release")}>${t("全部", "All")}</a>
      `}>
      <${Table} rows=${rows} address=${(/** @type {any} */ row) => to("release", row.now.task_id)} columns=${[
        {
          head: t("类别 · 环境", "Category · environment"),
          cell: (/** @type {any} */ { now }) => `${now.type} · ${now.env}`,
          class: "name-col",
        },
        { head: t("地区", "Place"), cell: (/** @type {any} */ { now }) => placeOf(now) },
        { head: t("版本", "Version"), cell: (/** @type {any} */ { now }) => now.version },
        {
          head: "mIoU",
          num: true,
          cell: (/** @type {any} */ { now }) =>
            html`<span title=${measuredOn(now.metrics)}>${releasedMiou(now.metrics)}</span>`,
        },
        {
          head: t("与之前相比", "Against before"),
          num: true,
          cell: (/** @type {any} */ row) => html`<${Against} now=${row.now} before=${row.before} />`,
        },
      ]} />
    <//>
  `;
}

/** @param {{weak: Weak[]}} props */
export function WeakPanel({ weak }) {
  if (weak.length === 0) return null;
  return html`
    <${Panel} title=${t("薄弱之处", "What is weak")} flush
      aside=${html`
        <span class="small quiet">${t("在用模型最差的类别", "worst classes of the models in service")}</span>
      `}>
      <ul class="waiting-list">
        ${weak.map(
          (one) => html`
            <li key=${one.release.task_id}>
              <div class="weak-row">
                <span class="grow wrap">
                  <b>${one.release.type} ${one.release.version}</b>
                  <span class="small quiet"> ${one.evaluation && measuredOn(one.release.metrics)}</span>
                </span>
                ${
                  one.evaluation
                    ? one.classes.map((of) => html`<${ClassLink} of=${of} weak=${one} />`)
                    : html`
                      <span class="small quiet">
                        ${t("发布没有引用评估，没有各类别成绩", "its release quotes no evaluation of its classes")}
                      </span>
                    `
                }
              </div>
            </li>
          `,
        )}
      </ul>
    <//>
  `;
}

/** Its pictures, the worst first. @param {{of: Weak["classes"][0], weak: Weak}} props */
const ClassLink = ({ of, weak }) => html`
  <a class="chip warn" title=${t("看这个类别最差的图片", "See the worst pictures of this class")}
    href=${`${to("evaluation", weak.evaluation ?? "")}?tab=pictures&m=${weak.model}&c=${of.train_id}`}>
    ${t(of.name_zh, of.name_en)} <b>${score(of.iou)}</b>
  </a>
`;
