/**
 * The one door to uPlot: lines over time with a heading that reads out the values under the
 * pointer.
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { absent, shortTick } from '../format/numbers.ts';
import { formatClock, formatInstant } from '../format/time.ts';

export interface Line {
  readonly label: string;
  /** A colour token of the style sheet, e.g. `--accent`. */
  readonly color: string;
  readonly values: readonly (number | null)[];
  readonly area?: boolean;
}

/** An instant that explains a change of the lines. */
export interface Marker {
  readonly seconds: number;
  readonly label: string;
}

interface ChartProps {
  readonly title: string;
  readonly seconds: readonly number[];
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  /** The axis begins at 0 unless told otherwise. */
  readonly fromZero?: boolean;
  readonly markers?: readonly Marker[];
}

const noMarkers: readonly Marker[] = [];
const heightPx = 150;
/** Beyond this an axis shows days instead of times of day. */
const daySeconds = 86_400 * 1.5;
/** Seconds between ticks of time: uPlot's own, and two minutes. */
const timeSteps = [
  ...[1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800],
  ...[1, 2, 3, 4, 6, 8, 12, 24, 48, 72, 120, 168, 240].map((hours) => hours * 3600),
] as const;
/** Charts of one page share their pointer. */
const syncKey = 'charts';

export function Chart(props: ChartProps) {
  const { title, seconds, lines, format, fromZero = true, markers = noMarkers } = props;
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const marked = useRef(markers);
  marked.current = markers;
  const [pointed, setPointed] = useState<number | null>(null);
  const generation = useThemeGeneration();
  const shape = lines.map((line) => line.label + line.color).join();
  const data: uPlot.AlignedData = [[...seconds], ...lines.map((line) => [...line.values])];
  // The plot is made once for its lines and colours; new values follow below.
  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const options = optionsOf({ element, lines, format, fromZero, marked, onPoint: setPointed });
    plot.current = new uPlot(options, data, element);
    const observer = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: heightPx }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape, generation]);
  useEffect(() => plot.current?.setData(data));
  const index = pointed ?? seconds.length - 1;
  return (
    <figure class="chart">
      <figcaption>
        <b>{title}</b>
        {lines.map((line) => (
          <span key={line.label} class="chart-value">
            <i class="chart-key" style={{ background: `var(${line.color})` }} />
            {line.label} <span class="number">{shown(line.values[index], format)}</span>
          </span>
        ))}
        <span class="chart-time quiet number">
          {pointed === null ? 'latest' : formatPointed(seconds, pointed)}
        </span>
      </figcaption>
      <div ref={frame} class="chart-frame" />
    </figure>
  );
}

/** With the date where the stretch is longer than a day. */
function formatPointed(seconds: readonly number[], index: number): string {
  const [first = 0, last = 0] = [seconds[0], seconds.at(-1)];
  const at = seconds[index] ?? last;
  return last - first > daySeconds ? instantOf(at).slice(0, 16) : clockOf(at);
}

interface PlotInput extends Pick<ChartProps, 'lines' | 'format'> {
  readonly element: HTMLElement;
  readonly fromZero: boolean;
  readonly marked: { readonly current: readonly Marker[] };
  readonly onPoint: (index: number | null) => void;
}

function optionsOf({
  element,
  lines,
  format,
  fromZero,
  marked,
  onPoint,
}: PlotInput): uPlot.Options {
  const color = colorReader(element);
  const font = `11px ${getComputedStyle(element).fontFamily}`;
  const axis: uPlot.Axis = {
    stroke: color('--ink-3'),
    font,
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height: heightPx,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false }, sync: { key: syncKey } },
    scales: {
      x: { time: true },
      y: { range: (_, low, high) => rangeOf(low, high, fromZero) },
    },
    axes: [
      {
        ...axis,
        size: 24,
        space: 56,
        incrs: [...timeSteps],
        grid: { show: false },
        values: (_, splits) => timeTicks(splits),
      },
      { ...axis, size: 62, values: (_, splits) => splits.map((value) => shortTick(format(value))) },
    ],
    series: [
      {},
      ...lines.map((line) => ({
        label: line.label,
        stroke: color(line.color),
        width: 1.5,
        points: { show: false },
        ...(line.area ? { fill: color('--accent-soft') } : {}),
      })),
    ],
    hooks: {
      setCursor: [(self) => onPoint(self.cursor.idx ?? null)],
      draw: [(self) => drawMarkers(self, marked.current, { font, color: color('--ink-2') })],
    },
  };
}

/** A dashed line each, with its label beside it on the side that has room. */
function drawMarkers(
  { ctx, bbox, valToPos }: uPlot,
  markers: readonly Marker[],
  { font, color }: { readonly font: string; readonly color: string },
): void {
  ctx.save();
  ctx.strokeStyle = color;
  ctx.fillStyle = color;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.font = font.replace(/^[\d.]+/, (size) => String(Number(size) * devicePixelRatio));
  ctx.textBaseline = 'top';
  for (const { seconds, label } of markers) {
    const x = Math.round(valToPos(seconds, 'x', true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const gap = 4 * devicePixelRatio;
    const before = x + gap + ctx.measureText(label).width > bbox.left + bbox.width;
    ctx.textAlign = before ? 'right' : 'left';
    ctx.fillText(label, before ? x - gap : x + gap, bbox.top);
  }
  ctx.restore();
}

function rangeOf(low: number | null, high: number | null, fromZero: boolean): [number, number] {
  if (low === null || high === null) return [0, 1];
  const pad = (high - (fromZero ? 0 : low)) * 0.1 || Math.abs(high) * 0.1 || 1;
  return [fromZero ? 0 : Math.max(0, low - pad), high + pad];
}

/** Resolves a token to a colour a canvas knows: `light-dark()` is only decided on an element. */
function colorReader(element: HTMLElement): (token: string) => string {
  return (token) => {
    element.style.color = `var(${token})`;
    const { color } = getComputedStyle(element);
    element.style.color = '';
    return color;
  };
}

/** Rises when the page turns light or dark. */
function useThemeGeneration(): number {
  const [generation, setGeneration] = useState(0);
  useEffect(() => {
    const turn = () => setGeneration((count) => count + 1);
    const system = matchMedia('(prefers-color-scheme: dark)');
    document.addEventListener('themechange', turn);
    system.addEventListener('change', turn);
    return () => {
      document.removeEventListener('themechange', turn);
      system.removeEventListener('change', turn);
    };
  }, []);
  return generation;
}

function shown(value: number | null | undefined, format: (value: number) => string): string {
  return value === null || value === undefined ? absent : format(value);
}

/** Whole minutes don't show their seconds. */
function timeTicks(splits: readonly number[]): string[] {
  const [first, last] = [splits[0] ?? 0, splits.at(-1) ?? 0];
  if (last - first > daySeconds) return splits.map((seconds) => instantOf(seconds).slice(5, 10));
  const whole = splits.every((seconds) => seconds % 60 === 0);
  return splits.map((seconds) => clockOf(seconds).slice(0, whole ? 5 : 8));
}

function instantOf(seconds: number): string {
  return formatInstant(new Date(seconds * 1000).toISOString());
}

function clockOf(seconds: number | undefined): string {
  return seconds === undefined ? absent : formatClock(new Date(seconds * 1000).toISOString());
}
