// @ts-check
/** The form that chooses pictures from drives. */

import { act, get, query } from "../api.js";
import { Check, FormBox, Input, Select, useForm } from "../components/form.js";
import { devices, GpuField } from "../components/gpu-field.js";
import { Failure, Head, Loading, Panel } from "../components/layout.js";
import { t } from "../i18n.js";
import { html } from "../lib.js";
import { usePoll } from "../poll.js";
import { go, to } from "../router.js";
import { LISTED, listedRequest, ListedPoints } from "./selection-points.js";
import { Tracks } from "./selection-tracks.js";

const FIELDS = [
  ...["tracks", "track_file", "task_file", "ratio", "output_dir", "weights_dir", "classes", "control", "candidates"],
  ...["gap_frames", "gap_seconds", "gap_metres", "per_track", "labelled", "gpus", "single_gpu", "seed"],
  ...["points", "where", "reach", "name"],
];

const HOW = ["sele", "sam", ...LISTED];

/** What only mining takes. */
const MINING = [
  ...["weights_dir", "classes", "control", "control_kind", "candidates", "per_track", "method", "labelled", "gpus"],
  ...["gap_frames", "gap_seconds", "gap_metres", "single_gpu"],
];

/** @param {{route: import("../router.js").Route}} props */
export function SelectionNew({ route }) {
  const { data, error, reload } = usePoll(
    (signal) =>
      Promise.all([
        get("/model", {}, signal),
        query("/train_history", {}, signal),
        get("/data", {}, signal),
        get("/v1/packages/versions", {}, signal),
      ]).then(([models, tasks, sets, versions]) => ({
        models: Object.keys(models.data),
        trained: new Map(tasks.data.map((/** @type {any} */ row) => [row.task_name, row.best])),
        sets: sets.data,
        taken: versions.data.map((/** @type {any} */ row) => row.version),
      })),
    [],
  );
  return html`
    <${Head} title=${t("挑图", "Choose pictures")}
      sub=${t(
        "图片复制到一个新目录，附 selection.csv 与缩略图；轨迹本身不变。",
        "Copies pictures into a new folder with selection.csv and contact sheets; the drives stay as they are.",
      )} />
    <${Failure} error=${error} retry=${reload} />
    ${
      data
        ? html`<${Panel}><${SelectionForm} ...${data} asked=${route.query.how} /><//>`
        : !error && html`<${Loading} />`
    }
  `;
}

/**
 * @param {{models: string[], trained: Map<string, any>, sets: string[], taken: string[], asked?: string}} props
 *   `asked`: how pictures are chosen at first.
 */
function SelectionForm({ models, trained, sets, taken, asked }) {
  const form = useForm(
    {
      how: asked && HOW.includes(asked) ? asked : models.length ? "sele" : "sam",
      points: "",
      where: "",
      reach: "20",
      from: "folders",
      tracks: "*",
      track_file: "",
      task_file: "",
      ratio: "100",
      version: freeVersion(taken),
      isshuffle: "1",
      weights_dir: models[0] ?? "",
      classes: "",
      control: "0",
      control_kind: "random",
      candidates: "50000",
      per_track: "0",
      gap_frames: "5",
      gap_seconds: "0",
      gap_metres: "0",
      method: "margin",
      labelled: asked === "around" ? "none" : "",
      gpus: "",
      single_gpu: "1",
      seed: "0",
      overwrite: false,
    },
    async (values) => {
      if (LISTED.includes(values.how)) {
        const [path, body] = listedRequest(values);
        return go(to("selection", (await act(path, body)).data));
      }
      const { how, from, version, points, where, reach, ...rest } = values;
      const mine = how === "sele";
      const source = { folders: "tracks", paste: "tracks", list: "track_file", tasks: "task_file" }[from];
      const said = Object.entries(rest).filter(
        ([name, value]) =>
          value !== "" &&
          (mine ? name !== "isshuffle" : !MINING.includes(name)) &&
          (!["tracks", "track_file", "task_file"].includes(name) || name === source),
      );
      const body = { ...Object.fromEntries(said), output_dir: `images/${version}` };
      const reply = await act(mine ? "/sele_value" : "/sam_value", body);
      go(to("selection", reply.data));
    },
  );
  const { values } = form;
  const listed = LISTED.includes(values.how);
  const scored = ["sele", "around"].includes(values.how);
  /** @param {string} how Around faults, what is labelled already is looked at, too. */
  const choose = (how) => {
    form.set("how", how);
    form.set("labelled", how === "around" ? "none" : "");
  };
  return html`
    <${FormBox} form=${form} fields=${FIELDS} cancel=${to("selection")}
      disabled=${!values.version || !(listed ? values.points : values.ratio) || (scored && !values.weights_dir)}
      go=${goWords(values)}>
      <${Select} form=${{ ...form, set: (/** @type {string} */ _name, /** @type {string} */ how) => choose(how) }}
        name="how" label=${t("方式", "How")}
        options=${[
          ["sele", t("自动挑图：模型最没把握的", "Mining: what a model is least sure of")],
          ["sam", t("抽图：不用模型", "Sampling: without a model")],
          ["around", t("列出的轨迹点及其前后：用模型打分", "Around listed track points: scored by a model")],
          ["points", t("列出的轨迹点：只取这些图片", "Listed track points: just these pictures")],
        ]}
        hint=${
          models.length === 0
            ? t(
                "自动挑图和打分需要一个训练好的模型，现在还没有。",
                "Mining and scoring need a trained model; there is none yet.",
              )
            : undefined
        } />
      ${
        !listed &&
        html`
          <${Input} form=${form} name="ratio" label=${t("数量或比例", "Number or share")} placeholder="100"
            hint=${t("张数，或小于 1 的比例，或 10%。", "Pictures, a share below 1, or 10%.")} required />
        `
      }
      <${Input} form=${form} name="version" label=${t("版本", "Version")}
        hint=${
          (form.errorOf("output_dir") ?? form.errorOf("name"))
            ? html`<span class="bad">✕ ${form.errorOf("output_dir") ?? form.errorOf("name")}</span>`
            : t(`放在 images/${values.version || "…"}，之后可切成任务包。`, `Goes to images/${values.version || "…"}.`)
        }
        required />
      ${listed ? html`<${ListedPoints} form=${form} />` : html`<div class="wide"><${Tracks} form=${form} /></div>`}
      ${
        scored
          ? html`<${MiningFields} form=${form} models=${models} trained=${trained} sets=${sets} all=${!listed} />`
          : !listed && samplingFields(form)
      }
      ${
        !listed &&
        html`
          <${Input} form=${form} name="seed" type="number" min="0" label=${t("种子", "Seed")}
            hint=${t("同样的设置和种子，得到同样的图片。", "The same settings and seed take the same pictures.")} />
        `
      }
      <${Check} form=${form} name="overwrite"
        label=${t("替换该目录中以前的挑图结果", "Replace an earlier selection in that folder")} />
    <//>
  `;
}

/** What the button does. @param {Record<string, any>} values */
function goWords(values) {
  const place = devices(values.gpus);
  switch (values.how) {
    case "sele":
      return t(`在 ${place} 上评分并挑选 ${values.ratio}`, `Score on ${place} and choose ${values.ratio}`);
    case "around":
      return t(`在 ${place} 上为前后各 ${values.reach} 点评分`, `Score ${values.reach} on either side on ${place}`);
    case "points":
      return t("取出这些图片", "Fetch these pictures");
    default:
      return t(`抽取 ${values.ratio}`, `Draw ${values.ratio}`);
  }
}

/** @param {any} form */
const samplingFields = (form) => html`
  <${Select} form=${form} name="isshuffle" label=${t("抽取方式", "Drawn")}
    options=${[
      ["1", t("随机", "At random")],
      ["0", t("沿每条轨迹等距", "Evenly along each track")],
    ]} />
`;

/**
 * @param {{form: any, models: string[], trained: Map<string, any>, sets: string[], all: boolean}} props
 *   `all`: what is asked when pictures are picked, too; else what is asked when they are scored.
 */
function MiningFields({ form, models, trained, sets, all }) {
  const best = trained.get(form.values.weights_dir);
  return html`
    <${Select} form=${form} name="weights_dir" label=${t("模型", "Model")}
      options=${models.map((name) => [name, name])}
      hint=${
        best?.miou != null
          ? t(
              `用它最好的一版（mIoU ${best.miou.toFixed(3)}）。`,
              `Its best file is used (mIoU ${best.miou.toFixed(3)}).`,
            )
          : t("用它最好的一版。", "Its best file is used.")
      } />
    <${Input} form=${form} name="classes" label=${t("针对的类别", "Classes wanted")}
      placeholder=${t("不填：上次评估中最弱的", "empty: the weak ones of the last evaluation")}
      hint=${t("名称或编号，用逗号分隔。", "Names or train ids, with commas.")} />
    ${all && pickingFields(form)}
    <${Select} form=${form} name="method" label=${t("不确定度", "Uncertainty")}
      options=${[
        ["margin", t("前两类的差距", "margin of the two best classes")],
        ["entropy", t("熵", "entropy")],
        ["least_confidence", t("最大概率", "least confidence")],
      ]} />
    <${Select} form=${form} name="labelled" label=${t("不再挑选已标注的", "Not taken again")}
      options=${[
        ["", t("全部源数据中的图片", "pictures of all source sets")],
        ["none", t("不排除", "nothing is left out")],
        ...sets.map((name) => [name, name]),
      ]} />
    <${GpuField} form=${form} />
    <${Input} form=${form} name="single_gpu" type="number" min="1" label=${t("批大小", "Batch size")}
      hint=${t("每个设备一次评分几张。", "Pictures that each device scores at once.")} />
  `;
}

/** What is asked when pictures are picked among those that were scored. @param {any} form */
const pickingFields = (form) => html`
    <${Input} form=${form} name="control" type="number" min="0" label=${t("随机对照组", "Random control arm")}
      hint=${t(
        "另外随机取这么多张，用来检验挑图是否有效；标注员看不出分组。",
        "So many more at random, to see whether mining pays; annotators cannot tell them apart.",
      )} />
    ${
      Number(form.values.control) > 0 &&
      html`
        <${Select} form=${form} name="control_kind" label=${t("对照组取自", "Control is drawn from")}
          options=${[
            ["random", t("全部候选", "everything that could be mined")],
            ["seen", t("模型看到目标类别的图片", "pictures in which the model sees a class wanted")],
          ]} />
      `
    }
    <${Input} form=${form} name="candidates" type="number" min="1"
      label=${t("最多看多少张", "Pictures looked at, at most")}
      hint=${t("默认 50,000。", "Default 50,000.")} />
    <${Input} form=${form} name="per_track" type="number" min="0" label=${t("每条轨迹最多", "Of one track, at most")}
      hint=${t("0：平均份额的三倍。", "0: three times an even share.")} />
    <${Input} form=${form} name="gap_frames" type="number" min="0" label=${t("间隔（帧）", "Gap, frames")}
      hint=${t("同一轨迹的两张至少相隔。", "Least distance of two pictures of a track.")} />
    <${Input} form=${form} name="gap_seconds" type="number" min="0" step="any" label=${t("间隔（秒）", "Gap, seconds")}
      hint=${t("0：不限；需要时间。", "0: none; needs times.")} />
    <${Input} form=${form} name="gap_metres" type="number" min="0" step="any" label=${t("间隔（米）", "Gap, metres")}
      hint=${t("0：不限；需要位置及其坐标系。", "0: none; needs positions with a declared datum.")} />
`;

/** A version's name that nobody has. @param {string[]} taken */
function freeVersion(taken) {
  const now = new Date();
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const base = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  for (let n = 1; ; n += 1) {
    const name = n === 1 ? base : `${base}-${n}`;
    if (!taken.includes(name)) return name;
  }
}
