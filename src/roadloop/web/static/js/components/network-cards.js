// @ts-check
/** Networks to choose from, as cards: what each costs, how fast it is, its licence and its paper. */

import { t } from "../i18n.js";
import { html } from "../lib.js";

/** Before a template's name, in the value of a card that is no network of the team yet. */
export const TEMPLATE = "template:";

/**
 * What `/src_network` says of a template.
 * @typedef {{name: string, title: string, words: string, licence: string | null,
 *   paper: {authors: string, title: string, venue: string, arxiv: string} | null,
 *   parameters: number | null, multiply_adds: number | null, size: [number, number] | null,
 *   images_per_core_second: number | null}} Template
 */
/**
 * A network of the team, or a template of which it has none yet; `speed` is what a training reached here.
 * @typedef {{value: string, name: string, made: boolean, about: Template | undefined, parameters: number | null,
 *   multiply_adds: number | null, size: string,
 *   speed: {images_per_second: number, task: string, where: string} | undefined}} Card
 */

/**
 * @param {string[]} names Networks that can be trained, newest first. @param {any[]} rows Of /network_history.
 * @param {Template[]} templates @param {any[]} tasks Of /train_history, newest first. @returns {Card[]}
 */
export function cardsOf(names, rows, templates, tasks) {
  const about = new Map(templates.map((one) => [one.name, one]));
  const made = names.map((name) => {
    const row = rows.find((one) => one.net_name === name);
    const task = tasks.find((one) => one.network === name && one.images_per_second);
    return {
      value: name,
      name,
      made: true,
      about: about.get(row?.src_net),
      parameters: row?.parameters ?? null,
      multiply_adds: row?.multiply_adds ?? null,
      size: "480 × 360",
      speed: task && {
        images_per_second: task.images_per_second,
        task: task.task_name,
        where: task.gpus ? `GPU ${task.gpus}` : "CPU",
      },
    };
  });
  const used = new Set(rows.filter((row) => names.includes(row.net_name)).map((row) => row.src_net));
  const fresh = templates
    .filter((one) => !used.has(one.name))
    .map((one) => ({
      value: TEMPLATE + one.name,
      name: one.title,
      made: false,
      about: one,
      parameters: one.parameters,
      multiply_adds: one.multiply_adds,
      size: (one.size ?? []).join(" × "),
      speed: undefined,
    }));
  return [...made, ...fresh];
}

/** @param {number | null} value @param {number} unit @param {string} name */
const large = (value, unit, name) => (value == null ? "–" : `${(value / unit).toFixed(2)} ${name}`);

/** @param {Card} card */
function speedWords({ speed, about }) {
  if (speed)
    return t(
      `${speed.images_per_second.toFixed(1)} 张/秒，任务 ${speed.task} 在 ${speed.where} 上实测`,
      `${speed.images_per_second.toFixed(1)} pictures/s, measured in task ${speed.task} on ${speed.where}`,
    );
  const stated = about?.images_per_core_second;
  return stated == null || !about?.size
    ? t("未测", "not measured")
    : t(
        `约 ${stated.toPrecision(1)} 张/秒（每个 CPU 核，${about.size.join(" × ")}，模板所述）`,
        `about ${stated.toPrecision(1)} pictures/s (a CPU core, ${about.size.join(" × ")}, as stated)`,
      );
}

/** @param {{cards: Card[], chosen: string, choose: (value: string) => void, error?: string}} props */
export const NetworkCards = ({ cards, chosen, choose, error }) => html`
  <fieldset class=${`field wide ${error ? "wrong" : ""}`}>
    <legend class="label">${t("网络", "Network")}</legend>
    <div class="cards">
      ${cards.map(
        (card) => html`
          <label class=${`card ${card.value === chosen ? "chosen" : ""}`} key=${card.value}>
            <span class="row nowrap-row">
              <input type="radio" name="network" value=${card.value} checked=${card.value === chosen}
                onChange=${() => choose(card.value)} />
              <b class="wrap">${card.name}</b>
              ${!card.made && html`<span class="chip waiting">${t("模板", "template")}</span>`}
              ${card.made && card.about && html`<span class="small faint">${card.about.title}</span>`}
            </span>
            ${card.about && html`<span class="small quiet">${card.about.words}</span>`}
            <span class="small">
              ${t("参数", "Parameters")} <b>${large(card.parameters, 1e6, "M")}</b> · ${t("乘加", "Multiply-adds")}
              ${" "}<b>${large(card.multiply_adds, 1e9, "G")}</b> <span class="faint">(${card.size})</span>
            </span>
            <span class="small">${t("训练速度", "Training")}: ${speedWords(card)}</span>
            ${
              card.about?.paper &&
              html`
                <span class="small faint wrap">
                  ${card.about.licence && `${t("代码许可", "Code")}: ${card.about.licence} · `}
                  ${card.about.paper.authors}, ${card.about.paper.venue}:${" "}
                  <a class="link" href=${`https://arxiv.org/abs/${card.about.paper.arxiv}`} target="_blank"
                    rel="noreferrer">
                    ${card.about.paper.title}
                  </a>
                </span>
              `
            }
          </label>
        `,
      )}
    </div>
    ${error && html`<span class="hint bad" role="alert">✕ ${error}</span>`}
  </fieldset>
`;
