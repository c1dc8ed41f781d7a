// @ts-check
/** The form that publishes a model. */

import { act, get, query } from "../api.js";
import { FormBox, Input, Select, useForm } from "../components/form.js";
import { Empty, Facts, Failure, Head, Loading, Panel, Warnings } from "../components/layout.js";
import { placeOf } from "../components/released.js";
import { score, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { usePoll } from "../poll.js";
import { to } from "../router.js";

/** Evaluations that a release can quote by a choice, the newest ones. */
const EVALUATIONS = 50;

/** @param {{route: import("../router.js").Route}} props */
export function ReleaseNew({ route }) {
  const { data, error, reload } = usePoll(
    (signal) =>
      Promise.all([
        get("/model", {}, signal),
        get("/v1/releases/serving", { limit: 1 }, signal),
        query("/eva_rate", { page: 1, page_size: EVALUATIONS, state: "succeeded" }, signal),
        query("/train_history", {}, signal),
      ]).then(([models, serving, evaluations, tasks]) => ({
        models: models.data,
        categories: serving.categories,
        evaluations: evaluations.data,
        best: tasks.data.flatMap((/** @type {any} */ task) => (task.best ? `${task.task_name}/${task.best.file}` : [])),
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
            <${ReleaseForm} ...${data} model=${route.query.model ?? ""} quoted=${route.query.evaluation ?? ""} />
          <//>
        `
    }
  `;
}

/**
 * The finished evaluations with labels that a model took part in, newest first, and its mIoU there.
 * @param {any[]} evaluations Of /eva_rate. @param {string} model `<source>/<file>`
 * @returns {[string, string][]} Task ids and words.
 */
function evaluationsOf(evaluations, model) {
  const cut = model.lastIndexOf("/");
  return evaluations.flatMap((row) => {
    const found = (row.report ?? []).find(
      (/** @type {any} */ one) => one.source === model.slice(0, cut) && one.file === model.slice(cut + 1),
    );
    if (found?.miou == null) return [];
    return [[row.task_id, `${row.sour_dir} · mIoU ${score(found.miou)} · ${row.created_at.slice(0, 16)}`]];
  });
}

/**
 * @param {{models: Record<string, string[]>, categories: string[], evaluations: any[], best: string[], model: string,
 *   quoted: string}} props `best`: of each task, the newest task first.
 */
function ReleaseForm({ models, categories, evaluations, best, model, quoted }) {
  const names = Object.entries(models).flatMap(([task, files]) =>
    files.filter((f) => f.endsWith(".params")).map((f) => `${task}/${f}`),
  );
  const [done, setDone] = useState(/** @type {any} */ (undefined));
  const first = names.includes(model) ? model : (best.find((name) => names.includes(name)) ?? names[0] ?? "");
  const form = useForm(
    {
      model: first,
      type: categories[0],
      version: "",
      env: "",
      adcode: "0",
      desc: "",
      parity: "",
      evaluation: quoted || (evaluationsOf(evaluations, first)[0]?.[0] ?? ""),
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
  const known = evaluationsOf(evaluations, values.model);
  const chosen = {
    ...form,
    set: (/** @type {any} */ name, /** @type {string} */ value) => {
      form.set(name, value);
      if (name === "model") form.set("evaluation", evaluationsOf(evaluations, value)[0]?.[0] ?? "");
    },
  };
  return html`
    <${FormBox} form=${form} fields=${["dicts", "type", "version", "env", "adcode", "desc", "parity", "evaluation"]}
      cancel=${to("release")} disabled=${!values.version || !values.env}
      go=${t(`发布到 ${values.type}`, `Release under ${values.type}`)}>
      <${Select} form=${chosen} name="model" wide label=${t("模型", "Model")}
        options=${names.map((n) => [n, best.includes(n) ? t(`${n}（最好）`, `${n} (best)`) : n])}
        hint=${form.errorOf("dicts") && html`<span class="bad">✕ ${form.errorOf("dicts")}</span>`} />
      <${Select} form=${form} name="type" label=${t("类别", "Category")} options=${categories.map((c) => [c, c])} />
      <${Input} form=${form} name="version" label=${t("版本", "Version")} placeholder="20180731" required />
      <${Input} form=${form} name="env" label=${t("环境", "Environment")} placeholder=${t("北京", "Beijing")}
        required />
      <${Adcode} form=${form} />
      <${Input} form=${form} name="desc" label=${t("描述", "Description")} placeholder=${t("可不填", "optional")} />
      <${Select} form=${form} name="evaluation" wide label=${t("引用的评估", "Quoted evaluation")}
        options=${[
          ...known,
          ...(known.every(([id]) => id !== values.evaluation) && values.evaluation
            ? [[values.evaluation, values.evaluation]]
            : []),
          ["", t("不引用：用训练时的验证成绩", "none: the validation while training")],
        ]}
        hint=${
          known.length === 0
            ? t("这个模型还没有带标注的评估。", "No evaluation with labels is about this model yet.")
            : t("发布引用它的成绩，并据此与之前的发布相比。", "The release quotes its scores and is compared by them.")
        } />
      <${Input} form=${form} name="parity" label=${t("一致性上限", "Parity")} placeholder=${t("可不填", "optional")}
        hint=${t(
          "如 0.0001：导出的 ONNX 在验证集上与训练的网络不同的像素占比超过它，就不发布。",
          "Such as 0.0001: not released if the ONNX export differs from the trained network in a larger share of " +
            "the val split's pixels.",
        )} />
    <//>
  `;
}

/** The place, found by its name or its code. @param {{form: import("../components/form.js").Form<any>}} props */
function Adcode({ form }) {
  const text = form.values.adcode.trim();
  const { data } = usePoll(
    async (signal) => (text === "0" ? undefined : get("/v1/adcodes", { q: text }, signal)),
    [text],
  );
  const found = data?.data ?? [];
  const exact = found.find((/** @type {any} */ one) => one.adcode === text);
  return html`
    <${Input} form=${form} name="adcode" label=${t("地区（行政区划代码）", "Place (administrative code)")}
      list=${found.map((/** @type {any} */ one) => [one.adcode, one.name])}
      hint=${
        text === "0"
          ? t("0 = 各地；或输入地名（如 苏州）、六位代码。", "0 = everywhere; or a name, such as 苏州, or six digits.")
          : exact
            ? html`✓ ${exact.name}`
            : found.length > 0
              ? t("从列表中选一个。", "Choose one of the list.")
              : data && t("代码表中没有。", "The list has none.")
      } />
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
      [t("地区", "Place"), placeOf(reply.data)],
      [t("文件", "Files"), (reply.data.files ?? []).join(", ")],
    ]} />
    <div class="row">
      <a class="button primary" href=${to("release", reply.data.task_id)}>${t("打开这次发布", "Open the release")}</a>
      <a class="button" href=${to("release")}>${t("查看在用的模型", "See what serves where")}</a>
    </div>
  </div>
`;
