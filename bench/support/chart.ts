/** Recall against queries a second as an SVG: both axes logarithmic (of what is missed, and of the speed), in light and in dark. */

export interface Chart {
  /** The file's name in docs/benchmarks/, without its end. */
  file: string;
  title: string;
  series: { label: string; points: { recall: number; qps: number }[] }[];
}

const WIDTH = 760;
const HEIGHT = 420;
const FRAME = { left: 64, right: 566, top: 44, bottom: 368 };
const RECALLS = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9999];
/** What is missed at most as little as this is drawn as if it were this. */
const LEAST_MISSED = 0.0001;
/** Dark enough on white and light enough on black. */
const COLOURS = ['#d9480f', '#1c7ed6', '#2b9348', '#9c36b5', '#b08900', '#0c8599', '#e64980', '#868e96'];
const STYLE = `<style>
  .ground { fill: #ffffff } .text { fill: #24292f; font: 12px sans-serif }
  .grid { stroke: #d0d7de; stroke-width: 1 } .line { fill: none; stroke-width: 2 } .ours { stroke-width: 3.5 }
  @media (prefers-color-scheme: dark) { .ground { fill: #0d1117 } .text { fill: #e6edf3 } .grid { stroke: #30363d } }
</style>`;

type Scale = (value: number) => number;

/** 1, 2 and 5 times the powers of ten between two numbers. */
function ticks(low: number, high: number): number[] {
  const found: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const step of [1, 2, 5]) found.push(step * 10 ** power);
  return found.filter((value) => value >= low && value <= high);
}

function scale(from: number, to: number, low: number, high: number): Scale {
  const [first, last] = [Math.log10(low), Math.log10(high)];
  return (value) => from + ((Math.log10(value) - first) / (last - first)) * (to - from);
}

const short = (value: number): string => (value >= 1000 ? `${value / 1000}k` : String(value));
const escaped = (text: string): string => text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const text = (x: number, y: number, words: string, more = ''): string =>
  `<text class="text" x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escaped(words)}</text>`;

function axes(across: Scale, up: Scale, recalls: readonly number[], speeds: readonly number[]): string[] {
  const { left, right, top, bottom } = FRAME;
  return [
    ...recalls.flatMap((recall) => {
      const x = across(1 - recall);
      return [
        `<path class="grid" d="M${x.toFixed(1)} ${top}V${bottom}"/>`,
        text(x, bottom + 18, String(recall), 'text-anchor="middle"'),
      ];
    }),
    ...speeds.flatMap((speed) => {
      const y = up(speed);
      return [
        `<path class="grid" d="M${left} ${y.toFixed(1)}H${right}"/>`,
        text(left - 8, y + 4, short(speed), 'text-anchor="end"'),
      ];
    }),
    text((left + right) / 2, HEIGHT - 14, 'recall@10', 'text-anchor="middle"'),
    text(
      14,
      (top + bottom) / 2,
      'queries a second, one at a time',
      `text-anchor="middle" transform="rotate(-90 14 ${(top + bottom) / 2})"`,
    ),
  ];
}

/** A mark of its own shape too: not everybody tells colours apart. */
function mark(shape: number, x: number, y: number, colour: string): string {
  const size = 4;
  const at = `${x.toFixed(1)} ${y.toFixed(1)}`;
  const shapes = [
    `m-${size} 0a${size} ${size} 0 1 0 ${2 * size} 0a${size} ${size} 0 1 0 -${2 * size} 0`,
    `m-${size} -${size}h${2 * size}v${2 * size}h-${2 * size}z`,
    `m0 -${size + 1}l${size + 1} ${2 * size}h-${2 * size + 2}z`,
    `m0 -${size + 1}l${size + 1} ${size + 1}l-${size + 1} ${size + 1}l-${size + 1} -${size + 1}z`,
  ];
  return `<path d="M${at}${shapes[shape % shapes.length] ?? ''}" fill="${colour}"/>`;
}

export function draw({ title, series }: Chart): string {
  const all = series.flatMap(({ points }) => points);
  const missed = ({ recall }: { recall: number }): number => Math.max(1 - recall, LEAST_MISSED);
  const { left, right, top, bottom } = FRAME;
  const [most, least] = [Math.max(...all.map(missed), 0.06), Math.min(...all.map(missed), 0.009)];
  const [slow, fast] = [Math.min(...all.map(({ qps }) => qps)) * 0.8, Math.max(...all.map(({ qps }) => qps)) * 1.25];
  const across = scale(left + 10, right - 10, most, least);
  const up = scale(bottom - 4, top + 4, slow, fast);
  const inside = RECALLS.filter((recall) => 1 - recall <= most * 1.001 && 1 - recall >= least * 0.999);
  const drawn = series.flatMap(({ label, points }, i) => {
    const colour = COLOURS[i % COLOURS.length] ?? '';
    const places = points.map((point) => ({ x: across(missed(point)), y: up(point.qps) }));
    const path = places.map(({ x, y }, n) => `${n === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');
    const y = top + 14 + i * 22;
    return [
      `<path class="line${i === 0 ? ' ours' : ''}" stroke="${colour}" d="${path}"/>`,
      ...places.map((place) => mark(i, place.x, place.y, colour)),
      mark(i, right + 24, y, colour),
      text(right + 36, y + 4, label),
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">`,
    `<title>${escaped(title)}</title>`,
    STYLE,
    `<rect class="ground" width="${WIDTH}" height="${HEIGHT}"/>`,
    text(left, 24, title, 'style="font-weight:bold"'),
    ...axes(across, up, inside, ticks(slow, fast)),
    ...drawn,
    '</svg>\n',
  ].join('\n');
}
