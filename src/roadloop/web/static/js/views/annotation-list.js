// @ts-check
/** Annotation: every version with what it holds and what comes next. */

import { get } from "../api.js";
import { Failure, Head, Loading, Panel } from "../components/layout.js";
import { Table } from "../components/table.js";
import { count, t } from "../i18n.js";
import { html } from "../lib.js";
import { usePoll } from "../poll.js";
import { to } from "../router.js";

/** Kinds of jobs that move packages. */
export const KINDS = ["task_divide", "push_package", "linedown", "process_label"];

export function AnnotationList() {
  const { data, error, reload } = usePoll(
    (signal) => get("/v1/packages/versions", {}, signal),
    [],
    () => ({ kinds: [...KINDS, "sample", "select", "rework"] }),
  );
  return html`
    <${Head} title=${t("标注", "Annotation")}
      sub=${t(
        "把选好的图片切成任务包交给标注员，取回、检查、退回重做，再发布为源数据。",
        "Cut chosen pictures into packages, hand them to annotators, take back, check, send again, and publish.",
      )}
      actions=${html`
        <a class="button primary" href=${to("annotation", "new")}>${t("切分任务包", "Cut packages")}</a>
      `} />
    <${Failure} error=${error} retry=${reload} />
    ${
      !data
        ? !error && html`<${Loading} />`
        : html`
          <${Panel} flush>
            <${Table} rows=${data.data} columns=${columns()}
              address=${(/** @type {any} */ row) => to("annotation", row.version)}
              empty=${html`
                ${t(
                  "还没有要标注的图片：请先“挑图”，或把图片放进工作区的 images/<版本>/。",
                  "There are no pictures to be labelled: choose some under Selection, or put them into " +
                    "images/<version>/ of the workspace.",
                )}
                ${" "}<a class="link" href=${to("selection", "new")}>${t("去挑图", "Choose pictures")} →</a>
              `} />
          <//>
        `
    }
  `;
}

const columns = () => [
  { head: t("版本", "Version"), cell: (/** @type {any} */ row) => row.version, class: "name-col" },
  { head: t("任务包", "Packages"), num: true, cell: (/** @type {any} */ row) => count(row.packages) },
  { head: t("图片", "Pictures"), num: true, cell: (/** @type {any} */ row) => count(row.pictures) },
  { head: t("已发布", "Published"), num: true, cell: (/** @type {any} */ row) => count(row.published) },
  {
    head: t("退回待发", "Rejected"),
    num: true,
    cell: (/** @type {any} */ row) =>
      row.waiting > 0
        ? html`<span class="chip warn"><span aria-hidden="true">⚠</span>${count(row.waiting)}</span>`
        : count(0),
  },
  { head: t("下一步", "Next"), cell: (/** @type {any} */ row) => html`<span class="quiet">${nextOf(row)}</span>` },
];

/** @param {any} row */
function nextOf(row) {
  if (row.packages === 0) return t("切分任务包", "Cut it into packages");
  if (row.waiting > 0)
    return t(`把 ${count(row.waiting)} 张退回的再发出去`, `Send ${count(row.waiting)} rejected ones out again`);
  if (row.published === 0) return t("交付、取回、发布", "Hand over, take back, publish");
  if (row.open > 0) return t(`还有 ${count(row.open)} 张没有发布`, `${count(row.open)} are not published yet`);
  return t("✓ 全部已发布；可生成增量数据", "✓ All published; build the next increment");
}
