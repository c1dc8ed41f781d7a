// @ts-check
/** The form that converts a model to an engine. */

import { act, get } from "../api.js";
import { Check, FormBox, Input, Select, useForm } from "../components/form.js";
import { Empty, Failure, Head, Loading, Panel } from "../components/layout.js";
import { t } from "../i18n.js";
import { html } from "../lib.js";
import { usePoll } from "../poll.js";
import { go, to } from "../router.js";

const FIELDS = ["file", "precision", "size", "calibration", "calibration_pictures", "check", "tensorrt"];

/** @param {{route: import("../router.js").Route}} props */
export function EngineNew({ route }) {
  const { data, error, reload } = usePoll((signal) => get("/model", {}, signal), []);
  return html`
    <${Head} title=${t("转换模型", "Convert a model")}
      sub=${t(
        "导出 ONNX，降低精度，在真实图片上与训练的网络比较，然后整体上架。",
        "Exports ONNX, lowers the precision, compares with the trained network on real pictures, and puts it in place.",
      )} />
    <${Failure} error=${error} retry=${reload} />
    ${
      !data
        ? !error && html`<${Loading} />`
        : html`<${Panel}><${EngineForm} models=${data.data} model=${route.query.model ?? ""} /><//>`
    }
  `;
}

/** @type {Record<string, () => string>} */
const PRECISIONS = {
  fp16: () => t("大小减半，几乎没有差别。", "Half the size, hardly a difference."),
  int8: () => t("四分之一的大小，需要校准图片。", "A quarter of the size, needs calibration pictures."),
  fp32: () => t("与训练时相同。", "As trained."),
};

/** @param {{models: Record<string, string[]>, model: string}} props */
function EngineForm({ models, model }) {
  const names = Object.entries(models).flatMap(([task, files]) =>
    files.filter((f) => f.endsWith(".params")).map((f) => `${task}/${f}`),
  );
  const form = useForm(
    {
      model: names.includes(model) ? model : (names[0] ?? ""),
      precision: "fp16",
      size: "",
      calibration: "",
      calibration_pictures: "64",
      check: "",
      tensorrt: false,
    },
    async ({ model: name, calibration, calibration_pictures, tensorrt, ...rest }) => {
      const cut = name.lastIndexOf("/");
      const reply = await act("/v1/engines", {
        source: name.slice(0, cut),
        file: name.slice(cut + 1),
        ...rest,
        ...(rest.precision === "int8" && { calibration, calibration_pictures }),
        ...(tensorrt && { tensorrt: 1 }),
      });
      go(to("engines", reply.data));
    },
  );
  if (names.length === 0) return html`<${Empty}>${t("还没有模型文件。", "There are no model files yet.")}<//>`;
  const { values } = form;
  return html`
    <${FormBox} form=${form} fields=${FIELDS} cancel=${to("engines")}
      go=${t(`转换为 ${values.precision}`, `Convert to ${values.precision}`)}>
      <${Select} form=${form} name="model" wide label=${t("模型", "Model")} options=${names.map((n) => [n, n])}
        hint=${form.errorOf("file") && html`<span class="bad">✕ ${form.errorOf("file")}</span>`} />
      <${Select} form=${form} name="precision" label=${t("精度", "Precision")}
        options=${Object.keys(PRECISIONS).map((one) => [one, one])} hint=${PRECISIONS[values.precision]()} />
      <${Input} form=${form} name="size" label=${t("输入尺寸", "Size")} placeholder="480x360"
        hint=${t("宽x高；不填：模型训练图片的尺寸。", "Width x height; empty: that of the training pictures.")} />
      ${
        values.precision === "int8" &&
        html`
          <${Input} form=${form} name="calibration" label=${t("校准图片", "Calibration pictures")}
            placeholder="dataset:suzhou/train"
            hint=${t(
              "目录、dataset:<名称>/train，或每行一个路径的文本文件；不填：模型训练任务的 train。",
              "A folder, dataset:<name>/train, or a text file with a path a line; empty: train of the model's task.",
            )} />
          <${Input} form=${form} name="calibration_pictures" type="number" min="1"
            label=${t("校准图片数", "How many of them")} hint=${t("从全部中均匀选取。", "Evenly from all of them.")} />
        `
      }
      <${Input} form=${form} name="check" label=${t("比较用的图片", "Compare on")} placeholder="dataset:suzhou/val"
        hint=${t(
          "有标注时给出两者的 mIoU；不填：模型训练任务的 val。",
          "With labels, both mIoU are said; empty: val of the model's task.",
        )} />
      <${Check} form=${form} name="tensorrt" label=${t("同时生成 TensorRT 计划", "Build a TensorRT plan, too")}
        hint=${
          form.errorOf("tensorrt")
            ? html`<span class="bad">✕ ${form.errorOf("tensorrt")}</span>`
            : t("需要服务器上装有 trtexec。", "Needs trtexec on the server.")
        } />
    <//>
  `;
}
