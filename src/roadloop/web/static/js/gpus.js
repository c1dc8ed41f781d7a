// @ts-check
/** `gpus` texts: `0,1`, `node2:0,1` or `node1:0;node2:0,1`, and the GPUs that they mean, each as `machine:number`. */

/** The GPUs that a text names, in its order. @param {string} text @returns {string[]} */
export const readGpus = (text) =>
  text.split(";").flatMap((part) => {
    const colon = part.lastIndexOf(":");
    const machine = part.slice(0, Math.max(0, colon));
    const numbers = part.slice(colon + 1).split(",");
    return numbers.filter((n) => /^\d+$/.test(n)).map((n) => `${machine}:${n}`);
  });

/** The text that names these: machines as they come, numbers ascending. @param {string[]} chosen */
export function writeGpus(chosen) {
  /** @type {Map<string, number[]>} */
  const machines = new Map();
  for (const one of chosen) {
    const colon = one.lastIndexOf(":");
    const machine = one.slice(0, colon);
    machines.set(machine, [...(machines.get(machine) ?? []), Number(one.slice(colon + 1))]);
  }
  return [...machines]
    .map(([machine, numbers]) => {
      const list = numbers.sort((a, b) => a - b).join(",");
      return machine ? `${machine}:${list}` : list;
    })
    .join(";");
}

/** What is chosen after a click on one GPU; without `spread`, one of another machine lets go of the others.
 * @param {string[]} chosen @param {string} one @param {boolean} spread @returns {string[]} */
export function toggled(chosen, one, spread) {
  if (chosen.includes(one)) return chosen.filter((other) => other !== one);
  const machine = one.slice(0, one.lastIndexOf(":") + 1);
  return [...chosen.filter((other) => spread || other.slice(0, other.lastIndexOf(":") + 1) === machine), one];
}
