/** Names beside the points of a picture, where there is room for them. */

/** A point as far as its label is concerned. */
export interface Dot {
  readonly x: number;
  readonly y: number;
  readonly point: { readonly name: string; readonly part: string };
}

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export interface PlacedLabel {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly anchor: 'start' | 'end';
  readonly strong: boolean;
}

/** Labels the choice, then the fastest point of every name where there is room for its name. */
export function placeLabels(placed: readonly Dot[], plot: Box): PlacedLabel[] {
  const chosen = placed.find(({ point }) => point.part === 'chosen');
  const fastest = [...Map.groupBy(placed, ({ point }) => point.name).values()].flatMap(
    (group) => group.toSorted((a, b) => a.x - b.x)[0] ?? [],
  );
  const wanted = chosen
    ? [chosen, ...fastest.filter(({ point }) => point.name !== chosen.point.name)]
    : fastest;
  const taken: Box[] = placed.map(({ x, y }) => around(x, y, 5));
  const labels: PlacedLabel[] = [];
  for (const item of wanted) {
    const strong = item === chosen;
    const text = item.point.name;
    const label = candidatesFor(item, text, strong).find((candidate) => {
      const box = boxOf(candidate);
      return within(box, plot) && !taken.some((other) => overlap(box, other));
    });
    if (label === undefined) continue;
    taken.push(boxOf(label));
    labels.push(label);
  }
  return labels;
}

function candidatesFor({ x, y }: Dot, text: string, strong: boolean): PlacedLabel[] {
  const lift = strong ? 14 : 10;
  return [
    { x: x - 4, y: y - lift, anchor: 'start' },
    { x: x - 4, y: y + lift + 8, anchor: 'start' },
    { x: x - 9, y: y + 4, anchor: 'end' },
    { x: x + 4, y: y - lift, anchor: 'end' },
    { x: x + 4, y: y + lift + 8, anchor: 'end' },
  ].map((place) => ({
    text,
    strong,
    x: place.x,
    y: place.y,
    anchor: place.anchor === 'end' ? 'end' : 'start',
  }));
}

/** A letter of the label's 12 pixel type is at most this wide on average. */
const letterPx = 6.6;

function boxOf({ text, x, y, anchor }: PlacedLabel): Box {
  const width = text.length * letterPx;
  const left = anchor === 'end' ? x - width : x;
  return { left, top: y - 10, right: left + width, bottom: y + 3 };
}

function around(x: number, y: number, by: number): Box {
  return { left: x - by, top: y - by, right: x + by, bottom: y + by };
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

function within(inner: Box, outer: Box): boolean {
  return (
    inner.left >= outer.left - 4 &&
    inner.right <= outer.right + 14 &&
    inner.top >= 0 &&
    inner.bottom <= outer.bottom
  );
}
