// @ts-check
/** The way of a set's pictures back to annotators. */

import { act, ended } from "../api.js";
import { FormBox, Input, useForm } from "../components/form.js";
import { count, many, t } from "../i18n.js";
import { html } from "../lib.js";
import { go, to } from "../router.js";
import { pathOf } from "../source-path.js";

/** Copies pictures (`<package>/<name>`) to a version and cuts it. @param {{set: any, pictures: string[]}} props */
export function Rework({ set, pictures }) {
  const form = useForm({ version: `${set.name}-rework` }, async ({ version }) => {
    const copied = await act(`${pathOf(set.name)}/rework`, { version, pictures });
    await ended(copied.data);
    const cut = await act("/task_divide", { version, step: pictures.length });
    go(to("jobs", cut.data));
  });
  const number = count(pictures.length);
  return html`
    <${FormBox} form=${form} fields=${["version"]} disabled=${!form.values.version}
      go=${t(
        `把 ${number} 张图片作为任务包送去重新标注`,
        `Send ${many(pictures.length, "picture")} to annotators as a package`,
      )}>
      <${Input} form=${form} name="version" label=${t("版本名", "Name of the version")} required
        hint=${t("图片复制到 images/ 下的这个目录，再划分成任务包。", "Copied to this folder of images/, then cut.")} />
    <//>
  `;
}
