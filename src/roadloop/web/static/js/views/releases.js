// @ts-check
/** Releases: what is in service in each category, and the form that publishes a model. */

import { act, get } from "../api.js";
import { FormBox, Input, Select, useForm } from "../components/form.js";
import { Empty, Facts, Failure, Head, Loading, Panel, Warnings } from "../components/layout.js";
import { Listing } from "../components/listing.js";
import { measuredOn, releasedMiou } from "../components/released.js";
import { JobState } from "../components/state.js";
import { t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { usePoll } from "../poll.js";
import { to } from "../router.js";

/** All categories with their releases. @param {AbortSignal} signal */
export async function loadCategories(signal) {
  const first = await get("/release_tab", { page: 1 }, signal);
  const pages = Array.from({ length: first.total - 1 }, (_, k) => get("/release_tab", { page: k + 2 }, signal));
  return [first, ...(await Promise.all(pages))];
}

/** @param {{route: import("../router.js").Route}} props */
export function ReleasePage({ route }) {
  const categories = usePoll(loadCategories, []);
  return html`
    <${Head} title=${t("发布", "Release")}
      sub=${t(
        "每个类别下已发布的模型；一个包里有参数、说明、映射、类别表、ONNX 和成绩。",
        "The models in service by category; a bundle holds parameters, description, label map, class table, ONNX " +
          "and scores.",
      )}
      actions=${html`<a class="button primary" href=${to("release", "new")}>${t("发布模型", "Release a model")}</a>`} />
    <${Listing} path="/v1/releases" query=${route.query} kinds=${["release"]} columns=${columns} empty=${none()}
      search=${t("搜索类别、版本、环境、描述", "Search categories, versions, environments, descriptions")}
      filters=${[
        {
          name: "type",
          label: t("类别", "Category"),
          values: (categories.data ?? []).map((/** @type {any} */ one) => [one.name, one.name]),
        },
      ]} />
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
  {
    head: "adcode",
    cell: (/** @type {any} */ r) => (r.adcode === "0" ? t("0（各地）", "0 (everywhere)") : r.adcode),
    sort: "adcode",
  },
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

/** @param {{route: import("../router.js").Route}} props */
export function ReleaseNew({ route }) {
  const { data, error, reload } = usePoll(
    (signal) =>
      Promise.all([get("/model", {}, signal), loadCategories(signal)]).then(([models, categories]) => ({
        models: models.data,
        categories: categories.map((c) => c.name),
      })),
    [],
  );
  return html`
    <${Head} title=${t("发布模型", "Release a model")}
      sub=${t(
        "打包、导出 ONNX、校验，然后整体上架；失败时什么都不会留下。",
        "Packs, exports ONNX, checks and puts the bundle in place as a whole, or leaves nothing.",
      )} />
    <${Failure} error=${error} retry=${reload} />
    ${
      !data
        ? !error && html`<${Loading} />`
        : html`
          <${Panel}>
            <${ReleaseForm} models=${data.models} categories=${data.categories} model=${route.query.model ?? ""} />
          <//>
        `
    }
  `;
}

/** @param {{models: Record<string, string[]>, categories: string[], model: string}} props */
function ReleaseForm({ models, categories, model }) {
  const names = Object.entries(models).flatMap(([task, files]) =>
    files.filter((f) => f.endsWith(".params")).map((f) => `${task}/${f}`),
  );
  const [done, setDone] = useState(/** @type {any} */ (undefined));
  const form = useForm(
    {
      model: names.includes(model) ? model : (names[0] ?? ""),
      type: categories[0],
      version: "",
      env: "",
      adcode: "0",
      desc: "",
      parity: "",
      evaluation: "",
    },
    async (values) => {
      const { model: name, parity, evaluation, ...rest } = values;
      const cut = name.lastIndexOf("/");
      const file = name.slice(cut + 1);
      const dicts = { [name.slice(0, cut)]: [file, file.replace(/\.params$/, ".json")] };
      setDone(
        await act("/release", {
          ...rest,
          ...(parity && { parity }),
          ...(evaluation && { evaluation }),
          dicts,
          page: categories.indexOf(rest.type) + 1,
        }),
      );
    },
  );
  if (names.length === 0) return html`<${Empty}>${t("还没有模型文件。", "There are no model files yet.")}<//>`;
  if (done) return html`<${Done} reply=${done} />`;
  const { values } = form;
  return html`
    <${FormBox} form=${form} fields=${["dicts", "type", "version", "env", "adcode", "desc", "parity", "evaluation"]}
      cancel=${to("release")} disabled=${!values.version || !values.env}
      go=${t(`发布到 ${values.type}`, `Release under ${values.type}`)}>
      <${Select} form=${form} name="model" wide label=${t("模型", "Model")} options=${names.map((n) => [n, n])}
        hint=${form.errorOf("dicts") && html`<span class="bad">✕ ${form.errorOf("dicts")}</span>`} />
      <${Select} form=${form} name="type" label=${t("类别", "Category")} options=${categories.map((c) => [c, c])} />
      <${Input} form=${form} name="version" label=${t("版本", "Version")} placeholder="20180731" required />
      <${Input} form=${form} name="env" label=${t("环境", "Environment")} placeholder=${t("北京", "Beijing")}
        required />
      <${Input} form=${form} name="adcode" label="adcode"
        hint=${t("六位行政区划代码；0 = 各地。", "Six-digit administrative code; 0 = everywhere.")} />
      <${Input} form=${form} name="desc" label=${t("描述", "Description")} placeholder=${t("可不填", "optional")} />
      <${Input} form=${form} name="evaluation" label=${t("引用的评估", "Quoted evaluation")}
        placeholder=${t("可不填", "optional")}
        hint=${t(
          "评估的任务编号，发布引用它的成绩；不填则引用训练时的验证成绩。",
          "Task id of the evaluation whose scores the release quotes; without one it quotes the validation while " +
            "training.",
        )} />
      <${Input} form=${form} name="parity" label=${t("一致性上限", "Parity")} placeholder=${t("可不填", "optional")}
        hint=${t(
          "如 0.0001：导出的 ONNX 在验证集上与训练的网络不同的像素占比超过它，就不发布。",
          "Such as 0.0001: not released if the ONNX export differs from the trained network in a larger share of " +
            "the val split's pixels.",
        )} />
    <//>
  `;
}

/** @param {{reply: any}} props */
const Done = ({ reply }) => html`
  <div class="stack">
    <p class="notice" role="status">✓ ${t(`已发布：${reply.data.folder}`, `Released: ${reply.data.folder}`)}</p>
    <${Warnings} texts=${reply.warnings} />
    <${Facts} of=${[
      [t("类别", "Category"), reply.data.type],
      [t("版本", "Version"), reply.data.version],
      [t("环境", "Environment"), reply.data.env],
      ["adcode", reply.data.adcode],
      [t("文件", "Files"), (reply.data.files ?? []).join(", ")],
    ]} />
    <div class="row"><a class="button primary" href=${to("release")}>${t("查看发布", "See the releases")}</a></div>
  </div>
`;
