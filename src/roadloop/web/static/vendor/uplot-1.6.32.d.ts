export default class uPlot {
  constructor(options: object, data: (number | null)[][], target: HTMLElement);
  setData(data: (number | null)[][], resetScales?: boolean): void;
  setSize(size: { width: number; height: number }): void;
  destroy(): void;
}
