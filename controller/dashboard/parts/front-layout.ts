/**
 * Where everything lies in a picture of cost against worth: trials on a device, variants of a
 * model.
 */
import { binaryTicks, linearTicks, logTicks } from '../format/ticks.ts';
import { type Box, type PlacedLabel, placeLabels } from './front-labels.ts';

export type Part = 'chosen' | 'front' | 'behind';

export interface FrontPoint {
  /** What the point stands for: an index into the caller's list. */
  readonly id: number;
  /** Along the horizontal axis, above 0; less is better. */
  readonly cost: number;
  /** Along the vertical axis; more is better. */
  readonly worth: number;
  readonly part: Part;
  readonly name: string;
}

export interface FrontInput {
  readonly points: readonly FrontPoint[];
  /** The least worth that is accepted; null where nothing limits it. */
  readonly floor: number | null;
  /** Costs are bytes: ticks at powers of two. */
  readonly bytes?: boolean;
}

export interface Placed {
  readonly point: FrontPoint;
  readonly x: number;
  readonly y: number;
  /** It lies below the picture and is drawn at its edge. */
  readonly below: boolean;
}

export interface Tick {
  readonly value: number;
  readonly at: number;
}

export interface FrontLayout {
  readonly placed: readonly Placed[];
  readonly labels: readonly PlacedLabel[];
  /** A line through the points of each name. */
  readonly tracks: readonly string[];
  /** Staircase along the best of each cost. */
  readonly edge: string;
  readonly floorY: number | null;
  readonly xTicks: readonly Tick[];
  readonly yTicks: readonly Tick[];
  readonly plot: Box;
}

const margin = { left: 62, top: 14, right: 18, bottom: 36 } as const;
/**
 * Points further below the floor than this many times the span above it are drawn at the lower
 * edge.
 */
const depth = 3;

export function layoutFront(
  input: FrontInput,
  size: { readonly width: number; readonly height: number },
): FrontLayout {
  const { points } = input;
  const plot: Box = {
    left: margin.left,
    top: margin.top,
    right: Math.max(margin.left + 40, size.width - margin.right),
    bottom: size.height - margin.bottom,
  };
  const x = input.bytes ? byteScale(points, plot) : costScale(points, plot);
  const y = worthScale(input, plot);
  const placed = points.map((point) => ({
    point,
    x: x.at(point.cost),
    y: Math.min(plot.bottom, y.at(point.worth)),
    below: point.worth < y.low,
  }));
  const inSight = placed.filter(({ below }) => !below);
  return {
    placed,
    labels: placeLabels(placed, plot),
    tracks: tracksOf(placed),
    edge: edgePath(edgeOf(inSight.map(({ point }) => point)), x.at, y.at),
    floorY: input.floor === null || input.floor < y.low ? null : y.at(input.floor),
    xTicks: x.ticks.map((value) => ({ value, at: x.at(value) })),
    yTicks: y.ticks.map((value) => ({ value, at: y.at(value) })),
    plot,
  };
}

/** Points no other is both cheaper and better than, from the cheapest on. */
export function edgeOf(points: readonly FrontPoint[]): FrontPoint[] {
  const sorted = [...points].sort((a, b) => a.cost - b.cost || b.worth - a.worth);
  const edge: FrontPoint[] = [];
  for (const point of sorted) {
    if (point.worth > (edge.at(-1)?.worth ?? Number.NEGATIVE_INFINITY)) edge.push(point);
  }
  return edge;
}

function byteScale(points: readonly FrontPoint[], plot: Box) {
  const all = points.map((point) => Math.max(1, point.cost));
  const [low, high] = [Math.min(...all) / 1.25, Math.max(...all) * 1.25];
  const width = plot.right - plot.left;
  const at = (cost: number) => plot.left + (Math.log(cost / low) / Math.log(high / low)) * width;
  return { at, ticks: thinOut(binaryTicks(low, high), width) };
}

/** Logarithmic where costs differ more than fourfold: a third is as far everywhere. */
function costScale(points: readonly FrontPoint[], plot: Box) {
  const all = points.map((point) => Math.max(1e-6, point.cost));
  const [least, most] = [Math.min(...all), Math.max(...all)];
  const width = plot.right - plot.left;
  if (most / least > 4) {
    const [low, high] = [least / 1.25, most * 1.25];
    const span = Math.log(high / low);
    const at = (cost: number) => plot.left + (Math.log(Math.max(1e-6, cost) / low) / span) * width;
    return { at, ticks: thinOut(logTicks(low, high), width) };
  }
  const pad = (most - least || most || 1) * 0.12;
  const [low, high] = [Math.max(0, least - pad), most + pad];
  const at = (cost: number) => plot.left + ((cost - low) / (high - low)) * width;
  return { at, ticks: linearTicks(low, high, Math.max(2, width / 90)) };
}

function worthScale({ points, floor }: FrontInput, plot: Box) {
  const all = points.map((point) => point.worth);
  const best = Math.max(...all, floor ?? Number.NEGATIVE_INFINITY);
  const worst = Math.min(...all, floor ?? Number.POSITIVE_INFINITY);
  const deepest = floor === null || best <= floor ? worst : floor - depth * (best - floor);
  const bottom = Math.max(worst, deepest);
  const pad = (best - bottom || Math.abs(best) || 1) * 0.12;
  const [low, high] = [bottom - pad, best + pad];
  const at = (worth: number) =>
    plot.bottom - ((worth - low) / (high - low)) * (plot.bottom - plot.top);
  return { at, low, ticks: linearTicks(low, high, 6) };
}

function tracksOf(placed: readonly Placed[]): string[] {
  const groups = Map.groupBy(placed, ({ point }) => point.name);
  return [...groups.values()]
    .filter((group) => group.length > 1)
    .map((group) => {
      const sorted = [...group].sort((a, b) => a.x - b.x);
      return `M${sorted.map(({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`).join('L')}`;
    });
}

function edgePath(
  edge: readonly FrontPoint[],
  atX: (cost: number) => number,
  atY: (worth: number) => number,
): string {
  return edge
    .map((point, index) => {
      const [x, y] = [atX(point.cost).toFixed(1), atY(point.worth).toFixed(1)];
      return index === 0 ? `M${x} ${y}` : `H${x}V${y}`;
    })
    .join('');
}

/** Every other tick goes until they have room. */
function thinOut(ticks: readonly number[], width: number): number[] {
  const room = Math.max(2, Math.floor(width / 60));
  const every = Math.ceil(ticks.length / room);
  return ticks.filter((_, index) => index % every === 0);
}
