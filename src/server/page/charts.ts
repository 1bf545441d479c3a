/** Small charts of what was measured while the page is open. */
import uPlot from 'uplot';
import { byId, make } from './dom.js';

export interface TileOptions {
  id: string;
  title: string;
  /** One line for each; the first is the one whose value is shown large. */
  lines: readonly string[];
  show: (value: number) => string;
  /** Of the scale; by default it follows the values. */
  most?: number;
}

/** Samples kept: four minutes of one every two seconds. */
const KEPT = 120;
const HEIGHT = 90;

function color(name: string): string {
  // A variable holds light-dark(): only a property that is used says which.
  const probe = make('span', { class: 'hidden' });
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

export class Tile {
  readonly #options: TileOptions;
  readonly #value = make('span', {}, '–');
  readonly #plot: uPlot;
  readonly #times: number[] = [];
  readonly #values: (number | null)[][];

  constructor(options: TileOptions) {
    this.#options = options;
    this.#values = options.lines.map(() => []);
    const chart = make('div', { 'aria-hidden': 'true' });
    const rest = options.lines.length > 1 ? [make('small', {}, ` ${options.lines[0] ?? ''}`)] : [];
    const tile = make(
      'div',
      { class: 'tile', id: options.id },
      make('h3', {}, options.title),
      make('p', { class: 'value' }, this.#value, ...rest),
      chart,
    );
    byId('tiles').append(tile);
    this.#plot = new uPlot(this.#settings(chart.clientWidth), [[], ...this.#values], chart);
    new ResizeObserver(() => {
      this.#plot.setSize({ width: chart.clientWidth, height: HEIGHT });
    }).observe(chart);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.#plot.redraw(false);
    });
  }

  /** One value a line, undefined where there is none yet. */
  add(time: number, values: readonly (number | undefined)[]): void {
    this.#times.push(time);
    this.#values.forEach((line, at) => line.push(values[at] ?? null));
    if (this.#times.length > KEPT) for (const line of [this.#times, ...this.#values]) line.shift();
    const [first] = values;
    this.#value.textContent = first === undefined ? '–' : this.#options.show(first);
    this.#plot.setData([this.#times, ...this.#values]);
  }

  #settings(width: number): uPlot.Options {
    const { lines, most, show } = this.#options;
    const stroke = (name: string) => (): string => color(name);
    const strokes = ['--accent', '--warn'];
    const axis = { stroke: stroke('--soft'), font: '11px system-ui', ticks: { show: false } };
    return {
      width,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range: (_plot, _low, high) => [0, most ?? Math.max(high * 1.15, 1e-6)] } },
      axes: [
        { ...axis, show: false },
        {
          ...axis,
          size: 46,
          space: 30,
          grid: { stroke: stroke('--line'), width: 1 },
          values: (_plot, ticks) => ticks.map(show),
        },
      ],
      series: [
        {},
        ...lines.map((label, at) => ({
          label,
          stroke: stroke(strokes[at] ?? '--soft'),
          width: 2,
          points: { show: false },
        })),
      ],
    };
  }
}
