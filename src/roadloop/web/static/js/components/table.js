// @ts-check
/** Tables, the workhorse: sticky head, numbers to the right, a row opens what it names. */

import { t } from "../i18n.js";
import { html } from "../lib.js";
import { go } from "../router.js";
import { Empty } from "./layout.js";

/**
 * @template T
 * @typedef {{head: any, cell: (row: T) => any, num?: boolean, class?: string, title?: string, sort?: string}} Column
 *   `sort`: what the server calls it where it sorts by it.
 */

/**
 * The first column is the human name; it carries the link, so that keyboards and middle clicks work too.
 * @template T
 * @param {{columns: Column<T>[], rows: T[], address?: (row: T) => string, empty?: any,
 *   chosen?: (row: T) => boolean, order?: string, sort?: (name: string, largest: boolean) => void}} props
 *   `order`: what the rows are sorted by, with - before it the largest first; `sort` has them sorted otherwise.
 */
export function Table({ columns, rows, address, empty, chosen, order = "-created", sort }) {
  if (rows.length === 0 && empty) return html`<${Empty}>${empty}<//>`;
  return html`
    <div class="table-box">
      <table>
        <thead>
          <tr>
            ${columns.map(
              (column) => html`
                <th class=${cellClass(column)} scope="col" title=${column.title}
                  aria-sort=${sortedAs(column, order, sort)}>
                  ${
                    sort && column.sort
                      ? html`<${SortButton} column=${column} order=${order} sort=${sort} />`
                      : column.head || html`<span class="unseen">${t("操作", "Actions")}</span>`
                  }
                </th>
              `,
            )}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (row) => html`
              <tr
                class=${`${address ? "opens" : ""} ${chosen?.(row) ? "chosen" : ""}`}
                onClick=${address ? (/** @type {MouseEvent} */ e) => open(e, address(row)) : undefined}
              >
                ${columns.map((column, i) => {
                  const cell = column.cell(row);
                  const whole = typeof cell === "string" ? cell : undefined;
                  if (i === 0 && address)
                    return html`
                      <td class=${cellClass(column)}>
                        <a class="name clamp" href=${address(row)} title=${whole}>${cell}</a>
                      </td>
                    `;
                  return html`
                    <td class=${cellClass(column)}>
                      ${whole && column.class === "text" ? html`<div class="clamp" title=${whole}>${cell}</div>` : cell}
                    </td>
                  `;
                })}
              </tr>
            `,
          )}
        </tbody>
      </table>
    </div>
  `;
}

/** @param {{sort?: string}} column @param {string} order @param {unknown} sort */
const sortedAs = (column, order, sort) =>
  sort && column.sort
    ? ({ [column.sort]: "ascending", [`-${column.sort}`]: "descending" }[order || "-created"] ?? "none")
    : undefined;

/** @param {{column: Column<any>, order: string, sort: (name: string, largest: boolean) => void}} props */
const SortButton = ({ column, order, sort }) => html`
  <button type="button" class="sort" onClick=${() => sort(column.sort ?? "", column.num ?? false)}>
    ${column.head}
    <span aria-hidden="true">
      ${{ ascending: "↑", descending: "↓" }[sortedAs(column, order, sort) ?? ""] ?? "↕"}
    </span>
  </button>
`;

/** @param {{num?: boolean, class?: string}} column */
const cellClass = (column) => `${column.num ? "num" : ""} ${column.class ?? ""}`;

/** @param {MouseEvent} event @param {string} address */
function open(event, address) {
  const target = /** @type {Element} */ (event.target);
  const selecting = String(getSelection() ?? "") !== "";
  if (!selecting && !target.closest("a, button, input, select, label")) go(address);
}
