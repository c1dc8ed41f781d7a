// @ts-check
/** Releases: what serves where in each category, and all that was published. */

import { Head, Tabs } from "../components/layout.js";
import { Listing } from "../components/listing.js";
import { measuredOn, placeOf, releasedMiou } from "../components/released.js";
import { JobState } from "../components/state.js";
import { t } from "../i18n.js";
import { html } from "../lib.js";
import { setQuery, to } from "../router.js";
import { Serving, useServing } from "./release-serving.js";

/** @param {{route: import("../router.js").Route}} props */
export function ReleasePage({ route }) {
  const tab = route.query.tab === "all" ? "all" : "serving";
  const serving = useServing();
  return html`
    <${Head} title=${t("发布", "Release")}
      sub=${t(
        "哪里在用哪个模型；一个包里有参数、说明、映射、类别表、ONNX 和成绩。",
        "Which model serves where; a bundle holds parameters, description, label map, class table, ONNX and scores.",
      )}
      actions=${html`
        <a class="button" href=${to("engines")}>${t("引擎（fp16、int8）", "Engines (fp16, int8)")}</a>
        <a class="button primary" href=${to("release", "new")}>${t("发布模型", "Release a model")}</a>
      `} />
    <${Tabs} now=${tab} choose=${(/** @type {string} */ name) => setQuery({ tab: name === "all" ? name : "" })}
      tabs=${[
        ["serving", t("在用", "In service")],
        ["all", t("所有发布", "All releases")],
      ]} />
    ${
      tab === "serving"
        ? html`<${Serving} ...${serving} />`
        : html`
          <${Listing} path="/v1/releases" query=${route.query} kinds=${["release"]} columns=${columns} empty=${none()}
            address=${(/** @type {any} */ r) => (r.folder ? to("release", r.task_id) : to("jobs", r.task_id))}
            search=${t("搜索类别、版本、环境、描述", "Search categories, versions, environments, descriptions")}
            filters=${[
              {
                name: "type",
                label: t("类别", "Category"),
                values: (serving.data ?? []).map((/** @type {any} */ one) => [one.name, one.name]),
              },
            ]} />
        `
    }
  `;
}

const none = () => html`
  ${t("还没有发布过模型。", "No model has been released yet.")}
  ${" "}<a class="link" href=${to("release", "new")}>${t("发布第一个", "Release the first")} →</a>
`;

const columns = () => [
  {
    head: t("版本", "Version"),
    cell: (/** @type {any} */ r) => html`<b>${r.version}</b>`,
    class: "name-col",
    sort: "version",
  },
  { head: t("类别", "Category"), cell: (/** @type {any} */ r) => r.type, sort: "type", class: "nowrap" },
  { head: t("状态", "State"), cell: (/** @type {any} */ r) => html`<${JobState} job=${r} />` },
  { head: t("环境", "Environment"), cell: (/** @type {any} */ r) => r.env, sort: "env" },
  { head: t("地区", "Place"), cell: placeOf, sort: "adcode" },
  {
    head: t("模型", "Model"),
    cell: (/** @type {any} */ r) =>
      html`<div>${r.model}</div><div class="small faint">${t("来自", "from")} ${r.source}</div>`,
    class: "text",
    sort: "source",
  },
  {
    head: "mIoU",
    num: true,
    cell: (/** @type {any} */ r) =>
      html`<div>${releasedMiou(r.metrics)}</div><div class="small faint wrap">${measuredOn(r.metrics)}</div>`,
  },
  { head: t("描述", "Description"), cell: (/** @type {any} */ r) => r.desc, class: "text" },
  {
    head: t("发布时间", "Released"),
    cell: (/** @type {any} */ r) => html`<span class="nowrap">${r.time}</span>`,
    sort: "created",
  },
  {
    head: t("目录", "Folder"),
    cell: (/** @type {any} */ r) =>
      html`<span class="mono small wrap" title=${(r.files ?? []).join("\n")}>${r.folder}</span>`,
    class: "text",
  },
];
