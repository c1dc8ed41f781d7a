// @ts-check
/** The form that starts an evaluation. */

import { act, get, query } from "../api.js";
import { Check, FormBox, Input, Select, useForm } from "../components/form.js";
import { devices, GpuField } from "../components/gpu-field.js";
import { Empty, Failure, Head, Loading, Panel } from "../components/layout.js";
import { many, score, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { usePoll } from "../poll.js";
import { go, to } from "../router.js";

/** @typedef {{data: string, best: {file: string, miou: number | null, epoch: number} | null}} Training  Of a task. */

/** Tasks from which a list of them needs a search. */
const MANY = 8;
const FIELDS = ["dicts", "type", "sour_dir", "dest_dir", "gpus", "single_gpu", "mapping"];

/** @param {{route: import("../router.js").Route}} props */
export function EvaluationNew({ route }) {
  const { data, error, reload } = usePoll(
    (signal) =>
      Promise.all([
        get("/model", {}, signal),
        get("/sour_datas", {}, signal),
        query("/train_history", {}, signal),
        get("/v1/engines", { state: "succeeded" }, signal),
      ]).then(([models, built, tasks, engines]) => ({
        models: withEngines(models.data, engines.data),
        engine: engines.data.find((/** @type {any} */ row) => row.task_id === route.query.engine),
        built: built.data,
        tasks: new Map(tasks.data.map((/** @type {any} */ row) => [row.task_name, row])),
      })),
    [],
  );
  return html`
    <${Head} title=${t("开始评估", "New evaluation")}
      sub=${t("所选模型逐一预测同一批图片。", "Every chosen model predicts the same pictures.")} />
    <${Failure} error=${error} retry=${reload} />
    ${
      !data
        ? !error && html`<${Loading} />`
        : html`
          <${Panel}>
            <${EvaluationForm} models=${data.models} built=${data.built} tasks=${data.tasks}
              task=${data.engine?.source ?? route.query.task ?? ""} file=${data.engine?.file ?? ""}
              folder=${route.query.folder ?? ""} />
          <//>
        `
    }
  `;
}

/**
 * The model files of each source, and the engines that were made from them.
 * @param {Record<string, string[]>} models @param {any[]} engines Rows of /v1/engines.
 */
function withEngines(models, engines) {
  const all = { ...models };
  for (const { source, file, error } of engines) if (!error) all[source] = [...(all[source] ?? []), file];
  return all;
}

/** What can predict: a model, or an engine. @param {string} file */
const predicts = (file) => /\.(params|onnx)$/.test(file);

/**
 * The file that a task did best with, else its newest.
 * @param {string[]} files @param {Training | undefined} training
 */
function bestOf(files, training) {
  const found = files.filter(predicts);
  return found.find((file) => file === training?.best?.file) ?? found[0];
}

/**
 * @param {{models: Record<string, string[]>, built: string[], tasks: Map<string, Training>, task: string,
 *   file: string, folder: string}} props
 *   `task`: the one to begin with; without it, the newest that has a model. `file`: its file; without it the best.
 *   `folder`: the pictures to begin with.
 */
function EvaluationForm({ models, built, tasks, task, file, folder }) {
  const begun = models[task] ? task : Object.keys(models)[0];
  /** What the models were trained on, if it is there: the first one's. @param {string[]} dicts */
  const own = (dicts) => {
    const data = dicts.map((name) => tasks.get(name.slice(0, name.lastIndexOf("/")))?.data);
    return data.find((name) => name !== undefined && built.includes(name));
  };
  const first = begun ? [`${begun}/${file || bestOf(models[begun], tasks.get(begun))}`] : [];
  const form = useForm(
    {
      dicts: first,
      kind: built.length && !folder ? "dataset" : "folder",
      data: own(first) ?? built[0] ?? "",
      split: "val",
      sour_dir: folder,
      dest_dir: "",
      type: "full",
      gpus: "",
      single_gpu: "2",
      mapping: "",
      overwrite: false,
    },
    async (values) => {
      const sour_dir = values.kind === "dataset" ? `dataset:${values.data}/${values.split}` : values.sour_dir;
      const { dest_dir, type, gpus, single_gpu, mapping, overwrite } = values;
      const reply = await act("/starteva", {
        dicts: asDicts(values.dicts),
        sour_dir,
        dest_dir,
        type,
        gpus,
        single_gpu,
        mapping,
        overwrite,
      });
      go(to("evaluation", reply.data));
    },
  );
  if (Object.keys(models).length === 0) {
    return html`
      <${Empty}>
        ${t("还没有模型文件。", "There are no model files yet.")}${" "}
        <a class="link" href=${to("training")}>${t("先训练一个", "Train one first")} →</a>
      <//>
    `;
  }
  const { values } = form;
  const n = values.dicts.length;
  const trained = own(values.dicts);
  /** @param {string[]} dicts The dataset follows, unless somebody chose another one. */
  const choose = (dicts) => {
    const next = own(dicts);
    if (next && (values.data === trained || (!trained && values.data === built[0]))) form.set("data", next);
    form.set("dicts", dicts);
  };
  return html`
    <${FormBox} form=${form} fields=${FIELDS} cancel=${to("evaluation")} disabled=${n === 0}
      go=${
        n === 0
          ? t("先选择模型", "Choose a model first")
          : t(
              `用 ${n} 个模型在 ${devices(values.gpus)} 上评估`,
              `Evaluate ${many(n, "model")} on ${devices(values.gpus)}`,
            )
      }>
      <div class="wide"><${Models} form=${form} models=${models} tasks=${tasks} choose=${choose} open=${begun} /></div>
      <${Select} form=${form} name="kind" label=${t("图片来自", "Pictures from")}
        options=${[
          ...(built.length ? [["dataset", t("数据的一个划分", "A split of a dataset")]] : []),
          ["folder", t("一个目录", "A folder")],
        ]} />
      ${
        values.kind === "dataset"
          ? html`
            <${Select} form=${form} name="data" label=${t("数据", "Dataset")}
              options=${built.map((name) => [name, name])} hint=${dataHint(values.data, trained)} />
            <${Select} form=${form} name="split" label=${t("划分", "Split")}
              options=${["val", "test", "train"].map((s) => [s, s])}
              hint=${
                form.errorOf("sour_dir")
                  ? html`<span class="bad">✕ ${form.errorOf("sour_dir")}</span>`
                  : t("val 和 test 没有参与训练。", "val and test took no part in training.")
              } />
          `
          : html`
            <${Input} form=${form} name="sour_dir" label=${t("图片目录", "Picture folder")} placeholder="imports/photos"
              hint=${html`
                ${t(
                  "相对工作区，或某个允许的根目录下的绝对路径；子目录也读。",
                  "Relative to the workspace, or absolute inside an allowed root; read with its subfolders.",
                )}${" "}
                <a class="link" href=${`${to("selection", "new")}?how=points`}>
                  ${t("取出列出的轨迹点的图片", "Fetch the pictures of listed track points")} →
                </a>
              `}
              required />
          `
      }
      <${Select} form=${form} name="type" label=${t("范围", "Part of the picture")} options=${[
        ["full", t("全幅", "Whole picture")],
        ["remote", t("只看下半幅", "Bottom half only")],
      ]} />
      <${Input} form=${form} name="dest_dir" label=${t("输出目录", "Output folder")} placeholder="evaluations/…"
        hint=${t(
          "不填：自动放在 evaluations/ 下。填写时必须是新的或空的目录。",
          "Empty: a folder of its own under evaluations/. Otherwise it must be new or empty.",
        )} />
      <${GpuField} form=${form} />
      <${Input} form=${form} name="single_gpu" type="number" min="1" label=${t("批大小", "Batch size")}
        hint=${t("每个设备一次预测几张。", "Pictures that each device predicts at once.")} />
      <${Input} form=${form} name="mapping" label=${t("类别对应", "Classes mapped")}
        placeholder='{"3": "7", "9": "255"}'
        hint=${t(
          "只在数据与模型的类别表含义不同时需要：数据的编号 → 模型的编号，255 为忽略。",
          "Only where the data's class table means something else than the model's: id in the data → id of the " +
            "model, 255 = ignore.",
        )} />
      ${
        values.dest_dir &&
        html`
          <${Check} form=${form} name="overwrite"
            label=${t("替换该目录中以前的评估结果", "Replace an earlier evaluation in that folder")} />
        `
      }
    <//>
  `;
}

/** `task/file` names as the request wants them. @param {string[]} chosen */
function asDicts(chosen) {
  /** @type {Record<string, string[]>} */
  const dicts = {};
  for (const name of chosen) {
    const cut = name.lastIndexOf("/");
    (dicts[name.slice(0, cut)] ??= []).push(name.slice(cut + 1));
  }
  return dicts;
}

/** @param {string} chosen @param {string | undefined} trained */
function dataHint(chosen, trained) {
  if (!trained) return "";
  if (chosen === trained) return t("训练该模型所用的数据。", "The dataset that the model was trained on.");
  return t(
    `训练所用的是 ${trained}；在别的数据上，成绩不能直接与训练时相比。`,
    `It was trained on ${trained}; scores on another dataset do not compare with those while training.`,
  );
}

/**
 * @param {{form: import("../components/form.js").Form<any>, models: Record<string, string[]>,
 *   tasks: Map<string, Training>, choose: (dicts: string[]) => void, open: string}} props
 *   `open`: the task whose files are seen at first.
 */
function Models({ form, models, tasks, choose, open }) {
  const [words, setWords] = useState("");
  const chosen = /** @type {string[]} */ (form.values.dicts);
  const names = Object.keys(models);
  const wanted = words.trim().toLowerCase();
  const found = names.filter(
    (task) =>
      task.toLowerCase().includes(wanted) ||
      models[task].some((file) => file.toLowerCase().includes(wanted) || chosen.includes(`${task}/${file}`)),
  );
  return html`
    <fieldset class=${`field ${form.errorOf("dicts") ? "wrong" : ""}`}>
      <legend class="label">
        ${t("模型", "Models")} <span class="faint small">${t(`已选 ${chosen.length}`, `${chosen.length} chosen`)}</span>
      </legend>
      ${
        names.length > MANY &&
        html`
          <input type="search" value=${words} aria-label=${t("搜索任务或文件", "Search tasks or files")}
            placeholder=${t(`在 ${names.length} 个任务中搜索`, `Search ${many(names.length, "task")}`)}
            onInput=${(/** @type {any} */ e) => setWords(e.target.value)}
            onKeyDown=${(/** @type {KeyboardEvent} */ e) => e.key === "Enter" && e.preventDefault()} />
        `
      }
      <div class="choices">
        ${found.map(
          (task) => html`
            <${TaskModels} key=${task} task=${task} files=${models[task]} training=${tasks.get(task)} chosen=${chosen}
              choose=${choose} open=${task === open || (wanted !== "" && found.length <= MANY)} />
          `,
        )}
        ${found.length === 0 && html`<span class="faint">${t("没有找到。", "Nothing found.")}</span>`}
      </div>
      ${form.errorOf("dicts") && html`<span class="hint bad" role="alert">✕ ${form.errorOf("dicts")}</span>`}
    </fieldset>
  `;
}

/**
 * The model files of one task, the best one marked and first, then its engines.
 * @param {{task: string, files: string[], training: Training | undefined, chosen: string[],
 *   choose: (dicts: string[]) => void, open: boolean}} props
 */
function TaskModels({ task, files, training, chosen, choose, open }) {
  const best = training?.best;
  /** @param {string} file */
  const rank = (file) => (file === best?.file ? 0 : file.endsWith(".params") ? 2 : 1);
  const found = files.filter(predicts).sort((x, y) => rank(x) - rank(y));
  const mine = found.filter((file) => chosen.includes(`${task}/${file}`)).length;
  /** @param {string} name */
  const toggle = (name) => choose(chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name]);
  return html`
    <details class="task-models" open=${open || mine > 0}>
      <summary>
        <b class="wrap">${task}</b>
        <span class="faint small">
          ${t(`${found.length} 个文件`, many(found.length, "file"))}
          ${best?.miou != null && t(`，最好 mIoU ${score(best.miou)}`, `, best mIoU ${score(best.miou)}`)}
          ${training && t(`，数据 ${training.data}`, `, dataset ${training.data}`)}
        </span>
      </summary>
      ${found.map(
        (file) => html`
          <label class="check">
            <input type="checkbox" checked=${chosen.includes(`${task}/${file}`)}
              onChange=${() => toggle(`${task}/${file}`)} />
            <span class="wrap">${file}</span>
            ${
              file === best?.file &&
              html`
                <span class="chip good">
                  <span aria-hidden="true">✓</span>${t("最好", "best")}
                  ${best.miou != null && ` mIoU ${score(best.miou)}`}
                </span>
              `
            }
          </label>
        `,
      )}
    </details>
  `;
}
