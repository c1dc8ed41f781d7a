// @ts-check
/** The form that starts an evaluation. */

import { act, get } from "../api.js";
import { Check, FormBox, Input, Select, useForm } from "../components/form.js";
import { devices, GpuField } from "../components/gpu-field.js";
import { Empty, Failure, Head, Loading, Panel } from "../components/layout.js";
import { t } from "../i18n.js";
import { html } from "../lib.js";
import { usePoll } from "../poll.js";
import { go, to } from "../router.js";

const FIELDS = ["dicts", "type", "sour_dir", "dest_dir", "gpus", "single_gpu", "mapping"];

/** @param {{route: import("../router.js").Route}} props */
export function EvaluationNew({ route }) {
  const { data, error, reload } = usePoll(
    (signal) =>
      Promise.all([get("/model", {}, signal), get("/sour_datas", {}, signal)]).then(([models, built]) => ({
        models: models.data,
        built: built.data,
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
          <${Panel}><${EvaluationForm} models=${data.models} built=${data.built} task=${route.query.task ?? ""} /><//>
        `
    }
  `;
}

/** @param {{models: Record<string, string[]>, built: string[], task: string}} props */
function EvaluationForm({ models, built, task }) {
  const newest = models[task]?.find((file) => file.endsWith(".params"));
  const form = useForm(
    {
      dicts: /** @type {string[]} */ (newest ? [`${task}/${newest}`] : []),
      kind: built.length ? "dataset" : "folder",
      data: built[0] ?? "",
      split: "val",
      sour_dir: "",
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
  return html`
    <${FormBox} form=${form} fields=${FIELDS} cancel=${to("evaluation")} disabled=${n === 0}
      go=${
        n === 0
          ? t("先选择模型", "Choose a model first")
          : t(
              `用 ${n} 个模型在 ${devices(values.gpus)} 上评估`,
              `Evaluate ${n} model${n === 1 ? "" : "s"} on ${devices(values.gpus)}`,
            )
      }>
      <div class="wide"><${Models} form=${form} models=${models} /></div>
      <${Select} form=${form} name="kind" label=${t("图片来自", "Pictures from")}
        options=${[
          ...(built.length ? [["dataset", t("数据的一个划分", "A split of a dataset")]] : []),
          ["folder", t("一个目录", "A folder")],
        ]} />
      ${
        values.kind === "dataset"
          ? html`
            <${Select} form=${form} name="data" label=${t("数据", "Dataset")}
              options=${built.map((name) => [name, name])} />
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
              hint=${t(
                "相对工作区，或某个允许的根目录下的绝对路径；子目录也读。",
                "Relative to the workspace, or absolute inside an allowed root; read with its subfolders.",
              )}
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

/** @param {{form: import("../components/form.js").Form<any>, models: Record<string, string[]>}} props */
function Models({ form, models }) {
  const chosen = form.values.dicts;
  /** @param {string} name */
  const toggle = (name) =>
    form.set(
      "dicts",
      chosen.includes(name) ? chosen.filter((/** @type {string} */ n) => n !== name) : [...chosen, name],
    );
  return html`
    <fieldset class=${`field ${form.errorOf("dicts") ? "wrong" : ""}`}>
      <legend class="label">
        ${t("模型", "Models")} <span class="faint small">${t(`已选 ${chosen.length}`, `${chosen.length} chosen`)}</span>
      </legend>
      <div class="choices">
        ${Object.entries(models).map(
          ([task, files]) => html`
            <b class="group">${task}</b>
            ${files
              .filter((file) => file.endsWith(".params"))
              .map(
                (file) => html`
                  <label class="check">
                    <input type="checkbox" checked=${chosen.includes(`${task}/${file}`)}
                      onChange=${() => toggle(`${task}/${file}`)} />
                    <span class="wrap">${file}</span>
                  </label>
                `,
              )}
          `,
        )}
      </div>
      ${form.errorOf("dicts") && html`<span class="hint bad" role="alert">✕ ${form.errorOf("dicts")}</span>`}
    </fieldset>
  `;
}
